// Storage: a keyspace's place on disk: opens a data directory, recovers what is there, and keeps log and snapshots from
// then on. What the server and the embedded library share.
//
// Thread rule: open() and close() from one thread; the rest from any.
//
// Order: open() (recovery; the keyspace belongs to it alone) -> the engine is given log() -> use -> close().
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "durability/log.h"
#include "durability/log_service.h"
#include "durability/recovery.h"
#include "durability/segment_pool.h"
#include "durability/snapshot_service.h"
#include "durability/snapshot_writer.h"
#include "env/clock.h"
#include "env/directory.h"
#include "kvstore/status.h"
#include "store/keyspace.h"

namespace kvstore::durability {

// The file whose lock keeps a second server out of the directory.
inline constexpr const char* kLockName = "kvstore.db.lock";

struct StorageOptions {
  Mode mode = Mode::kAlways;
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;
  std::size_t batch_bytes = kBatchBytesMax;
  unsigned recovery_threads = 0;
  std::function<void(const RecoveryProgress&)> on_recovery_progress;
  // The log failed: nothing is acknowledged any more.
  std::function<void(const Status&)> on_failure;
  // A commit ended, or there is room again, on whatever thread that is.
  std::function<void()> on_progress;
  std::function<void(const Status&)> on_disk_full;  // see LogService
  std::string version;                              // of the program, for the snapshot
  SnapshotService::Options snapshots;               // on_end: on_progress is called as well
};

class Storage {
 public:
  // Errors: those of recover(); kUnavailable when another server uses the directory.
  [[nodiscard]] static Result<std::unique_ptr<Storage>> open(env::Directory& directory, store::Keyspace& keyspace,
                                                             const env::Clock& clock, StorageOptions options);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  [[nodiscard]] Log& log() { return *log_; }
  [[nodiscard]] LogService& service() { return *service_; }
  [[nodiscard]] SegmentPool& segments() { return *segments_; }
  [[nodiscard]] SnapshotService& snapshots() { return *snapshots_; }
  [[nodiscard]] SnapshotProgress snapshot_progress() const { return writer_->progress(); }
  // Whether writers may go on: neither the log nor a snapshot has too much waiting for the disk.
  [[nodiscard]] bool has_room() const { return log_->has_room() && writer_->has_room(); }
  // For threads that may wait until a snapshot has written more of what it holds.
  void wait_for_room() { writer_->wait_for_room(); }
  [[nodiscard]] const Recovered& recovered() const { return recovered_; }
  // Ends in good order: everything is synced, the log ends in a marker.
  Status close();

 private:
  Storage(env::Directory& directory, store::Keyspace& keyspace, const env::Clock& clock, StorageOptions options)
      : directory_(directory), keyspace_(keyspace), clock_(clock), options_(std::move(options)) {}
  [[nodiscard]] Status start();
  [[nodiscard]] Status start_log();
  [[nodiscard]] std::unique_ptr<SnapshotWriter> new_snapshot_writer();
  [[nodiscard]] Status take_first_snapshot();
  void start_snapshots();
  void progressed();

  env::Directory& directory_;
  store::Keyspace& keyspace_;
  const env::Clock& clock_;
  const StorageOptions options_;
  Recovered recovered_;
  std::unique_ptr<SegmentPool> segments_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<LogService> service_;
  std::unique_ptr<SnapshotWriter> writer_;
  std::unique_ptr<SnapshotService> snapshots_;
};

}  // namespace kvstore::durability
