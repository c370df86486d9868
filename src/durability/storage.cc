#include "durability/storage.h"

#include <utility>

namespace kvstore::durability {
namespace {

SegmentPool::Options segment_options(const StorageOptions& options) {
  SegmentPool::Options segments;
  segments.segment_bytes = options.segment_bytes;
  segments.batch_bytes = options.batch_bytes;
  // Without a sync after each write the page cache is the cheaper way.
  segments.caching = options.mode == Mode::kAlways ? env::Caching::kDirect : env::Caching::kBuffered;
  return segments;
}

}  // namespace

Result<std::unique_ptr<Storage>> Storage::open(env::Directory& directory, store::Keyspace& keyspace,
                                               const env::Clock& clock, StorageOptions options) {
  std::unique_ptr<Storage> storage(new Storage(directory, keyspace, clock, std::move(options)));
  if (Status status = storage->start(); !status.ok()) return status;
  return storage;
}

Storage::~Storage() = default;

Status Storage::start() {
  if (Status status = directory_.lock(kLockName); !status.ok()) return status;
  RecoveryOptions recovery;
  recovery.segments = segment_options(options_);
  recovery.threads = options_.recovery_threads;
  recovery.progress = options_.on_recovery_progress;
  Result<Recovered> recovered = recover(directory_, keyspace_, clock_, recovery);
  if (!recovered.ok()) return recovered.status();
  recovered_ = std::move(recovered).value();
  if (recovered_.needs_snapshot) {
    if (Status status = take_first_snapshot(); !status.ok()) return status;
  }
  if (Status status = start_log(); !status.ok()) return status;
  start_snapshots();
  return {};
}

std::unique_ptr<SnapshotWriter> Storage::new_snapshot_writer() {
  SnapshotWriter::Options options;
  options.version = options_.version;
  options.database_id = to_text(recovered_.database_id);
  options.position = [this] { return log_ == nullptr ? recovered_.position.lsn : log_->end_lsn(); };
  // The snapshot must not be ahead of the log: the next start would find a gap.
  options.ensure_log_durable = [this](Lsn /*lsn*/) { return log_ == nullptr ? Status{} : log_->sync(); };
  options.on_room = [this] { progressed(); };
  options.shares_disk = [this, seen = std::uint64_t{0}]() mutable {
    const std::uint64_t commits = log_ == nullptr ? 0 : log_->commits();
    return std::exchange(seen, commits) != commits;
  };
  return std::make_unique<SnapshotWriter>(directory_, keyspace_, clock_, std::move(options));
}

// What somebody else wrote becomes ours before the first byte of log.
Status Storage::take_first_snapshot() { return new_snapshot_writer()->run().status(); }

void Storage::start_snapshots() {
  writer_ = new_snapshot_writer();
  SnapshotService::Options options = options_.snapshots;
  options.on_end = [this] {
    if (options_.snapshots.on_end) options_.snapshots.on_end();
    progressed();
  };
  const std::int64_t last_save_s =
      recovered_.snapshot_time_s != 0 ? recovered_.snapshot_time_s : clock_.wall_us() / 1'000'000;
  snapshots_ = std::make_unique<SnapshotService>(*writer_, *service_, *segments_, clock_, std::move(options),
                                                 recovered_.snapshot_lsn, last_save_s);
  snapshots_->start();
  service_->start();
}

void Storage::progressed() {
  if (options_.on_progress) options_.on_progress();
}

// The start's marker is on disk before anybody is served: it proves that the log can be written, and puts the end of
// what was recovered beyond doubt.
Status Storage::start_log() {
  segments_ = std::make_unique<SegmentPool>(directory_, segment_options(options_), std::move(recovered_.segments));
  const Log::Position& position = recovered_.position;
  if (position.segment.file == nullptr || position.offset + kBatchHeaderBytes > options_.segment_bytes) {
    if (Status status = segments_->prepare_one(); !status.ok()) return status;
  }
  Log::Options log_options;
  log_options.mode = options_.mode;
  log_options.on_failure = options_.on_failure;
  log_options.on_segment_taken = [this] {
    service_->segment_taken();
    if (snapshots_ != nullptr) snapshots_->log_grew();
  };
  log_options.on_progress = [this] {
    service_->progressed();
    progressed();
  };
  log_ = std::make_unique<Log>(*segments_, clock_, std::move(log_options), std::move(recovered_.position));
  LogService::Options service_options;
  service_options.on_disk_full = options_.on_disk_full;
  service_ = std::make_unique<LogService>(*log_, *segments_, std::move(service_options));
  return log_->write_marker();
}

Status Storage::close() {
  snapshots_->stop();
  return service_->stop();
}

}  // namespace kvstore::durability
