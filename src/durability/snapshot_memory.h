// SnapshotMemory: how much a running snapshot holds between the store and its file, and whether that is still little
// enough. Who writes to the store asks has_room() first, and waits when there is none: so a disk that is slower than
// the writers slows them, and memory stays bounded.
//
// The bound is bytes_max, and above it what the commands may add that began while there was room: it is said to be gone
// when a quarter is left, but one command (MSET) can change more buckets than that, or pin a larger value.
//
// Thread rule: any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>

#include "base/mutex.h"

namespace kvstore::durability {

class SnapshotMemory {
 public:
  explicit SnapshotMemory(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  [[nodiscard]] std::size_t bytes_max() const { return bytes_max_; }
  // relaxed everywhere: a gauge that publishes nothing.
  [[nodiscard]] bool has_room() const { return is_room(used_.load(std::memory_order_relaxed)); }
  [[nodiscard]] std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  void add(std::size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  // True when this made room where there was none. The waiting threads are woken then.
  bool subtract(std::size_t bytes) {
    const std::size_t before = used_.fetch_sub(bytes, std::memory_order_relaxed);
    if (is_room(before) || !is_room(before - bytes)) return false;
    // Through the mutex, so that a thread between its look and its sleep is not missed.
    { const base::MutexLock lock(mutex_); }
    changed_.notify_all();
    return true;
  }

  // For threads that have nothing else to do.
  void wait_for_room() {
    if (has_room()) return;
    const base::MutexLock lock(mutex_);
    while (!has_room()) changed_.wait(mutex_);
  }

 private:
  [[nodiscard]] bool is_room(std::size_t used) const { return used <= bytes_max_ - bytes_max_ / 4; }

  const std::size_t bytes_max_;
  std::atomic<std::size_t> used_{0};
  base::Mutex mutex_;
  std::condition_variable_any changed_;
};

}  // namespace kvstore::durability
