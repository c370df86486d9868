// SpinLock: a 4-byte lock for sections of well under a microsecond; sleeps on a futex when it has to wait longer.
//
// Thread rule: any thread. Not recursive.
// Invariants:
//   1. state_ is 0 (free), 1 (held, nobody sleeps) or 2 (held, somebody may sleep).
//   2. A thread sleeps only after it has set state_ to 2, so an unlock that finds 2 always wakes one.
// The three-state futex lock is the one in Ulrich Drepper, "Futexes are tricky" (2011), with spinning in front.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/assert.h"
#include "base/thread_annotations.h"

namespace kvstore::base {

class KV_CAPABILITY("mutex") SpinLock {
 public:
  SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void lock() KV_ACQUIRE() {
    std::uint32_t expected = kFree;
    // acquire: what the last holder wrote is visible from here on.
    if (state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire, std::memory_order_relaxed)) {
      return;
    }
    lock_slow();
  }

  void unlock() KV_RELEASE() {
    // release: publishes what this holder wrote to the next one.
    if (state_.exchange(kFree, std::memory_order_release) == kHeldWithSleepers) {
      wake_one();
    }
  }

  // Aborts in debug builds when nobody holds the lock.
  void assert_held() const KV_ASSERT_CAPABILITY(this) {
    KV_DCHECK(state_.load(std::memory_order_relaxed) != kFree);  // relaxed: only a check
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kHeld = 1;
  static constexpr std::uint32_t kHeldWithSleepers = 2;

  void lock_slow();
  void wake_one();

  std::atomic<std::uint32_t> state_{kFree};
};

class KV_SCOPED_CAPABILITY SpinLockGuard {
 public:
  explicit SpinLockGuard(SpinLock& lock) KV_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~SpinLockGuard() KV_RELEASE() { lock_.unlock(); }
  SpinLockGuard(const SpinLockGuard&) = delete;
  SpinLockGuard& operator=(const SpinLockGuard&) = delete;

 private:
  SpinLock& lock_;
};

}  // namespace kvstore::base
