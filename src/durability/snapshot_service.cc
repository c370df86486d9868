#include "durability/snapshot_service.h"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace kvstore::durability {
namespace {

// Below the workers: a snapshot takes what they leave. Not so low that it would starve holding a shard's lock.
constexpr int kNice = 5;

}  // namespace

SnapshotService::SnapshotService(SnapshotWriter& writer, LogService& log_service, const SegmentPool& segments,
                                 const env::Clock& clock, Options options, Lsn last_lsn, std::int64_t last_save_s)
    : writer_(writer),
      log_service_(log_service),
      segments_(segments),
      clock_(clock),
      options_(std::move(options)),
      last_save_s_(last_save_s),
      last_lsn_(last_lsn) {}

SnapshotService::~SnapshotService() { stop(); }

void SnapshotService::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kv-snapshot");
    setpriority(PRIO_PROCESS, 0, kNice);  // of this thread, in Linux
    run();
  });
}

void SnapshotService::stop() {
  writer_.stop();
  {
    const base::MutexLock lock(mutex_);
    stop_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::uint64_t SnapshotService::request() {
  const base::MutexLock lock(mutex_);
  // One that has not begun yet will see everything written before now.
  requested_ = std::max(requested_, begun_ + 1);
  wake_.notify_all();
  return requested_;
}

bool SnapshotService::in_progress() const {
  const base::MutexLock lock(mutex_);
  return ended_ < requested_;
}

std::optional<Status> SnapshotService::result(std::uint64_t number) const {
  const base::MutexLock lock(mutex_);
  if (number > ended_) return std::nullopt;
  return results_[number % kResultsKept];
}

Status SnapshotService::wait(std::uint64_t number) {
  const base::MutexLock lock(mutex_);
  while (!stop_ && number > ended_) wake_.wait(mutex_);
  if (number > ended_) return {StatusCode::kUnavailable, "no snapshot is taken any more"};
  return results_[number % kResultsKept];
}

void SnapshotService::log_grew() {
  if (options_.log_bytes_max == 0 || in_progress()) return;
  if (segments_.bytes_since(last_lsn()) >= options_.log_bytes_max) static_cast<void>(request());
}

void SnapshotService::run() {
  for (;;) {
    std::uint64_t number;
    {
      const base::MutexLock lock(mutex_);
      while (!stop_ && requested_ == begun_) wake_.wait(mutex_);
      if (stop_) return;
      number = ++begun_;
    }
    take(number);
  }
}

void SnapshotService::take(std::uint64_t number) {
  if (options_.on_report) {
    SnapshotReport report;
    report.begins = true;
    options_.on_report(report);
  }
  const std::int64_t began_us = clock_.monotonic_us();
  const Result<SnapshotTaken> taken = writer_.run();
  const std::int64_t duration_us = clock_.monotonic_us() - began_us;
  last_duration_us_.store(duration_us, std::memory_order_relaxed);
  last_ok_.store(taken.ok(), std::memory_order_relaxed);
  if (taken.ok()) {
    // Kept: this snapshot, the one before, and the log from that one on.
    log_service_.request_recycle(last_lsn());
    last_lsn_.store(taken.value().lsn, std::memory_order_relaxed);
    last_save_s_.store(clock_.wall_us() / 1'000'000, std::memory_order_relaxed);
  } else if (taken.status().code() == StatusCode::kNoSpace) {
    log_service_.request_room();
  }
  {
    const base::MutexLock lock(mutex_);
    ended_ = number;
    results_[number % kResultsKept] = taken.status();
    wake_.notify_all();
  }
  if (options_.on_report) {
    options_.on_report({false, taken.status(), taken.ok() ? taken.value() : SnapshotTaken{}, duration_us});
  }
  if (options_.on_end) options_.on_end();
}

}  // namespace kvstore::durability
