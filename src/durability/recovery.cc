#include "durability/recovery.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/seeded_bug.h"
#include "durability/bytes.h"
#include "durability/group_parser.h"
#include "durability/log_applier.h"
#include "durability/log_reader.h"
#include "durability/page_memory.h"
#include "durability/rdb_loader.h"

namespace kvstore::durability {
namespace {

constexpr std::uint64_t kBytesBetweenProgress = std::uint64_t{16} << 20;
constexpr std::size_t kSectorBytes = 512;  // what a disk writes as a whole

Status corrupt(std::string message) { return {StatusCode::kCorruption, std::move(message)}; }

DatabaseId random_database_id() {
  DatabaseId id;
  KV_ASSERT(getrandom(id.data(), id.size(), 0) == static_cast<ssize_t>(id.size()));
  return id;
}

class Recovery {
 public:
  Recovery(env::Directory& directory, store::Keyspace& keyspace, const env::Clock& clock,
           const RecoveryOptions& options)
      : directory_(directory), keyspace_(keyspace), clock_(clock), options_(options), log_(directory) {}

  Result<Recovered> run() {
    // What was renamed or created before a crash is on disk from here on, or the start fails.
    if (options_.change_disk) {
      if (Status status = directory_.sync(); !status.ok()) return status;
    }
    if (Status status = log_.open(); !status.ok()) return status;
    for (const auto step : {&Recovery::load_snapshot, &Recovery::check_match, &Recovery::replay_log,
                            &Recovery::settle_disk, &Recovery::place_log}) {
      if (Status status = (this->*step)(); !status.ok()) return status;
    }
    return std::move(result_);
  }

 private:
  [[nodiscard]] Status load_snapshot();
  // False in `there`: no such file. kCorruption: it cannot be believed.
  [[nodiscard]] Status load(const char* name, bool& there);
  [[nodiscard]] Status check_match();
  [[nodiscard]] Status replay_log();
  [[nodiscard]] Status settle_disk();
  [[nodiscard]] Status sync_file(std::uint64_t number);
  [[nodiscard]] Status cut(const LogEnd::TornPart& part);
  [[nodiscard]] Status fill_with_zeros(std::uint64_t number, std::uint64_t offset);
  [[nodiscard]] Status place_log();
  [[nodiscard]] Status place_spares();
  void report(const char* stage, std::uint64_t done, std::uint64_t total, std::uint64_t keys) const {
    if (options_.progress) options_.progress({stage, done, total, keys});
  }

  env::Directory& directory_;
  store::Keyspace& keyspace_;
  const env::Clock& clock_;
  const RecoveryOptions& options_;
  LogReader log_;
  LogEnd end_;
  std::optional<DatabaseId> snapshot_id_;
  bool damaged_newest_ = false;
  Recovered result_;
};

// Cases A to F by what is there; G and K.
Status Recovery::load_snapshot() {
  bool newest_there = false;
  Status newest = load(kSnapshotName, newest_there);
  if (newest_there && newest.ok()) {
    result_.recovery_case = log_.empty() ? 'F' : 'C';
    return {};
  }
  if (newest_there && newest.code() != StatusCode::kCorruption) return newest;

  damaged_newest_ = newest_there;
  bool previous_there = false;
  Status previous = load(kPreviousSnapshotName, previous_there);
  if (previous_there && previous.ok()) {
    result_.recovery_case = 'D';
    // Without a newest one this is a crash between the two renames, which nobody needs to hear of.
    if (newest_there) {
      result_.warnings.push_back(newest.message() + "; using " + kPreviousSnapshotName + " and the log behind it");
    }
    return {};
  }
  if (previous_there && previous.code() != StatusCode::kCorruption) return previous;

  if (!log_.empty() && log_.first_lsn() == 0) {
    result_.recovery_case = 'E';
    if (newest_there) result_.warnings.push_back(newest.message() + "; the log reaches back to the beginning");
    return {};
  }
  if (newest_there || previous_there) {
    return corrupt((newest_there ? newest : previous).message() +
                   ", and the log does not reach back to the beginning: restore a backup");
  }
  if (!log_.empty()) {
    return corrupt(std::string(kSnapshotName) + " is missing in " + directory_.path() +
                   ": the log there begins at LSN " + std::to_string(log_.first_lsn()) + ", not at 0");
  }
  bool dump_there = false;
  Status dump = load(kRedisSnapshotName, dump_there);
  result_.recovery_case = dump_there ? 'B' : 'A';
  return dump;
}

Status Recovery::load(const char* name, bool& there) {
  Result<std::unique_ptr<env::File>> file = directory_.open(name, env::OpenMode::kRead, env::Caching::kBuffered);
  if (file.status().code() == StatusCode::kNotFound) return {};
  // Also when it cannot be opened: it must not be taken for missing.
  there = file.ok() || !KV_SEEDED_BUG(unreadable_taken_for_missing);
  if (!file.ok()) return file.status();
  const Result<std::uint64_t> size = file.value()->size();
  if (!size.ok()) return size.status();
  RdbFileSource source(*file.value(), size.value(), directory_.path() + "/" + name);
  RdbLoadOptions load_options;
  load_options.now_ms = clock_.wall_us() / 1000;
  load_options.threads = options_.threads;
  load_options.progress = [this](const RdbProgress& progress) {
    report("snapshot", progress.bytes_done, progress.bytes_total, progress.keys);
  };
  Result<RdbLoaded> loaded = load_rdb(source, keyspace_, load_options);
  Status status = loaded.status();
  if (status.ok() && loaded->info.lsn && !database_id_of(loaded->info.database_id)) {
    status = corrupt(std::string(name) + " names an LSN but no database");
  }
  if (!status.ok()) {
    store::WriteContext nothing;
    keyspace_.flush_all(nothing);
    return status;
  }
  result_.snapshot_name = name;
  result_.snapshot_keys = loaded->keys;
  result_.snapshot_time_s = static_cast<std::int64_t>(loaded->info.created_s.value_or(0));
  if (loaded->info.lsn) {
    result_.snapshot_lsn = *loaded->info.lsn;
    snapshot_id_ = database_id_of(loaded->info.database_id);
  }
  return {};
}

// Cases H and J.
Status Recovery::check_match() {
  if (!log_.empty() && !result_.snapshot_name.empty()) {
    if (!snapshot_id_ || *snapshot_id_ != log_.database_id()) {
      return corrupt(result_.snapshot_name + " in " + directory_.path() +
                     " and the log beside it are of different databases: move one of them away");
    }
    if (log_.first_lsn() > result_.snapshot_lsn) {
      return corrupt(result_.snapshot_name + " in " + directory_.path() + " ends at LSN " +
                     std::to_string(result_.snapshot_lsn) + ", but the log beside it begins at LSN " +
                     std::to_string(log_.first_lsn()) + ": log files are missing");
    }
  }
  if (!log_.empty()) {
    result_.database_id = log_.database_id();
  } else {
    result_.database_id = snapshot_id_ ? *snapshot_id_ : random_database_id();
    result_.needs_snapshot = !snapshot_id_ && !result_.snapshot_name.empty();
  }
  return {};
}

Status Recovery::replay_log() {
  LogApplier applier(keyspace_, options_.threads);
  GroupParser parser;
  const Lsn from = result_.snapshot_lsn;
  const std::uint64_t total = log_.empty() ? 0 : log_.bytes_from(from);
  std::uint64_t done = 0;
  std::uint64_t reported = 0;
  bool possible = true;
  Result<LogEnd> end = log_.read(from, [&](const PlacedBatch& batch) {
    const bool first_of_start = (batch.header.flags & BatchHeader::kFirstOfStart) != 0;
    if (first_of_start && !KV_SEEDED_BUG(first_of_start_ignored)) parser.drop_unfinished();
    std::string_view payload = batch.payload;
    // The snapshot's LSN is the end of a group: what lies before it is in the snapshot.
    if (batch.header.first_lsn < from) payload.remove_prefix(std::min(payload.size(), from - batch.header.first_lsn));
    const bool parsed = parser.feed(
        payload,
        [&](const LogRecord& record) {
          possible = possible && applier.apply(record);
          ++result_.log_records;
        },
        [&](std::size_t) { ++result_.log_groups; });
    done += batch.header.disk_bytes;
    if (done - reported >= kBytesBetweenProgress) {
      report("log", done, total, result_.log_records);
      reported = done;
    }
    if (parsed && possible) return Status{};
    return corrupt(segment_name(batch.segment.number) + " in " + directory_.path() + ": the batch at offset " +
                   std::to_string(batch.offset) + " (LSN " + std::to_string(batch.header.first_lsn) +
                   ") holds records that no version of this program writes");
  });
  if (!end.ok()) return end.status();
  if (!applier.finish()) return corrupt("the log in " + directory_.path() + " erases keys that are not there");
  end_ = std::move(end).value();
  if (end_.damage) return corrupt(log_.describe(*end_.damage));
  if (total > 0) report("log", total, total, result_.log_records);
  return {};
}

// From here on the start is certain, and the disk may change.
Status Recovery::settle_disk() {
  if (!options_.change_disk) {
    for (const LogEnd::TornPart& part : end_.torn) result_.cut_bytes += log_.file_bytes(part.number) - part.offset;
    return {};
  }
  if (Status status = directory_.remove(kTemporarySnapshotName);
      !status.ok() && status.code() != StatusCode::kNotFound) {
    return status;
  }
  if (damaged_newest_) {
    // Out of the way of the next snapshot, which would otherwise push the good one out.
    Status status = directory_.rename(kSnapshotName, kDamagedSnapshotName);
    if (status.ok()) status = directory_.sync();
    if (!status.ok()) return status;
  }
  // Kept: what was read may be in the hands of the kernel only, when the last process was killed. From here on it is
  // shown to clients and named as durable.
  for (const SegmentFile& file : log_.files()) {
    if (end_.segment == nullptr || file.number > end_.segment->number) break;
    if (KV_SEEDED_BUG(recovered_log_not_synced)) break;
    if (Status status = sync_file(file.number); !status.ok()) return status;
  }
  // The last file first: after a crash in between, what is left still looks like a torn tail.
  for (auto part = end_.torn.rbegin(); part != end_.torn.rend(); ++part) {
    if (KV_SEEDED_BUG(torn_tail_not_zeroed)) break;
    if (Status status = cut(*part); !status.ok()) return status;
  }
  return {};
}

Status Recovery::sync_file(std::uint64_t number) {
  Result<std::unique_ptr<env::File>> file =
      directory_.open(segment_name(number), env::OpenMode::kReadWrite, env::Caching::kDirect);
  return file.ok() ? file.value()->sync() : file.status();
}

Status Recovery::cut(const LogEnd::TornPart& part) {
  const std::uint64_t page = next_page(part.offset);
  if (page == part.offset) return fill_with_zeros(part.number, part.offset);
  // The page in which the log ends holds what was acknowledged, so it stays as it is, with what is torn in it. The rest
  // of that must not become whole for want of nothing but zeros, not even when this write is torn: a marker goes first,
  // padded with the salt, which no value can hold.
  result_.cut_bytes += page - part.offset;
  if (page + kPageBytes > log_.file_bytes(part.number)) return {};
  Result<std::unique_ptr<env::File>> file =
      directory_.open(segment_name(part.number), env::OpenMode::kReadWrite, env::Caching::kDirect);
  if (!file.ok()) return file.status();
  PageMemory marker(kPageBytes);
  BatchHeader header;
  header.segment_number = part.number;
  header.salt = end_.segment->header.salt;
  header.first_lsn = header.durable_lsn = end_.lsn;
  header.wall_us = clock_.wall_us();
  header.disk_bytes = kPageBytes;
  for (std::size_t at = kBatchHeaderBytes; at < kPageBytes; at += sizeof header.salt) {
    put_fixed(marker.data() + at, header.salt);
  }
  seal_batch(header, marker.data());
  if (Status status = file.value()->write_durably(page, {marker.data(), kPageBytes}); !status.ok()) return status;
  end_.offset = page + kPageBytes;
  return fill_with_zeros(part.number, end_.offset);
}

Status Recovery::fill_with_zeros(std::uint64_t number, std::uint64_t offset) {
  Result<std::unique_ptr<env::File>> file =
      directory_.open(segment_name(number), env::OpenMode::kReadWrite, env::Caching::kDirect);
  if (!file.ok()) return file.status();
  const Result<std::uint64_t> size = file.value()->size();
  if (!size.ok()) return size.status();
  const std::uint64_t end = size.value() / kPageBytes * kPageBytes;  // what lies behind is no page of a batch
  if (offset >= end) return {};
  // The header of the torn batch goes first, and nothing with it: what else is torn may be whole again for want of
  // nothing but zeros, and then a crash in here would leave a batch that was not there before.
  const PageMemory page(kPageBytes);
  const Result<std::size_t> read = file.value()->read(offset, {page.data(), kPageBytes});
  if (!read.ok()) return read.status();
  std::memset(page.data(), 0, kSectorBytes);
  if (!KV_SEEDED_BUG(torn_header_not_zeroed_first)) {
    if (Status status = file.value()->write_durably(offset, {page.data(), kPageBytes}); !status.ok()) return status;
  }
  const PageMemory zeros(std::min<std::uint64_t>(kBatchBytesMax, end - offset));
  for (std::uint64_t at = offset; at < end; at += kBatchBytesMax) {
    const std::uint64_t bytes = std::min<std::uint64_t>(kBatchBytesMax, end - at);
    if (Status status = file.value()->write(at, {zeros.data(), bytes}); !status.ok()) return status;
  }
  result_.cut_bytes += end - offset;
  return file.value()->sync();
}

Status Recovery::place_log() {
  Log::Position& position = result_.position;
  position.database_id = result_.database_id;
  position.lsn = std::max(end_.lsn, result_.snapshot_lsn);
  SegmentPool::Found& found = result_.segments;
  if (!log_.files().empty()) found.next_number = log_.files().front().number;
  for (const SegmentFile& file : log_.files()) {
    if (end_.segment == nullptr || file.number > end_.segment->number) break;
    found.used.push_back({file.number, file.header.first_lsn, file.file_bytes});
    found.next_number = file.number + 1;
  }
  if (!options_.change_disk) return {};
  if (Status status = place_spares(); !status.ok()) return status;
  if (end_.segment == nullptr) return {};
  position.salt = end_.segment->header.salt;
  position.next_salt = end_.segment->header.next_salt;
  // A segment of another size is left as it is; the next one has the size that is asked for now.
  if (end_.segment->file_bytes != options_.segments.segment_bytes) return {};
  Result<std::unique_ptr<env::File>> file =
      directory_.open(segment_name(end_.segment->number), env::OpenMode::kReadWrite, options_.segments.caching);
  if (!file.ok()) return file.status();
  position.segment = {end_.segment->number, std::move(file).value()};
  // A page in which a batch ends, as after a kill in kEverySecond, is not written again.
  position.offset = KV_SEEDED_BUG(recovered_page_written_again) ? end_.offset : next_page(end_.offset);
  return {};
}

// Files behind the log: those of full size are spares, up to the first that is not.
Status Recovery::place_spares() {
  SegmentPool::Found& found = result_.segments;
  std::uint64_t past_last = found.next_number;
  for (const SegmentFile& file : log_.files()) {
    if (file.number < found.next_number) continue;
    past_last = file.number + 1;
    if (file.number != found.next_number + found.spares || file.file_bytes != options_.segments.segment_bytes) continue;
    // It may have been filled by a process that was killed before it synced.
    if (!KV_SEEDED_BUG(spare_not_synced)) {
      if (Status status = sync_file(file.number); !status.ok()) return status;
    }
    ++found.spares;
  }
  // The others go, from the back, each before the next: a crash must leave neither a gap nor a file behind a short one.
  for (std::uint64_t number = past_last; number > found.next_number + found.spares; --number) {
    Status status = directory_.remove(segment_name(number - 1));
    if (status.ok()) status = directory_.sync();
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace

Result<Recovered> recover(env::Directory& directory, store::Keyspace& keyspace, const env::Clock& clock,
                          const RecoveryOptions& options) {
  return Recovery(directory, keyspace, clock, options).run();
}

}  // namespace kvstore::durability
