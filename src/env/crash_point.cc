#include "env/crash_point.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "base/assert.h"

namespace kvstore::env {
namespace {

// Beyond this number of pending changes of names, or of sets, not all sets are tried.
constexpr std::size_t kMaxNamesTriedWhole = 10;
constexpr std::size_t kMaxNameSets = 64;
// With more pages pending, choices are worked out when they are used.
constexpr std::size_t kMaxPagesPrepared = 8;
constexpr std::size_t kMaxPagesFine = 4;

bool share_a_name(const NameChange& a, const NameChange& b) {
  const auto touches = [](const NameChange& change, const std::string& name) {
    return change.name == name || (change.kind == DiskOperation::Kind::kRename && change.to == name);
  };
  return touches(a, b.name) || (b.kind == DiskOperation::Kind::kRename && touches(a, b.to));
}

// Takes out what cannot have happened without a change that is not there.
void drop_dependent(const std::vector<NameChange>& changes, std::vector<bool>& taken) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    for (std::size_t j = 0; j < i && taken[i]; ++j) {
      if (!taken[j] && share_a_name(changes[i], changes[j])) taken[i] = false;
    }
  }
}

std::string words_of(const NameChange& change) {
  switch (change.kind) {
    case DiskOperation::Kind::kCreate:
      return "create " + change.name;
    case DiskOperation::Kind::kRename:
      return "rename " + change.name + " to " + change.to;
    default:
      return "remove " + change.name;
  }
}

}  // namespace

CrashPoint::CrashPoint(const CrashModel& model, SeededRandom& random, std::size_t fine_limit) : model_(model) {
  choose_names(random);
  std::size_t pages = 0;
  std::set<FileNumber> named;
  for (const NameSet& set : name_sets_) {
    for (const auto& [name, number] : set.names) {
      if (named.insert(number).second) pages += model.file(number).pages.size();
    }
  }
  for (const FileNumber number : named) {
    const ModelFile& file = model.file(number);
    if (!file.pages.empty() || !file.sizes.empty()) files_.push_back({number, &file, 0, {}});
  }
  build(pages <= kMaxPagesFine, random);
  if (pages <= kMaxPagesFine && combinations(fine_limit + 1) > fine_limit) build(false, random);
}

void CrashPoint::build(bool fine, SeededRandom& random) {
  counts_.clear();
  all_arrived_.clear();
  is_page_.clear();
  add_dimension(name_sets_.size(), all_names_, false);
  for (FileChoices& file : files_) {
    file.size_dimension = dimensions();
    file.pages.clear();
    add_dimension(1 + file.file->sizes.size(), file.file->sizes.size(), false);
    for (const auto& [number, pending] : file.file->pages) add_page(file, number, pending, fine, random);
  }
}

void CrashPoint::add_dimension(std::size_t choices, std::size_t all_arrived, bool is_page) {
  counts_.push_back(choices);
  all_arrived_.push_back(all_arrived);
  is_page_.push_back(is_page);
}

// The first set is the one without any change.
void CrashPoint::choose_names(SeededRandom& random) {
  const std::vector<NameChange>& changes = model_.name_changes();
  std::set<std::vector<bool>> sets;
  const std::vector<bool> none(changes.size(), false);
  const std::vector<bool> all(changes.size(), true);
  const auto add = [&](std::vector<bool> taken) {
    drop_dependent(changes, taken);
    if (taken != none && taken != all) sets.insert(std::move(taken));
  };
  if (changes.size() <= kMaxNamesTriedWhole) {
    for (std::size_t bits = 0; bits < std::size_t{1} << changes.size(); ++bits) {
      std::vector<bool> taken = none;
      for (std::size_t i = 0; i < changes.size(); ++i) taken[i] = (bits >> i & 1U) != 0;
      add(std::move(taken));
    }
  }
  if (changes.size() > kMaxNamesTriedWhole || sets.size() > kMaxNameSets) {
    sets.clear();
    for (std::size_t i = 0; i < std::min(changes.size(), kMaxNameSets / 4); ++i) {
      // The latest changes are the ones a program is careless about.
      const std::size_t at = changes.size() - 1 - i;
      std::vector<bool> prefix = none;
      std::fill(prefix.begin(), prefix.begin() + static_cast<std::ptrdiff_t>(at), true);
      add(std::move(prefix));
      std::vector<bool> without = all;
      without[at] = false;
      add(std::move(without));
    }
    for (std::size_t i = 0; i < kMaxNameSets / 2; ++i) {
      std::vector<bool> taken = none;
      const std::uint64_t in_four = 1 + random.below(3);
      for (std::size_t j = 0; j < taken.size(); ++j) taken[j] = random.below(4) < in_four;
      add(std::move(taken));
    }
  }
  if (!changes.empty()) add_name_set(none);
  for (const std::vector<bool>& taken : sets) add_name_set(taken);
  add_name_set(all);
}

void CrashPoint::add_name_set(const std::vector<bool>& taken) {
  NameSet set;
  set.names = model_.firm_names();
  for (std::size_t i = 0; i < taken.size(); ++i) {
    const NameChange& change = model_.name_changes()[i];
    if (taken[i]) {
      CrashModel::change(set.names, change);
    } else {
      set.missing += (set.missing.empty() ? "without " : ", ") + words_of(change);
    }
  }
  // Sets that give the same names are one; the last call is the one with all changes.
  const auto same = std::find_if(name_sets_.begin(), name_sets_.end(),
                                 [&](const NameSet& earlier) { return earlier.names == set.names; });
  all_names_ = static_cast<std::size_t>(same - name_sets_.begin());
  if (same == name_sets_.end()) name_sets_.push_back(std::move(set));
}

void CrashPoint::add_page(FileChoices& file, std::uint64_t number, const PendingPage& pending, bool fine,
                          SeededRandom& random) {
  using What = PageChoice::What;
  std::vector<PageChoice> choices;
  const auto add = [&](What what, std::size_t at) { choices.push_back({what, at, false, nullptr}); };
  for (std::size_t i = 0; i <= pending.versions.size(); ++i) add(What::kVersion, i);
  if (!pending.versions.empty()) {
    const PageVersion& last = pending.versions.back();
    std::vector<std::size_t> cuts;
    std::vector<std::size_t> sectors;
    for (std::size_t at = last.begin / kSectorBytes * kSectorBytes; at < last.end; at += kSectorBytes) {
      sectors.push_back(at);
      if (at > last.begin) cuts.push_back(at);
    }
    if (cuts.empty() && last.end - last.begin > 1) {
      cuts.push_back(last.begin + 1 + random.below(last.end - last.begin - 1));
    }
    const auto add_each_or_one = [&](What what, const std::vector<std::size_t>& from) {
      if (from.empty()) return;
      if (!fine) return add(what, from[random.below(from.size())]);
      for (const std::size_t at : from) add(what, at);
    };
    add_each_or_one(What::kFront, cuts);
    add_each_or_one(What::kBack, cuts);
    add_each_or_one(What::kGarbageSector, sectors);
  }
  if (pending.fresh_from < kPageBytes) add(What::kGarbageGrowth, pending.fresh_from);

  PendingChoices page_choices{number, &pending, {}};
  std::size_t all_arrived = pending.versions.size();
  if (file.file->pages.size() <= kMaxPagesPrepared) {
    // Choices that give the same bytes are one.
    for (std::size_t i = 0; i < choices.size(); ++i) {
      choices[i].page = page(file, page_choices, choices[i], random);
      choices[i].ready = true;
      const auto same = std::find_if(page_choices.choices.begin(), page_choices.choices.end(),
                                     [&](const PageChoice& c) { return same_bytes(c.page, choices[i].page); });
      if (i == pending.versions.size()) all_arrived = static_cast<std::size_t>(same - page_choices.choices.begin());
      if (same == page_choices.choices.end()) page_choices.choices.push_back(choices[i]);
    }
  } else {
    page_choices.choices = std::move(choices);
  }
  add_dimension(page_choices.choices.size(), all_arrived, true);
  file.pages.push_back(std::move(page_choices));
}

std::size_t CrashPoint::combinations(std::size_t limit) const {
  std::size_t product = 1;
  for (const std::size_t count : counts_) {
    product *= count;
    if (product >= limit) return limit;
  }
  return product;
}

std::uint64_t CrashPoint::size_of(const FileChoices& file, const Combination& combination) const {
  const std::size_t choice = combination[file.size_dimension];
  return choice == 0 ? file.file->firm.size() : file.file->sizes[choice - 1];
}

bool CrashPoint::redundant(const Combination& combination) const {
  const CrashModel::Names& names = name_sets_[combination[0]].names;
  for (const FileChoices& file : files_) {
    const bool named = std::any_of(names.begin(), names.end(), [&](const auto& n) { return n.second == file.number; });
    if (!named && combination[file.size_dimension] != 0) return true;
    const std::uint64_t visible = named ? pages_for(size_of(file, combination)) : 0;
    for (std::size_t i = file.pages.size(); i > 0 && file.pages[i - 1].number >= visible; --i) {
      if (combination[file.size_dimension + i] != 0) return true;
    }
  }
  return false;
}

std::unique_ptr<MemoryDirectory> CrashPoint::disk(const Combination& combination, SeededRandom& random) const {
  auto disk = std::make_unique<MemoryDirectory>();
  for (const auto& [name, number] : name_sets_[combination[0]].names) {
    const auto pending = std::find_if(files_.begin(), files_.end(),
                                      [number = number](const FileChoices& file) { return file.number == number; });
    disk->put(name, pending == files_.end() ? model_.file(number).firm : contents(*pending, combination, random));
  }
  return disk;
}

PagedBytes CrashPoint::contents(const FileChoices& file, const Combination& combination, SeededRandom& random) const {
  // From whichever side fewer pages differ.
  std::size_t old_pages = 0;
  std::size_t new_pages = 0;
  for (std::size_t i = 0; i < file.pages.size(); ++i) {
    const std::size_t dimension = file.size_dimension + 1 + i;
    old_pages += combination[dimension] == 0 ? 1 : 0;
    new_pages += combination[dimension] == all_arrived_[dimension] ? 1 : 0;
  }
  const bool from_old = old_pages >= new_pages;
  PagedBytes bytes = from_old ? file.file->firm : file.file->current;
  bytes.resize(size_of(file, combination));
  std::vector<PagedBytes::NumberedPage> changed;
  for (std::size_t i = 0; i < file.pages.size(); ++i) {
    const std::size_t dimension = file.size_dimension + 1 + i;
    const PendingChoices& page_choices = file.pages[i];
    if (page_choices.number >= pages_for(bytes.size())) break;
    if (combination[dimension] == (from_old ? 0 : all_arrived_[dimension])) continue;
    const PageChoice& choice = page_choices.choices[combination[dimension]];
    changed.emplace_back(page_choices.number, choice.ready ? choice.page : page(file, page_choices, choice, random));
  }
  bytes.set_pages(changed);
  return bytes;
}

PageRef CrashPoint::page(const FileChoices& file, const PendingChoices& pending, const PageChoice& choice,
                         SeededRandom& random) const {
  const std::vector<PageVersion>& versions = pending.pending->versions;
  const auto version = [&](std::size_t writes) {
    return writes == 0 ? file.file->firm.page(pending.number) : versions[writes - 1].after;
  };
  if (choice.what == PageChoice::What::kVersion) return version(choice.at);
  if (choice.what == PageChoice::What::kGarbageGrowth) {
    Page bytes = bytes_of(version(0));
    fill_with_garbage(bytes, choice.at, kPageBytes, random);
    return make_page(bytes);
  }
  Page bytes = bytes_of(version(versions.size()));
  if (choice.what == PageChoice::What::kGarbageSector) {
    const Page good = bytes;
    fill_with_garbage(bytes, choice.at, choice.at + kSectorBytes, random);
    for (const auto& [begin, end] : pending.pending->certain) {
      std::memcpy(bytes.data() + begin, good.data() + begin, end - begin);
    }
    return make_page(bytes);
  }
  const Page before = bytes_of(version(versions.size() - 1));
  const bool front = choice.what == PageChoice::What::kFront;
  const std::size_t begin = front ? choice.at : 0;
  const std::size_t end = front ? kPageBytes : choice.at;
  std::memcpy(bytes.data() + begin, before.data() + begin, end - begin);
  return make_page(bytes);
}

// Random bytes, or what an earlier file left on the disk: that looks like real records and is more likely to deceive.
void CrashPoint::fill_with_garbage(Page& page, std::size_t begin, std::size_t end, SeededRandom& random) const {
  const std::vector<PageRef>& stale = model_.stale_pages();
  if (!stale.empty() && random.below(2) == 0) {
    std::memcpy(page.data() + begin, stale[random.below(stale.size())]->data() + begin, end - begin);
    return;
  }
  for (std::size_t i = begin; i < end; i += sizeof(std::uint64_t)) {
    const std::uint64_t bits = random.next();
    std::memcpy(page.data() + i, &bits, std::min(sizeof(bits), end - i));
  }
}

std::string CrashPoint::to_text(const Combination& combination) const {
  constexpr std::size_t kMaxParts = 8;
  std::vector<std::string> parts;
  std::size_t more = 0;
  const auto add = [&](std::string part) {
    parts.size() < kMaxParts ? parts.push_back(std::move(part)) : void(++more);
  };
  if (!name_sets_[combination[0]].missing.empty()) add(name_sets_[combination[0]].missing);
  for (const FileChoices& file : files_) {
    if (combination[file.size_dimension] != all_arrived_[file.size_dimension]) {
      add(file.file->name + " size " + std::to_string(size_of(file, combination)));
    }
    for (std::size_t i = 0; i < file.pages.size(); ++i) {
      const std::size_t dimension = file.size_dimension + 1 + i;
      if (combination[dimension] == all_arrived_[dimension]) continue;
      if (parts.size() == kMaxParts) {
        ++more;
        continue;
      }
      const PageChoice& choice = file.pages[i].choices[combination[dimension]];
      static constexpr const char* kWords[] = {"writes ", "front to ", "back from ", "garbage sector at ",
                                               "garbage from "};
      add(file.file->name + " page " + std::to_string(file.pages[i].number) + " " +
          kWords[static_cast<std::size_t>(choice.what)] + std::to_string(choice.at));
    }
  }
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  if (more > 0) text += "; and " + std::to_string(more) + " more";
  return text.empty() ? "all arrived" : text;
}

}  // namespace kvstore::env
