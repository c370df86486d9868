#include "durability/data_cut.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "durability/log_reader.h"
#include "durability/log_scan.h"
#include "durability/page_memory.h"
#include "durability/snapshot_check.h"
#include "durability/storage.h"

namespace kvstore::durability {
namespace {

constexpr std::uint64_t kCopyBytes = std::uint64_t{1} << 20;

// Writes the batches it is given into segment files of the same numbers, and cuts the stream at an LSN.
class LogCopy {
 public:
  LogCopy(env::Directory& to, Lsn end) : to_(to), end_(end), batch_(kBatchBytesMax) {}

  Status add(const PlacedBatch& placed) {
    if (placed.header.first_lsn >= end_) return {};
    if (file_ == nullptr || number_ != placed.segment.number) {
      if (Status status = finish(); !status.ok()) return status;
      if (Status status = begin(placed.segment); !status.ok()) return status;
    }
    BatchHeader header = placed.header;
    header.payload_bytes =
        static_cast<std::uint32_t>(std::min<Lsn>(placed.payload.size(), end_ - placed.header.first_lsn));
    if (header.payload_bytes < placed.payload.size()) {
      header.disk_bytes =
          static_cast<std::uint32_t>(round_up(kBatchHeaderBytes + header.payload_bytes, kBatchStepBytes));
    }
    const std::size_t bytes = header.disk_bytes;
    std::memset(batch_.data(), 0, bytes);
    if (header.payload_bytes > 0) {
      std::memcpy(batch_.data() + kBatchHeaderBytes, placed.payload.data(), header.payload_bytes);
    }
    seal_batch(header, batch_.data());
    Status status = file_->write(offset_, {batch_.data(), bytes});
    offset_ += bytes;
    return status;
  }

  // Fills the file with zeros up to its end, and syncs it.
  Status finish() {
    if (file_ == nullptr) return {};
    std::memset(batch_.data(), 0, kBatchBytesMax);
    while (offset_ < segment_bytes_) {
      const std::uint64_t bytes = std::min<std::uint64_t>(kBatchBytesMax, segment_bytes_ - offset_);
      if (Status status = file_->write(offset_, {batch_.data(), bytes}); !status.ok()) return status;
      offset_ += bytes;
    }
    Status status = file_->sync();
    file_.reset();
    return status;
  }
  [[nodiscard]] std::uint64_t segments() const { return segments_; }

 private:
  Status begin(const SegmentFile& segment) {
    Result<std::unique_ptr<env::File>> file =
        to_.open(segment_name(segment.number), env::OpenMode::kCreate, env::Caching::kBuffered);
    if (!file.ok()) return file.status();
    file_ = std::move(file).value();
    number_ = segment.number;
    segment_bytes_ = segment.header.segment_bytes;
    ++segments_;
    encode_segment_header(segment.header, batch_.data());
    offset_ = kPageBytes;
    return file_->write(0, {batch_.data(), kPageBytes});
  }

  env::Directory& to_;
  const Lsn end_;
  PageMemory batch_;
  std::unique_ptr<env::File> file_;
  std::uint64_t number_ = 0;
  std::uint64_t segment_bytes_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t segments_ = 0;
};

class Cutter {
 public:
  Cutter(env::Directory& from, env::Directory& to, const env::Clock& clock, const DataCutOptions& options)
      : from_(from), to_(to), clock_(clock), options_(options), reader_(from) {}

  Result<DataCut> run() {
    for (const auto step : {&Cutter::check_target, &Cutter::open_log, &Cutter::choose_snapshot, &Cutter::find_end,
                            &Cutter::copy_log, &Cutter::copy_snapshot}) {
      if (Status status = (this->*step)(); !status.ok()) return status;
    }
    return std::move(result_);
  }

 private:
  Status check_target();
  Status open_log();
  Status choose_snapshot();
  Status find_end();
  Status copy_log();
  Status copy_snapshot();
  [[nodiscard]] bool fits(const CheckedSnapshot& snapshot) const;
  void report(const char* stage, std::uint64_t done, std::uint64_t total, std::uint64_t keys) const {
    if (options_.progress) options_.progress({stage, done, total, keys});
  }

  env::Directory& from_;
  env::Directory& to_;
  const env::Clock& clock_;
  const DataCutOptions& options_;
  LogReader reader_;
  DataCut result_;
};

Status Cutter::check_target() {
  const Result<std::vector<std::string>> names = to_.list();
  if (!names.ok()) return names.status();
  for (const std::string& name : names.value()) {
    if (name != kLockName) {
      return {StatusCode::kInvalidArgument, to_.path() + " is not empty: a copy needs a directory of its own"};
    }
  }
  return {};
}

Status Cutter::open_log() {
  Status status = reader_.open();
  // A file that is missing or unreadable in the middle ends the log: what lies before it can be saved.
  return status.code() == StatusCode::kCorruption ? Status{} : status;
}

bool Cutter::fits(const CheckedSnapshot& snapshot) const {
  if (!snapshot.there || !snapshot.status.ok() || !snapshot.lsn || *snapshot.lsn > options_.lsn) return false;
  return reader_.empty() || (*snapshot.database_id == reader_.database_id() && reader_.first_lsn() <= *snapshot.lsn);
}

Status Cutter::choose_snapshot() {
  for (const char* name : {kSnapshotName, kPreviousSnapshotName}) {
    const CheckedSnapshot snapshot = check_snapshot(from_, name, clock_, [this](const RdbProgress& progress) {
      report("snapshot", progress.bytes_done, progress.bytes_total, progress.keys);
    });
    if (!fits(snapshot)) continue;
    result_.snapshot_name = name;
    result_.snapshot_lsn = *snapshot.lsn;
    return {};
  }
  if (!reader_.empty() && reader_.first_lsn() == 0) return {};
  return {StatusCode::kInvalidArgument, "no snapshot in " + from_.path() + " that can be read is from LSN " +
                                            std::to_string(options_.lsn) +
                                            " or before, and the log does not reach back to the beginning"};
}

Status Cutter::find_end() {
  result_.lsn = result_.snapshot_lsn;
  if (reader_.empty()) return {};
  LogScanOptions scan;
  scan.from = reader_.segment_start(result_.snapshot_lsn);
  scan.group_start = result_.snapshot_lsn;
  scan.on_group_end = [this](Lsn end) {
    if (end <= options_.lsn) result_.lsn = std::max(result_.lsn, end);
  };
  scan.on_progress = [this](std::uint64_t done, std::uint64_t total) { report("log", done, total, 0); };
  const Status status = scan_log(reader_, scan).status();
  return status.code() == StatusCode::kCorruption ? Status{} : status;
}

Status Cutter::copy_log() {
  if (reader_.empty() || result_.lsn == result_.snapshot_lsn) return {};
  LogCopy copy(to_, result_.lsn);
  const Result<LogEnd> read = reader_.read(reader_.segment_start(result_.snapshot_lsn),
                                           [&copy](const PlacedBatch& batch) { return copy.add(batch); });
  if (!read.ok()) return read.status();
  result_.segments = copy.segments();
  return copy.finish();
}

Status Cutter::copy_snapshot() {
  if (result_.snapshot_name.empty()) return to_.sync();
  Result<std::unique_ptr<env::File>> source =
      from_.open(result_.snapshot_name, env::OpenMode::kRead, env::Caching::kBuffered);
  if (!source.ok()) return source.status();
  Result<std::unique_ptr<env::File>> target =
      to_.open(kTemporarySnapshotName, env::OpenMode::kCreate, env::Caching::kBuffered);
  if (!target.ok()) return target.status();
  std::vector<char> buffer(kCopyBytes);
  std::uint64_t at = 0;
  for (;;) {
    const Result<std::size_t> got = source.value()->read(at, buffer);
    if (!got.ok()) return got.status();
    if (got.value() == 0) break;
    if (Status status = target.value()->write(at, {buffer.data(), got.value()}); !status.ok()) return status;
    at += got.value();
  }
  Status status = target.value()->sync();
  if (status.ok()) status = to_.rename(kTemporarySnapshotName, kSnapshotName);
  if (status.ok()) status = to_.sync();
  return status;
}

}  // namespace

Result<DataCut> cut_data(env::Directory& from, env::Directory& to, const env::Clock& clock,
                         const DataCutOptions& options) {
  return Cutter(from, to, clock, options).run();
}

}  // namespace kvstore::durability
