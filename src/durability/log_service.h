// LogService: the two threads of a log. The *keeper* prepares segments ahead and recycles old ones; it may wait for the
// disk as long as it likes. The *flusher* commits for those who cannot do it themselves, writes the marker of an idle
// log, and syncs several times a second where the mode says so.
//
// Thread rule: every function from any thread. start() before, stop() after all use.
// Invariants:
//   1. An idle log costs no wake-ups: the flusher polls only between a commit and the marker (or sync) after it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

#include "base/mutex.h"
#include "durability/log.h"
#include "durability/segment_pool.h"

namespace kvstore::durability {

class LogService {
 public:
  struct Options {
    int idle_marker_ms = 20;
    // Mode::kEverySecond. A second would keep the promise, but one large sync holds up what a few small ones do not.
    int sync_interval_ms = 250;
    int disk_full_retry_ms = 250;
    // Told when the disk turns out full (with the reason) and when there is room again (ok); on the keeper's thread.
    std::function<void(const Status&)> on_disk_full;
  };

  LogService(Log& log, SegmentPool& segments, Options options);
  ~LogService();
  LogService(const LogService&) = delete;
  LogService& operator=(const LogService&) = delete;

  void start();
  // Syncs the log, ends it with a marker, ends the threads. The log's failure, if it had one.
  Status stop();

  // The flusher commits soon.
  void request_commit() { wake_flusher(kCommit); }
  // Everything appended so far is synced soon, also in Mode::kEverySecond; durable_lsn() tells when.
  void request_sync() { wake_flusher(kSync); }
  // Segments that end at or before `lsn` are let go soon.
  void request_recycle(Lsn lsn);
  // The files that are kept for use again are removed soon: a snapshot has met a full disk.
  void request_room();
  // For Log::Options::on_segment_taken and on_progress.
  void segment_taken();
  void progressed() {
    // relaxed: the flusher looks again before it sleeps for good; a wake-up missed costs a marker, not data.
    if (flusher_idle_.load(std::memory_order_relaxed)) wake_flusher(kWatch);
  }

 private:
  static constexpr int kFilesRetryMs = 10;  // after too many files were open
  static constexpr unsigned kCommit = 1;
  static constexpr unsigned kSync = 2;
  static constexpr unsigned kWatch = 4;
  static constexpr unsigned kStop = 8;

  void run_keeper();
  [[nodiscard]] Status prepare_segment();
  void run_flusher();
  void wake_flusher(unsigned what);

  Log& log_;
  SegmentPool& segments_;
  const Options options_;

  base::Mutex keeper_mutex_;
  std::condition_variable_any keeper_wake_;
  Lsn recycle_lsn_ KV_GUARDED_BY(keeper_mutex_) = 0;
  bool segment_wanted_ KV_GUARDED_BY(keeper_mutex_) = true;
  bool room_wanted_ KV_GUARDED_BY(keeper_mutex_) = false;
  bool keeper_stop_ KV_GUARDED_BY(keeper_mutex_) = false;

  base::Mutex flusher_mutex_;
  std::condition_variable_any flusher_wake_;
  unsigned flusher_wants_ KV_GUARDED_BY(flusher_mutex_) = 0;
  std::atomic<bool> flusher_idle_{false};

  std::thread keeper_;
  std::thread flusher_;
};

}  // namespace kvstore::durability
