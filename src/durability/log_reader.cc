#include "durability/log_reader.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/seeded_bug.h"

namespace kvstore::durability {
namespace {

Status corrupt(std::string message) { return {StatusCode::kCorruption, std::move(message)}; }

}  // namespace

Status LogReader::open() {
  files_.clear();
  used_ = 0;
  Result<std::vector<std::string>> names = directory_.list();
  if (!names.ok()) return names.status();
  for (const std::string& name : names.value()) {
    if (const std::optional<std::uint64_t> number = segment_number_of(name))
      files_.push_back({*number, 0, false, false, {}});
  }
  std::sort(files_.begin(), files_.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  const Status read = read_headers();
  const Status checked = check_files();  // in any case: what lies before a missing file can be read
  return read.ok() ? checked : read;
}

Status LogReader::read_headers() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    SegmentFile& file = files_[i];
    if (i > 0 && file.number != files_[i - 1].number + 1) {
      return corrupt(segment_name(files_[i - 1].number + 1) + " is missing in " + directory_.path());
    }
    if (Status status = open_file(file); !status.ok()) return status;
    file.file_bytes = file_bytes_;
    Result<std::string_view> page = window(0, kPageBytes);
    if (!page.ok()) return page.status();
    const HeaderState state = decode_segment_header(page.value(), file.header);
    if (state == HeaderState::kUnknownVersion) {
      return {StatusCode::kInvalidArgument, segment_name(file.number) + " in " + directory_.path() +
                                                " was written by another version of this program, which alone can "
                                                "read it"};
    }
    // A file that was renamed for its next use still has the header of its last one.
    file.has_header = state == HeaderState::kValid;
    file.in_use = file.has_header && (file.header.number == file.number || KV_SEEDED_BUG(segment_number_not_checked));
    if (file.in_use && file.header.segment_bytes != file.file_bytes) {
      return corrupt(segment_name(file.number) + " in " + directory_.path() + " should have " +
                     std::to_string(file.header.segment_bytes) + " bytes, but has " + std::to_string(file.file_bytes));
    }
  }
  return {};
}

// What can be said of the files from their headers alone.
Status LogReader::check_files() {
  const SegmentFile* last_used = nullptr;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const SegmentFile& file = files_[i];
    const std::string where = segment_name(file.number) + " in " + directory_.path();
    // Files are filled in the order of their numbers, each before the next is created.
    if (!file.in_use && i + 1 < files_.size() && file.file_bytes < files_[i + 1].file_bytes) {
      return corrupt(where + " was cut off: it has only " + std::to_string(file.file_bytes) + " bytes");
    }
    if (!file.has_header) continue;
    for (std::size_t j = 0; j < i; ++j) {
      if (!files_[j].has_header) continue;
      if (files_[j].header.database_id != file.header.database_id) {
        return corrupt(where + " belongs to another database than " + segment_name(files_[j].number));
      }
      if (files_[j].header.number == file.header.number && files_[j].header.salt == file.header.salt) {
        return corrupt(where + " and " + segment_name(files_[j].number) + " are copies of one file");
      }
    }
    if (!file.in_use) continue;
    if (last_used != nullptr && last_used->number + 1 == file.number &&
        (file.header.previous_salt != last_used->header.salt || file.header.salt != last_used->header.next_salt ||
         file.header.first_lsn < last_used->header.first_lsn)) {
      return corrupt(where + " does not follow " + segment_name(last_used->number));
    }
    last_used = &file;
    if (used_ == i) ++used_;
  }
  // Once begun, a log always has a file in use.
  if (last_used == nullptr && !files_.empty() && files_.front().number > 1) {
    return corrupt(segment_name(files_.front().number - 1) + " is missing in " + directory_.path());
  }
  return {};
}

// The salt of the batches in a file, as its header says or, where that cannot be read, its neighbours.
std::optional<std::uint64_t> LogReader::salt_of(std::size_t i) const {
  if (files_[i].in_use) return files_[i].header.salt;
  if (i > 0 && files_[i - 1].in_use) return files_[i - 1].header.next_salt;
  if (i + 1 < files_.size() && files_[i + 1].in_use) return files_[i + 1].header.previous_salt;
  return std::nullopt;
}

Status LogReader::open_file(const SegmentFile& file) {
  Result<std::unique_ptr<env::File>> opened =
      directory_.open(segment_name(file.number), env::OpenMode::kRead, env::Caching::kDirect);
  if (!opened.ok()) return opened.status();
  file_ = std::move(opened).value();
  window_bytes_ = 0;
  Result<std::uint64_t> size = file_->size();
  if (!size.ok()) return size.status();
  file_bytes_ = size.value();
  return {};
}

// The bytes at `offset`, at least `bytes` of them if the file has so many.
Result<std::string_view> LogReader::window(std::uint64_t offset, std::size_t bytes) {
  if (offset < window_offset_ || offset + bytes > window_offset_ + window_bytes_) {
    const std::uint64_t page = offset / kPageBytes * kPageBytes;
    const std::uint64_t rest = page < file_bytes_ ? file_bytes_ - page : 0;
    const std::size_t pages = (std::min<std::uint64_t>(rest, kWindowBytes) + kPageBytes - 1) / kPageBytes;
    // Of the header alone not more: most files are only asked for that.
    const std::size_t wanted = offset == 0 || pages == 0 ? kPageBytes : pages * kPageBytes;
    if (memory_bytes_ < wanted) {
      memory_ = PageMemory(wanted);
      memory_bytes_ = wanted;
    }
    Result<std::size_t> got = file_->read(page, {memory_.data(), wanted});
    if (!got.ok()) return got.status();
    window_offset_ = page;
    window_bytes_ = got.value();
  }
  return std::string_view(memory_.data() + (offset - window_offset_), window_offset_ + window_bytes_ - offset);
}

// The batch at this place, if its checksums hold and it is of this use of the file; `batch` is then all of it.
Result<std::optional<BatchHeader>> LogReader::batch_at(std::uint64_t number, std::uint64_t salt, std::uint64_t offset,
                                                       std::string_view& batch) {
  Result<std::string_view> bytes = window(offset, kBatchHeaderBytes);
  if (!bytes.ok()) return bytes.status();
  std::optional<BatchHeader> header = decode_batch_header(bytes.value());
  if (!header || header->segment_number != number || header->salt != salt) {
    return std::optional<BatchHeader>();
  }
  bytes = window(offset, header->disk_bytes);
  if (!bytes.ok()) return bytes.status();
  if (bytes.value().size() < header->disk_bytes) return std::optional<BatchHeader>();
  batch = bytes.value().substr(0, header->disk_bytes);
  if (!payload_checksum_holds(*header, batch)) return std::optional<BatchHeader>();
  return header;
}

// The batch at this place, if it goes on at `lsn`.
Result<std::optional<BatchHeader>> LogReader::next_batch(const SegmentFile& file, Lsn lsn, std::uint64_t place,
                                                         std::string_view& batch) {
  Result<std::optional<BatchHeader>> header = batch_at(file.number, file.header.salt, place, batch);
  const bool gap = header.ok() && header.value() && header.value()->first_lsn != lsn;
  if (gap && !KV_SEEDED_BUG(lsn_gap_not_checked)) return std::optional<BatchHeader>();
  return header;
}

std::size_t LogReader::position_of(Lsn from) const {
  std::size_t position = 0;
  while (position + 1 < used_ && files_[position + 1].header.first_lsn <= from) ++position;
  return position;
}

std::uint64_t LogReader::file_bytes(std::uint64_t number) const {
  const auto file = std::find_if(files_.begin(), files_.end(),
                                 [number](const auto& candidate) { return candidate.number == number; });
  KV_ASSERT(file != files_.end());
  return file->file_bytes;
}

std::uint64_t LogReader::bytes_from(Lsn from) const {
  std::uint64_t bytes = 0;
  for (std::size_t i = position_of(from); i < used_; ++i) bytes += files_[i].file_bytes;
  return bytes;
}

Result<LogEnd> LogReader::read(Lsn from, const Visitor& visit) {
  LogEnd end;
  if (empty()) {
    // Nothing can be read; but files whose headers are damaged may show that there was something.
    end.lsn = from;
    if (Status status = judge_tail(end); !status.ok()) return status;
    return end;
  }
  KV_ASSERT(first_lsn() <= from);
  std::size_t position = position_of(from);
  end.lsn = files_[position].header.first_lsn;
  for (; position < used_ && files_[position].header.first_lsn == end.lsn; ++position) {
    if (Status status = read_segment(files_[position], from, visit, end); !status.ok()) return status;
  }
  if (Status status = judge_tail(end); !status.ok()) return status;
  // A snapshot is renamed into place only when the log before its LSN is on disk.
  if (!end.damage && end.lsn < from) {
    end.damage = LogDamage{end.segment->number, end.offset, end.lsn, from, 0, 0};
  }
  return end;
}

Status LogReader::read_segment(const SegmentFile& file, Lsn from, const Visitor& visit, LogEnd& end) {
  if (Status status = open_file(file); !status.ok()) return status;
  end.segment = &file;
  end.offset = kPageBytes;
  while (end.offset + kBatchHeaderBytes <= file.file_bytes) {
    std::uint64_t place = end.offset;
    std::string_view batch;
    Result<std::optional<BatchHeader>> header = next_batch(file, end.lsn, place, batch);
    if (header.ok() && !header.value() && place % kPageBytes != 0) {
      place = next_page(place);
      header = next_batch(file, end.lsn, place, batch);
    }
    if (!header.ok()) return header.status();
    if (!header.value()) break;
    const PlacedBatch placed{file, place, *header.value(),
                             batch.substr(kBatchHeaderBytes, header.value()->payload_bytes)};
    end.lsn = header.value()->end_lsn();
    end.offset = place + batch.size();
    ++end.batches;
    if (end.lsn > from || (placed.header.flags & BatchHeader::kFirstOfStart) != 0) {
      if (Status status = visit(placed); !status.ok()) return status;
    }
  }
  return {};
}

// Rules 4 and 5: was what lies behind the end acknowledged?
Status LogReader::judge_tail(LogEnd& end) {
  const std::uint64_t end_number = end.segment != nullptr ? end.segment->number : 0;
  LogDamage damage{end_number, end.offset, end.lsn, end.lsn, 0, 0};
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const SegmentFile& file = files_[i];
    if (file.number < end_number) continue;
    // Bytes of a value may look like a batch, but nobody outside can know a salt. Only before there is any file in use
    // is a batch of whatever salt looked at.
    const std::optional<std::uint64_t> salt = salt_of(i);
    if (!salt && used_ > 0) continue;
    const std::uint64_t begin = file.number == end_number ? end.offset : 0;
    Result<bool> torn = judge_file(file, salt, begin, damage);
    if (!torn.ok()) return torn.status();
    // A segment in use whose batches are all gone was begun by a write that never ended.
    if (torn.value() || (file.in_use && file.number > end_number)) {
      end.torn.push_back({file.number, file.number == end_number ? end.offset : 0});
    }
  }
  if (damage.durable_lsn > end.lsn && !KV_SEEDED_BUG(damage_cut_as_torn)) end.damage = damage;
  return {};
}

// Looks wherever from `begin` on a batch may begin; true when there was a batch of this use of the file, whole or not.
Result<bool> LogReader::judge_file(const SegmentFile& file, std::optional<std::uint64_t> salt, std::uint64_t begin,
                                   LogDamage& damage) {
  if (Status status = open_file(file); !status.ok()) return status;
  bool found = false;
  for (std::uint64_t at = begin; at + kBatchHeaderBytes <= file.file_bytes; at += kBatchStepBytes) {
    Result<std::string_view> bytes = window(at, kBatchHeaderBytes);
    if (!bytes.ok()) return bytes.status();
    const std::optional<BatchHeader> header = decode_batch_header(bytes.value());
    if (!header && at == begin && salt && is_damaged_header(bytes.value(), file.number, *salt)) found = true;
    if (!header || header->segment_number != file.number) continue;
    if (salt && header->salt != *salt && !KV_SEEDED_BUG(salt_not_checked)) continue;
    // Where the log went on in this file, it is the file's header that is missing.
    const bool goes_on = !found && !file.in_use && at == kPageBytes && header->first_lsn == damage.lsn;
    if (damage.segment_number == 0 || goes_on) {
      damage.segment_number = file.number;
      damage.offset = 0;
    }
    found = true;
    damage.durable_lsn = std::max(damage.durable_lsn, header->durable_lsn);
    std::string_view batch;
    Result<std::optional<BatchHeader>> intact = batch_at(file.number, header->salt, at, batch);
    if (!intact.ok()) return intact.status();
    if (!intact.value()) continue;
    ++damage.intact_batches;
    damage.intact_bytes += intact.value()->payload_bytes;
  }
  return found;
}

std::string LogReader::describe(const LogDamage& damage) const {
  std::string text = segment_name(damage.segment_number) + " in " + directory_.path() + " is damaged at offset " +
                     std::to_string(damage.offset) + " (LSN " + std::to_string(damage.lsn) +
                     "): everything up to LSN " + std::to_string(damage.durable_lsn) + " was acknowledged. ";
  text += damage.intact_batches == 0
              ? "Nothing behind the damage is intact. "
              : std::to_string(damage.intact_batches) + " batches with " + std::to_string(damage.intact_bytes) +
                    " bytes behind the damage are intact. ";
  text += "Restore a backup, or look at it with: kv_store_check --data-dir " + directory_.path() +
          "; to give up what follows LSN " + std::to_string(damage.lsn) + " in a copy: kv_store_check --data-dir " +
          directory_.path() + " --cut " + std::to_string(damage.lsn) + " --output COPY";
  return text;
}

}  // namespace kvstore::durability
