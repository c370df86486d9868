#include "env/crash_model.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace kvstore::env {

using Kind = DiskOperation::Kind;

namespace {

PageRef with_bytes_of(const PageRef& to, const PageRef& from, std::size_t begin, std::size_t end) {
  Page mixed = bytes_of(to);
  std::memcpy(mixed.data() + begin, bytes_of(from).data() + begin, end - begin);
  return make_page(mixed);
}

// Calls visit(page, begin, end) for the part of [offset, offset + length) in each page.
template <typename Visit>
void for_each_page(std::uint64_t offset, std::uint64_t length, Visit visit) {
  for (const std::uint64_t last = offset + length; offset < last;) {
    const std::size_t begin = offset % kPageBytes;
    const auto end = static_cast<std::size_t>(std::min<std::uint64_t>(kPageBytes, begin + (last - offset)));
    visit(offset / kPageBytes, begin, end);
    offset += end - begin;
  }
}

void add_version(PendingPage& page, PageVersion version) {
  page.versions.push_back(std::move(version));
  page.lost = false;
  page.certain.clear();
}

}  // namespace

CrashModel::CrashModel(const DiskTrace& trace) {
  for (const auto& [name, start] : trace.start) {
    ModelFile file;
    file.name = name;
    file.firm = file.current = start.bytes;
    files_.emplace(start.file, std::move(file));
    firm_names_.emplace(name, start.file);
  }
  names_ = firm_names_;
}

void CrashModel::apply(const DiskOperation& operation) {
  switch (operation.kind) {
    case Kind::kCreate:
      files_[operation.file].name = operation.name;
      [[fallthrough]];
    case Kind::kRename:
    case Kind::kRemove:
      return change_names(operation);
    case Kind::kSyncDirectory:
      firm_names_ = names_;
      return name_changes_.clear();
    case Kind::kWrite:
      return write(files_[operation.file], operation);
    case Kind::kFirm:
      return make_firm(files_[operation.file], operation.offset, operation.length);
    case Kind::kTruncate:
      return truncate(files_[operation.file], operation.length);
    case Kind::kSync:
      return sync(files_[operation.file]);
    case Kind::kSyncFailed:
      for (auto& [number, page] : files_[operation.file].pages) page.lost = true;
      return;
    case Kind::kNote:
    case Kind::kAcknowledge:
      return;
  }
}

void CrashModel::change(Names& names, const NameChange& change) {
  if (change.kind == Kind::kCreate) {
    names.insert_or_assign(change.name, change.file);
    return;
  }
  const auto found = names.find(change.name);
  if (change.kind == Kind::kRename) names.insert_or_assign(change.to, found->second);
  names.erase(found);
}

void CrashModel::change_names(const DiskOperation& operation) {
  // What loses its name gives its blocks back to the disk.
  const auto gone = names_.find(operation.kind == Kind::kRename ? operation.to : operation.name);
  if (operation.kind != Kind::kCreate && gone != names_.end()) remember_stale(files_[gone->second].current, 0);
  NameChange next;
  next.kind = operation.kind;
  next.name = operation.name;
  next.to = operation.to;
  next.file = operation.file;
  change(names_, next);
  if (operation.kind == Kind::kRename) files_[names_.at(operation.to)].name = operation.to;
  name_changes_.push_back(std::move(next));
}

PendingPage& CrashModel::pending(ModelFile& file, std::uint64_t page) {
  const auto [entry, added] = file.pages.try_emplace(page);
  if (added && file.firm.size() < (page + 1) * kPageBytes) {
    const std::uint64_t start = page * kPageBytes;
    entry->second.fresh_from = file.firm.size() > start ? static_cast<std::size_t>(file.firm.size() - start) : 0;
  }
  return entry->second;
}

void CrashModel::set_size(ModelFile& file, std::uint64_t size) {
  const std::uint64_t before = file.current.size();
  if (size == before) return;
  file.current.resize(size);
  file.sizes.push_back(size);
  for (std::uint64_t page = before / kPageBytes; page < pages_for(size); ++page) (void)pending(file, page);
}

void CrashModel::write(ModelFile& file, const DiskOperation& operation) {
  set_size(file, std::max(file.current.size(), operation.offset + operation.length));
  std::vector<PagedBytes::NumberedPage> changed;
  for_each_page(operation.offset, operation.length, [&](std::uint64_t number, std::size_t begin, std::size_t end) {
    const PageRef& after = operation.pages[number - operation.offset / kPageBytes];
    PendingPage& page = pending(file, number);
    add_version(page, {after, begin, end});
    changed.emplace_back(number, after);
  });
  file.current.set_pages(changed);
}

void CrashModel::truncate(ModelFile& file, std::uint64_t size) {
  const std::uint64_t before = file.current.size();
  if (size < before) {
    remember_stale(file.current, size / kPageBytes);
    const PagedBytes old = file.current;
    file.current.resize(size);
    for_each_page(size, before - size, [&](std::uint64_t number, std::size_t begin, std::size_t) {
      if (old.page(number) == nullptr && !file.pages.contains(number)) return;
      PendingPage& page = pending(file, number);
      add_version(page, {file.current.page(number), begin, kPageBytes});
    });
    file.sizes.push_back(size);
    return;
  }
  set_size(file, size);
}

void CrashModel::make_firm(ModelFile& file, std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return;
  const std::uint64_t needed = offset + length;
  file.firm.resize(std::max(file.firm.size(), needed));
  std::vector<PagedBytes::NumberedPage> certain;
  for_each_page(offset, length, [&](std::uint64_t number, std::size_t begin, std::size_t end) {
    const PageRef now = file.current.page(number);
    certain.emplace_back(number, with_bytes_of(file.firm.page(number), now, begin, end));
    PendingPage& page = file.pages[number];
    std::erase_if(page.versions, [&](const PageVersion& v) { return v.begin >= begin && v.end <= end; });
    for (PageVersion& version : page.versions) version.after = with_bytes_of(version.after, now, begin, end);
    page.fresh_from = kPageBytes;
    page.certain.emplace_back(begin, end);
    if (page.versions.empty()) file.pages.erase(number);
  });
  file.firm.set_pages(certain);
  for (std::uint64_t& size : file.sizes) size = std::max(size, needed);
  file.sizes.erase(std::unique(file.sizes.begin(), file.sizes.end()), file.sizes.end());
  if (!file.sizes.empty() && file.sizes.front() == file.firm.size()) file.sizes.erase(file.sizes.begin());
}

void CrashModel::sync(ModelFile& file) {
  file.firm.resize(file.current.size());
  file.sizes.clear();
  std::vector<PagedBytes::NumberedPage> certain;
  for (auto entry = file.pages.begin(); entry != file.pages.end();) {
    const bool beyond = entry->first >= pages_for(file.firm.size());
    if (!beyond && entry->second.lost) {
      ++entry;
      continue;
    }
    if (!beyond) certain.emplace_back(entry->first, file.current.page(entry->first));
    entry = file.pages.erase(entry);
  }
  file.firm.set_pages(certain);
}

void CrashModel::remember_stale(const PagedBytes& bytes, std::uint64_t first_page) {
  for (std::uint64_t page = first_page; page < pages_for(bytes.size()); ++page) {
    if (stale_pages_.size() == kMaxStalePages) return;
    if (PageRef found = bytes.page(page); found != nullptr) stale_pages_.push_back(std::move(found));
  }
}

}  // namespace kvstore::env
