#include "base/spin_lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace kvstore::base {
namespace {

// About 2 microseconds of pauses: longer than any section this lock is meant for.
constexpr int kSpins = 64;

void cpu_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

long futex(std::atomic<std::uint32_t>* word, int operation, std::uint32_t value) {
  return syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(word), operation, value, nullptr, nullptr, 0);
}

}  // namespace

void SpinLock::lock_slow() {
  for (int i = 0; i < kSpins; ++i) {
    cpu_pause();
    std::uint32_t expected = kFree;
    // The plain load first keeps the line shared among the waiters while the lock is held.
    if (state_.load(std::memory_order_relaxed) == kFree &&
        state_.compare_exchange_weak(expected, kHeld, std::memory_order_acquire, std::memory_order_relaxed)) {
      return;
    }
  }
  // acquire: if the exchange finds the lock free, this thread now holds it.
  while (state_.exchange(kHeldWithSleepers, std::memory_order_acquire) != kFree) {
    futex(&state_, FUTEX_WAIT_PRIVATE, kHeldWithSleepers);
  }
}

void SpinLock::wake_one() { futex(&state_, FUTEX_WAKE_PRIVATE, 1); }

}  // namespace kvstore::base
