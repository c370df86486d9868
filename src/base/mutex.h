// Mutex: std::mutex with thread-safety annotations, for sections that are not on the path of a command.
//
// Thread rule: any thread. Not recursive. See docs/threads.md for the lock order.
#pragma once

#include <condition_variable>
#include <mutex>

#include "base/thread_annotations.h"

namespace kvstore::base {

class KV_CAPABILITY("mutex") Mutex {
 public:
  void lock() KV_ACQUIRE() { mutex_.lock(); }
  void unlock() KV_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class KV_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) KV_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() KV_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace kvstore::base
