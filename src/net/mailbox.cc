#include "net/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/assert.h"

namespace kvstore::net {

Mailbox::Mailbox(bool blocking) : wake_fd_(eventfd(0, EFD_CLOEXEC | (blocking ? 0 : EFD_NONBLOCK))) {}

Mailbox::~Mailbox() {
  close();
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

void Mailbox::post_socket(int fd) {
  {
    base::MutexLock lock(mutex_);
    if (closed_) {
      ::close(fd);
      return;
    }
    mail_.sockets.push_back(fd);
  }
  wake();
}

void Mailbox::post_stop_listening() {
  {
    base::MutexLock lock(mutex_);
    mail_.stop_listening = true;
  }
  wake();
}

void Mailbox::post_stop(int linger_ms) {
  {
    base::MutexLock lock(mutex_);
    mail_.stop = true;
    mail_.linger_ms = linger_ms;
  }
  wake();
}

void Mailbox::wake() {
  // acq_rel: release publishes what the caller wrote before to the take() that clears the signal; acquire because a
  // caller that finds the signal set relies on that take() being still to come.
  if (signalled_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  ssize_t written;
  do {
    written = write(wake_fd_, &one, sizeof(one));
  } while (written < 0 && errno == EINTR);
  KV_ASSERT(written == sizeof(one));
}

Mailbox::Mail Mailbox::take() {
  // acq_rel: pairs with wake(); cleared before looking, see invariant 1.
  signalled_.exchange(false, std::memory_order_acq_rel);
  base::MutexLock lock(mutex_);
  return std::exchange(mail_, Mail{});
}

void Mailbox::close() {
  base::MutexLock lock(mutex_);
  closed_ = true;
  for (const int fd : mail_.sockets) ::close(fd);
  mail_.sockets.clear();
}

}  // namespace kvstore::net
