#include "base/spin_lock.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace kvstore::base {
namespace {

// More threads than processors, so that holders are preempted and waiters have to sleep.
TEST(SpinLockTest, OneHolderAtATime) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 20'000;
  SpinLock lock;
  long counter = 0;  // guarded by lock
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        const SpinLockGuard guard(lock);
        ++counter;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter, long{kThreads} * kRounds);
}

TEST(SpinLockTest, AWaiterThatSleepsIsWoken) {
  SpinLock lock;
  lock.lock();
  std::thread waiter([&lock] { const SpinLockGuard guard(lock); });
  // Long enough for the waiter to have given up spinning in most runs; correct either way.
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();
  lock.unlock();
  waiter.join();
}

}  // namespace
}  // namespace kvstore::base
