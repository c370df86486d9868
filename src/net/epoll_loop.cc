#include "net/epoll_loop.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/assert.h"

namespace kvstore::net {
namespace {

// What an event belongs to, in the low bits of its 64-bit data; the rest is the pointer to it.
enum Tag : std::uint64_t { kConnection = 0, kListener = 1, kWake = 2, kTimer = 3, kTagMask = 7 };

// Accepted in one turn from one listener; the rest is reported again.
constexpr int kAcceptsPerTurn = 64;

template <typename T>
std::uint64_t tagged(T* object, Tag tag) {
  static_assert(alignof(T) > kTagMask);
  return reinterpret_cast<std::uintptr_t>(object) | tag;
}

int control(int epoll_fd, int operation, int fd, std::uint32_t events, std::uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return epoll_ctl(epoll_fd, operation, fd, &event);
}

// Forgets what made an eventfd or timerfd readable.
void reset_counter(int fd) {
  std::uint64_t count = 0;
  const ssize_t result = read(fd, &count, sizeof(count));
  KV_ASSERT(result == sizeof(count) || errno == EAGAIN || errno == EINTR);
}

}  // namespace

Result<std::unique_ptr<EventLoop>> EpollLoop::create(ConnectionHandler& handler, const LoopTimes& times) {
  std::unique_ptr<EpollLoop> loop(new EpollLoop(handler, times));
  if (Status status = loop->open(); !status.ok()) return status;
  return std::unique_ptr<EventLoop>(std::move(loop));
}

EpollLoop::EpollLoop(ConnectionHandler& handler, const LoopTimes& times) : EventLoopBase(handler, times, false) {}

EpollLoop::~EpollLoop() {
  if (timer_fd_ >= 0) ::close(timer_fd_);
  if (epoll_fd_ >= 0) ::close(epoll_fd_);
}

Status EpollLoop::open() {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (wake_fd() < 0 || epoll_fd_ < 0 || timer_fd_ < 0) {
    return Status(StatusCode::kUnavailable, "Cannot make an event loop: " + std::string(std::strerror(errno)));
  }
  itimerspec period{};
  period.it_interval = {times().tick_ms / 1000, times().tick_ms % 1000 * 1'000'000L};
  period.it_value = period.it_interval;
  if (timerfd_settime(timer_fd_, 0, &period, nullptr) != 0 ||
      control(epoll_fd_, EPOLL_CTL_ADD, timer_fd_, EPOLLIN, kTimer) != 0 ||
      control(epoll_fd_, EPOLL_CTL_ADD, wake_fd(), EPOLLIN, kWake) != 0) {
    return Status(StatusCode::kUnavailable, "Cannot make an event loop: " + std::string(std::strerror(errno)));
  }
  return {};
}

void EpollLoop::collect(bool may_wait) {
  std::array<epoll_event, kEventsPerTurn> events;
  const int count = epoll_wait(epoll_fd_, events.data(), kEventsPerTurn, may_wait ? -1 : 0);
  KV_ASSERT(count >= 0 || errno == EINTR);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t data = events[static_cast<std::size_t>(i)].data.u64;
    void* object = reinterpret_cast<void*>(data & ~std::uint64_t{kTagMask});
    switch (data & kTagMask) {
      case kConnection:
        on_connection_event(*static_cast<LoopConnection*>(object), events[static_cast<std::size_t>(i)].events);
        break;
      case kListener:
        accept_all(*static_cast<ListeningSocket*>(object));
        break;
      case kWake:
        reset_counter(wake_fd());
        woken();
        break;
      case kTimer:
        reset_counter(timer_fd_);
        tick_due();
        break;
      default:
        KV_ASSERT(false);
    }
  }
}

void EpollLoop::on_connection_event(LoopConnection& connection, std::uint32_t events) {
  if ((events & EPOLLIN) != 0) {
    receive(connection);
  } else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    // Reset, or gone in both directions, while we do not read: there is nobody to answer.
    failed(connection);
    return;
  }
  if ((events & EPOLLOUT) != 0) {
    connection.kernel.send_blocked = false;
    schedule_send(connection);
    schedule_receive_update(connection);
  }
}

void EpollLoop::receive(LoopConnection& connection) {
  if (!connection.wants_receive()) return;  // paused or closed earlier in this turn
  char* space = receive_space();
  const ssize_t length = recv(connection.fd(), space, kReceiveBytes, MSG_DONTWAIT);
  if (length > 0) {
    block_fill_ += static_cast<std::size_t>(length);
    received(connection, {space, static_cast<std::size_t>(length)});
  } else if (length == 0) {
    receive_ended(connection);
  } else if (errno != EAGAIN && errno != EINTR) {
    failed(connection);
  }
}

char* EpollLoop::receive_space() {
  if (block_fill_ + kReceiveBytes > kBlockBytes) {
    if (blocks_used_ == blocks_.size()) blocks_.push_back(std::make_unique_for_overwrite<char[]>(kBlockBytes));
    ++blocks_used_;
    block_fill_ = 0;
  }
  return blocks_[blocks_used_ - 1].get() + block_fill_;
}

void EpollLoop::recycle_received() {
  if (blocks_.size() > kBlocksKept) blocks_.resize(kBlocksKept);
  blocks_used_ = 0;
  block_fill_ = kBlockBytes;
}

// Usually straight from the output. What the kernel does not take is set apart and goes first next time: the output is
// then drained whole before it is filled again, so its memory does not grow with all that ever passed through it.
void EpollLoop::send(LoopConnection& connection) {
  LoopConnection::Kernel& kernel = connection.kernel;
  if (kernel.send_blocked) return;
  base::OutputBuffer& bytes = kernel.send != nullptr ? kernel.send->bytes : connection.output();
  std::array<iovec, kMaxVectors> vectors;
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = static_cast<std::size_t>(bytes.fill(vectors.data(), kMaxVectors));
  std::size_t offered = 0;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) offered += vectors[i].iov_len;
  const ssize_t taken = sendmsg(connection.fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (taken < 0 && errno != EAGAIN && errno != EINTR) {
    failed(connection);
    return;
  }
  if (taken > 0) bytes.consume(static_cast<std::size_t>(taken));
  if (taken < static_cast<ssize_t>(offered)) {
    kernel.send_blocked = true;
    schedule_receive_update(connection);
  }
  if (kernel.send != nullptr && bytes.empty()) {
    sends_.give_back(std::exchange(kernel.send, nullptr));
  } else if (kernel.send == nullptr && !bytes.empty()) {
    kernel.send = sends_.take();
    kernel.send->bytes.swap(bytes);
  }
  // More than one call takes goes in the next turn: others have their turn too.
  if (connection.may_send() && !kernel.send_blocked) schedule_send(connection);
  if (taken > 0) sent(connection);
}

void EpollLoop::update_receive(LoopConnection& connection) {
  std::uint32_t wanted = connection.wants_receive() ? std::uint32_t{EPOLLIN} : 0U;
  if (connection.kernel.send_blocked) wanted |= EPOLLOUT;
  LoopConnection::Kernel& kernel = connection.kernel;
  if (kernel.receive_armed && wanted == kernel.epoll_events) return;
  const int operation = kernel.receive_armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (control(epoll_fd_, operation, connection.fd(), wanted, tagged(&connection, kConnection)) != 0) {
    failed(connection);  // no memory, or over the limit of watched descriptors
    return;
  }
  kernel.receive_armed = true;
  kernel.epoll_events = wanted;
}

bool EpollLoop::detach(LoopConnection& connection) {
  LoopConnection::Kernel& kernel = connection.kernel;
  if (std::exchange(kernel.receive_armed, false)) control(epoll_fd_, EPOLL_CTL_DEL, connection.fd(), 0, 0);
  if (kernel.send != nullptr) sends_.give_back(std::exchange(kernel.send, nullptr));
  return true;
}

void EpollLoop::start_accept(ListeningSocket& listener) {
  if (std::exchange(listener.armed, true)) return;
  if (control(epoll_fd_, EPOLL_CTL_ADD, listener.fd, EPOLLIN, tagged(&listener, kListener)) == 0) return;
  // No memory, or over the limit of watched descriptors: tried again later.
  KV_ASSERT(errno == ENOMEM || errno == ENOSPC);
  listener.armed = false;
  accept_failed(listener, errno);
}

bool EpollLoop::stop_accept(ListeningSocket& listener) {
  if (std::exchange(listener.armed, false)) control(epoll_fd_, EPOLL_CTL_DEL, listener.fd, 0, 0);
  return true;
}

void EpollLoop::accept_all(ListeningSocket& listener) {
  for (int i = 0; i < kAcceptsPerTurn && listener.armed; ++i) {
    const int fd = accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      accepted(listener, fd);
    } else if (errno == EAGAIN) {
      return;
    } else {
      accept_failed(listener, errno);
    }
  }
}

}  // namespace kvstore::net
