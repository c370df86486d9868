#include "durability/log_service.h"

#include <pthread.h>

#include <chrono>
#include <utility>

namespace kvstore::durability {
namespace {

bool goes_on(const Status& status) { return status.ok() || SegmentPool::passes(status); }

}  // namespace

LogService::LogService(Log& log, SegmentPool& segments, Options options)
    : log_(log), segments_(segments), options_(std::move(options)) {}

LogService::~LogService() {
  if (keeper_.joinable()) static_cast<void>(stop());
}

void LogService::start() {
  keeper_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kv-log-keeper");
    run_keeper();
  });
  flusher_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kv-log-flusher");
    run_flusher();
  });
}

Status LogService::stop() {
  wake_flusher(kStop);
  flusher_.join();
  Status status = log_.sync();
  if (status.ok()) status = log_.write_marker();
  if (status.ok() && log_.mode() == Mode::kEverySecond) status = log_.sync();
  {
    const base::MutexLock lock(keeper_mutex_);
    keeper_stop_ = true;
    keeper_wake_.notify_all();
  }
  keeper_.join();
  return status;
}

// --- keeper --------------------------------------------------------------------------------------------------------

void LogService::request_recycle(Lsn lsn) {
  const base::MutexLock lock(keeper_mutex_);
  recycle_lsn_ = std::max(recycle_lsn_, lsn);
  keeper_wake_.notify_all();
}

void LogService::request_room() {
  const base::MutexLock lock(keeper_mutex_);
  room_wanted_ = true;
  keeper_wake_.notify_all();
}

void LogService::segment_taken() {
  const base::MutexLock lock(keeper_mutex_);
  segment_wanted_ = true;
  keeper_wake_.notify_all();
}

void LogService::run_keeper() {
  Lsn recycled = 0;
  bool full = false;
  int retry_ms = 0;  // 0: there is nothing to try again
  for (;;) {
    Lsn recycle = 0;
    bool drop_spares = false;
    {
      const base::MutexLock lock(keeper_mutex_);
      if (retry_ms > 0) {
        if (!keeper_stop_) keeper_wake_.wait_for(keeper_mutex_, std::chrono::milliseconds(retry_ms));
      } else {
        while (!keeper_stop_ && !segment_wanted_ && !room_wanted_ && recycle_lsn_ == recycled) {
          keeper_wake_.wait(keeper_mutex_);
        }
      }
      if (keeper_stop_) return;
      segment_wanted_ = false;
      drop_spares = std::exchange(room_wanted_, false);
      recycle = recycle_lsn_;
    }
    // A failure that passes keeps nothing from being tried: what comes later may bring the room that was missing.
    const Status let_go = recycle != recycled ? segments_.recycle(recycle) : Status{};
    if (let_go.ok()) recycled = recycle;
    const Status dropped = drop_spares && goes_on(let_go) ? segments_.drop_spares() : Status{};
    const Status prepared = goes_on(let_go) && goes_on(dropped) ? prepare_segment() : Status{};

    const Status& status = !let_go.ok() ? let_go : !dropped.ok() ? dropped : prepared;
    if (!goes_on(status)) {
      log_.fail(status);
      return;
    }
    // Connections over the limit are accepted before they are refused: for that moment all files may be taken.
    retry_ms = status.ok() ? 0 : status.code() == StatusCode::kNoSpace ? options_.disk_full_retry_ms : kFilesRetryMs;
    const bool full_now = status.code() == StatusCode::kNoSpace;
    if (full_now != full && options_.on_disk_full) options_.on_disk_full(full_now ? status : Status{});
    full = full_now;
  }
}

// Makes a segment ready if one is wanted. One at a time: where they are used as fast as they are made there is no end
// to it, and it is what is recycled that helps.
Status LogService::prepare_segment() {
  if (!segments_.wants_segment()) return {};
  Status status = segments_.prepare_one([this](std::chrono::microseconds pause) {
    if (pause.count() > 0) {
      const base::MutexLock lock(keeper_mutex_);
      // Looked at again under the mutex: who takes the last one then says so (segment_taken()), and ends the wait.
      if (!keeper_stop_ && segments_.ready_count() > 0) keeper_wake_.wait_for(keeper_mutex_, pause);
    }
    return log_.shall_fill_segment();
  });
  log_.segments_changed();
  const bool wants_another = segments_.wants_segment();
  const base::MutexLock lock(keeper_mutex_);
  segment_wanted_ = segment_wanted_ || wants_another;
  return status;
}

// --- flusher -------------------------------------------------------------------------------------------------------

void LogService::wake_flusher(unsigned what) {
  const base::MutexLock lock(flusher_mutex_);
  if ((flusher_wants_ & what) == what) return;
  flusher_wants_ |= what;
  flusher_wake_.notify_all();
}

void LogService::run_flusher() {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;
  const bool syncs = log_.mode() == Mode::kEverySecond;
  const milliseconds pause(options_.idle_marker_ms);
  steady_clock::time_point next_sync = steady_clock::now() + milliseconds(options_.sync_interval_ms);
  std::uint64_t commits_seen = log_.commits();
  bool watching = true;
  for (;;) {
    unsigned wants = 0;
    {
      const base::MutexLock lock(flusher_mutex_);
      if (flusher_wants_ == 0) {
        if (watching) {
          flusher_wake_.wait_for(flusher_mutex_, pause);
        } else {
          flusher_idle_.store(true, std::memory_order_relaxed);
          // A commit may have ended just before: look once more after some time, then for good when woken.
          if (commits_seen == log_.commits()) flusher_wake_.wait(flusher_mutex_);
          flusher_idle_.store(false, std::memory_order_relaxed);
        }
      }
      wants = std::exchange(flusher_wants_, 0);
    }
    if ((wants & kStop) != 0) return;
    if ((wants & kCommit) != 0) log_.commit_here();
    const bool unsynced = syncs && log_.durable_lsn() < log_.acknowledged_lsn();
    if ((wants & kSync) != 0 || (unsynced && steady_clock::now() >= next_sync)) {
      if (!log_.sync().ok()) return;
      next_sync = steady_clock::now() + milliseconds(options_.sync_interval_ms);
    }
    const std::uint64_t commits = log_.commits();
    if (commits != commits_seen) {
      commits_seen = commits;
      watching = true;
    } else if (wants == 0 && watching && !(syncs && log_.durable_lsn() < log_.acknowledged_lsn())) {
      // Nothing was written for a whole pause.
      if (!log_.write_marker().ok()) return;
      commits_seen = log_.commits();
      watching = false;
    }
  }
}

}  // namespace kvstore::durability
