// SnapshotService: the thread that takes snapshots: when asked to, and when the log has grown. Once a snapshot is in
// place it lets go of the log that the one before it made superfluous: two generations can be recovered from.
//
// Thread rule: every function from any thread. start() before, stop() after all use.
// Invariants:
//   1. One snapshot at a time; a request during one is served by the next, which sees everything written before it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "durability/log.h"
#include "durability/log_service.h"
#include "durability/segment_pool.h"
#include "durability/snapshot_writer.h"
#include "env/clock.h"
#include "kvstore/status.h"

namespace kvstore::durability {

// What people are told of a snapshot.
struct SnapshotReport {
  bool begins = false;  // it begins now; otherwise it has ended, and the rest is filled in
  Status status;
  SnapshotTaken taken;
  std::int64_t duration_us = 0;
};

class SnapshotService {
 public:
  struct Options {
    std::uint64_t log_bytes_max = 0;  // of log files behind the last snapshot that cause the next; 0: no limit
    std::function<void(const SnapshotReport&)> on_report;
    std::function<void()> on_end;  // a snapshot has ended: those who wait can look
  };

  // `last`: the snapshot that was loaded at the start; its LSN is 0 when there was none.
  SnapshotService(SnapshotWriter& writer, LogService& log_service, const SegmentPool& segments, const env::Clock& clock,
                  Options options, Lsn last_lsn, std::int64_t last_save_s);
  ~SnapshotService();
  SnapshotService(const SnapshotService&) = delete;
  SnapshotService& operator=(const SnapshotService&) = delete;

  void start();
  // Breaks off a snapshot that is being taken.
  void stop();

  // Begins one soon, or behind the one being taken; returns its number.
  std::uint64_t request();
  // How that one ended; nothing while it has not. Kept for the last kResultsKept.
  [[nodiscard]] std::optional<Status> result(std::uint64_t number) const;
  // Waits until that one has ended, and says how; kUnavailable when the service was stopped before.
  [[nodiscard]] Status wait(std::uint64_t number);
  [[nodiscard]] bool in_progress() const;
  [[nodiscard]] std::int64_t last_save_s() const { return last_save_s_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool last_ok() const { return last_ok_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t last_duration_us() const { return last_duration_us_.load(std::memory_order_relaxed); }
  [[nodiscard]] Lsn last_lsn() const { return last_lsn_.load(std::memory_order_relaxed); }
  // The log has grown: requests a snapshot if it is time.
  void log_grew();

 private:
  static constexpr std::uint64_t kResultsKept = 64;

  void run();
  void take(std::uint64_t number);

  SnapshotWriter& writer_;
  LogService& log_service_;
  const SegmentPool& segments_;
  const env::Clock& clock_;
  const Options options_;

  mutable base::Mutex mutex_;
  std::condition_variable_any wake_;
  std::uint64_t requested_ KV_GUARDED_BY(mutex_) = 0;  // the highest number given out
  std::uint64_t begun_ KV_GUARDED_BY(mutex_) = 0;
  std::uint64_t ended_ KV_GUARDED_BY(mutex_) = 0;
  std::array<Status, kResultsKept> results_ KV_GUARDED_BY(mutex_);
  bool stop_ KV_GUARDED_BY(mutex_) = false;

  // relaxed: figures.
  std::atomic<std::int64_t> last_save_s_;
  std::atomic<bool> last_ok_{true};
  std::atomic<std::int64_t> last_duration_us_{0};
  std::atomic<Lsn> last_lsn_;

  std::thread thread_;
};

}  // namespace kvstore::durability
