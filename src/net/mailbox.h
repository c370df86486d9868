// Mailbox: what other threads ask of a loop, and the descriptor that wakes it to look.
//
// Thread rule: post_*(), wake() and close() from any thread; take() from the loop's thread.
// Invariants:
//   1. What was posted, or written before wake(), is seen by the turn that follows: the signal is cleared before the
//      loop looks, so a post during the look raises it again.
//   2. Many wake-ups between two looks cost one system call.
//   3. Sockets waiting here are bounded by the process's limit on descriptors.
//   4. After close() a posted socket is closed at once; none is leaked.
#pragma once

#include <atomic>
#include <vector>

#include "base/mutex.h"
#include "base/thread_annotations.h"

namespace kvstore::net {

class Mailbox {
 public:
  struct Mail {
    std::vector<int> sockets;
    bool stop_listening = false;
    bool stop = false;
    int linger_ms = 0;
  };

  // A blocking descriptor suits io_uring, which waits for it in the kernel; epoll reads it when it is ready.
  explicit Mailbox(bool blocking);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // An eventfd, readable after wake(). The loop reads it, then calls take().
  [[nodiscard]] int wake_fd() const { return wake_fd_; }

  void post_socket(int fd);
  void post_stop_listening();
  void post_stop(int linger_ms);
  void wake();

  [[nodiscard]] Mail take();
  // From now on sockets are refused.
  void close();

 private:
  const int wake_fd_;
  // Set by the first wake() since the loop looked last.
  std::atomic<bool> signalled_{false};
  base::Mutex mutex_;
  Mail mail_ KV_GUARDED_BY(mutex_);
  bool closed_ KV_GUARDED_BY(mutex_) = false;
};

}  // namespace kvstore::net
