#include "net/io_uring_loop.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/assert.h"

namespace kvstore::net {
namespace {

// 96 KiB a loop, resident from the start. A full submission queue costs a system call more; completions that do not fit
// wait in the kernel.
constexpr unsigned kEntries = 512;
constexpr unsigned kCompletionEntries = 2048;
constexpr std::uint16_t kBufferGroup = 0;
constexpr unsigned kBuffers = 256;
constexpr unsigned kBufferBytes = 16 * 1024;
constexpr unsigned kCompletionsPerPeek = 64;
// The length of one send is a 32-bit number.
constexpr std::size_t kLongestSend = std::size_t{1} << 30;

// What completed, in the low bits of the user data; the rest is the pointer to the connection or listener.
enum Tag : std::uint64_t {
  kReceive = 0,
  kSend = 1,
  kAccept = 2,
  kWake = 3,
  kTick = 4,
  kCancel = 5,
  kWrite = 6,
  kFlush = 7,
  kTagMask = 7
};

template <typename T>
std::uint64_t tagged(T* object, Tag tag) {
  static_assert(alignof(T) > kTagMask);
  return reinterpret_cast<std::uintptr_t>(object) | tag;
}

}  // namespace

Result<std::unique_ptr<EventLoop>> IoUringLoop::create(ConnectionHandler& handler, const LoopTimes& times) {
  std::unique_ptr<IoUringLoop> loop(new IoUringLoop(handler, times));
  if (loop->wake_fd() < 0) {
    return Status(StatusCode::kUnavailable, "Cannot make an event loop: " + std::string(std::strerror(errno)));
  }
  auto ring = env::Ring::create(kEntries, kCompletionEntries);
  if (!ring.ok()) return ring.status();
  loop->ring_ = std::move(ring).value();
  auto buffers = env::BufferRing::create(*loop->ring_, kBufferGroup, kBuffers, kBufferBytes);
  if (!buffers.ok()) return buffers.status();
  loop->buffers_ = std::move(buffers).value();
  return std::unique_ptr<EventLoop>(std::move(loop));
}

IoUringLoop::IoUringLoop(ConnectionHandler& handler, const LoopTimes& times) : EventLoopBase(handler, times, true) {
  tick_.tv_sec = times.tick_ms / 1000;
  tick_.tv_nsec = times.tick_ms % 1000 * 1'000'000L;
}

IoUringLoop::~IoUringLoop() { KV_ASSERT(operations_ == 0); }

void IoUringLoop::begin_run() {
  // Nothing but a bug can refuse it: the ring was created, and only this thread enables it.
  KV_ASSERT(ring_->start().ok());
  arm_wake();
  arm_tick();
}

// Every connection and listener has ended; what is left is the wake-up and the tick.
void IoUringLoop::end_run() {
  ending_ = true;
  for (const Tag tag : {kWake, kTick}) {
    io_uring_sqe& entry = next_operation();
    io_uring_prep_cancel64(&entry, tag, 0);
    entry.user_data = kCancel;
  }
  while (operations_ > 0) collect(true);
  ring_->finish();
}

io_uring_sqe& IoUringLoop::next_operation() {
  ++operations_;
  return ring_->next();
}

void IoUringLoop::collect(bool may_wait) {
  if (may_wait) {
    ring_->submit_and_wait(1);
  } else {
    ring_->submit_and_poll();
  }
  std::array<io_uring_cqe*, kCompletionsPerPeek> completions;
  while (const unsigned count = ring_->peek(completions.data(), kCompletionsPerPeek)) {
    for (unsigned i = 0; i < count; ++i) complete(*completions[i]);
    ring_->advance(count);
  }
}

void IoUringLoop::complete(const io_uring_cqe& completion) {
  if ((completion.flags & IORING_CQE_F_MORE) == 0) {
    KV_ASSERT(operations_ > 0);
    --operations_;
  }
  void* object = reinterpret_cast<void*>(completion.user_data & ~std::uint64_t{kTagMask});
  switch (completion.user_data & kTagMask) {
    case kReceive:
      complete_receive(*static_cast<LoopConnection*>(object), completion);
      break;
    case kSend:
      complete_send(*static_cast<LoopConnection*>(object), completion.res);
      break;
    case kAccept:
      complete_accept(*static_cast<ListeningSocket*>(object), completion);
      break;
    case kWake:
      woken();
      if (!ending_) arm_wake();
      break;
    case kTick:
      tick_due();
      if (!ending_) arm_tick();
      break;
    case kWrite:
      complete_write(completion.res);
      break;
    case kFlush:
      complete_flush(completion.res);
      break;
    case kCancel:  // what was cancelled completes by itself
      break;
  }
}

// ---- receiving ----

void IoUringLoop::update_receive(LoopConnection& connection) {
  LoopConnection::Kernel& kernel = connection.kernel;
  const bool wanted = connection.wants_receive();
  if (wanted && !kernel.receive_armed) {
    io_uring_sqe& entry = next_operation();
    io_uring_prep_recv_multishot(&entry, connection.fd(), nullptr, 0, 0);
    entry.flags |= IOSQE_BUFFER_SELECT;
    entry.buf_group = buffers_->group();
    entry.user_data = tagged(&connection, kReceive);
    kernel.receive_armed = true;
  } else if (!wanted && kernel.receive_armed && !kernel.receive_cancelled) {
    io_uring_sqe& entry = next_operation();
    io_uring_prep_cancel64(&entry, tagged(&connection, kReceive), 0);
    entry.user_data = kCancel;
    kernel.receive_cancelled = true;
  }
}

void IoUringLoop::complete_receive(LoopConnection& connection, const io_uring_cqe& completion) {
  const int result = completion.res;
  std::string_view bytes;
  if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
    bytes = buffers_->take(completion.flags, static_cast<std::size_t>(std::max(result, 0)));
  }
  if (result > 0) {
    received(connection, bytes);
  } else if (result == 0) {
    receive_ended(connection);
  } else if (result == -ENOBUFS) {
    buffers_->note_shortage();
  } else if (result != -ECANCELED && result != -EINTR && result != -EAGAIN) {
    failed(connection);
  }
  if ((completion.flags & IORING_CQE_F_MORE) != 0) return;
  connection.kernel.receive_armed = false;
  connection.kernel.receive_cancelled = false;
  operation_ended(connection);
}

// ---- sending ----

void IoUringLoop::send(LoopConnection& connection) {
  if (connection.kernel.send != nullptr) return;  // its completion schedules the rest
  connection.kernel.send = sends_.take();
  connection.kernel.send->bytes.swap(connection.output());
  submit_send(connection);
}

void IoUringLoop::submit_send(LoopConnection& connection) {
  SendOperation& operation = *connection.kernel.send;
  io_uring_sqe& entry = next_operation();
  const int count = operation.bytes.fill(operation.vectors.data(), SendOperation::kMaxVectors);
  if (count == 1) {
    const iovec& piece = operation.vectors[0];
    io_uring_prep_send(&entry, connection.fd(), piece.iov_base, std::min(piece.iov_len, kLongestSend), MSG_NOSIGNAL);
  } else {
    operation.message = {};
    operation.message.msg_iov = operation.vectors.data();
    operation.message.msg_iovlen = static_cast<std::size_t>(count);
    io_uring_prep_sendmsg(&entry, connection.fd(), &operation.message, MSG_NOSIGNAL);
  }
  entry.user_data = tagged(&connection, kSend);
}

void IoUringLoop::complete_send(LoopConnection& connection, int result) {
  SendOperation& operation = *connection.kernel.send;
  const bool stopped = connection.life() >= LoopConnection::Life::kClosing;
  const bool retry = result > 0 || result == -EINTR || result == -EAGAIN;
  if (result > 0) operation.bytes.consume(static_cast<std::size_t>(result));
  if (retry && !stopped && !operation.bytes.empty()) {
    submit_send(connection);
    sent(connection);
    return;
  }
  sends_.give_back(&operation);
  connection.kernel.send = nullptr;
  if (!retry) failed(connection);
  if (connection.may_send()) schedule_send(connection);
  sent(connection);
  operation_ended(connection);
}

// ---- writing ----

// Submitted at once, in a system call of its own: the kernel holds back what it is to write until it has taken all
// entries of a call, and the sends of a turn take some hundred microseconds. What the file system cannot do without
// waiting the kernel does on a thread of its own.
bool IoUringLoop::start_write(const DurableWrite& write) {
  KV_ASSERT(!ending_);
  io_uring_sqe& entry = next_operation();
  io_uring_prep_write(&entry, write.fd, write.bytes, static_cast<unsigned>(write.length), write.offset);
  if (write.sync == SyncBy::kWrite) entry.rw_flags = RWF_DSYNC;
  entry.user_data = kWrite;
  write_ = write;
  ring_->submit();
  return true;
}

// Not linked to the write: a link breaks where the kernel runs out of memory between two entries, and the flush would
// then not wait for the write.
void IoUringLoop::complete_write(int result) {
  if (write_.sync != SyncBy::kFlush || result < 0 || static_cast<std::size_t>(result) < write_.length) {
    write_ended(result);
    return;
  }
  io_uring_sqe& entry = next_operation();
  io_uring_prep_fsync(&entry, write_.fd, IORING_FSYNC_DATASYNC);
  entry.user_data = kFlush;
  ring_->submit();
}

void IoUringLoop::complete_flush(int result) { write_ended(result < 0 ? result : static_cast<int>(write_.length)); }

// ---- ending ----

bool IoUringLoop::detach(LoopConnection& connection) {
  if (!connection.kernel.receive_armed && connection.kernel.send == nullptr) return true;
  io_uring_sqe& entry = next_operation();
  io_uring_prep_cancel_fd(&entry, connection.fd(), IORING_ASYNC_CANCEL_ALL);
  entry.user_data = kCancel;
  return false;
}

void IoUringLoop::operation_ended(LoopConnection& connection) {
  if (connection.life() != LoopConnection::Life::kClosed) {
    schedule_receive_update(connection);
  } else if (!connection.kernel.receive_armed && connection.kernel.send == nullptr) {
    connection_released(connection);
  }
}

// ---- accepting, waking, ticking ----

void IoUringLoop::start_accept(ListeningSocket& listener) {
  if (std::exchange(listener.armed, true)) return;
  io_uring_sqe& entry = next_operation();
  io_uring_prep_multishot_accept(&entry, listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
  entry.user_data = tagged(&listener, kAccept);
}

bool IoUringLoop::stop_accept(ListeningSocket& listener) {
  if (!listener.armed) return true;
  io_uring_sqe& entry = next_operation();
  io_uring_prep_cancel64(&entry, tagged(&listener, kAccept), 0);
  entry.user_data = kCancel;
  return false;
}

void IoUringLoop::complete_accept(ListeningSocket& listener, const io_uring_cqe& completion) {
  if ((completion.flags & IORING_CQE_F_MORE) == 0) listener.armed = false;
  if (completion.res >= 0) accepted(listener, completion.res);
  if (listener.armed) return;
  if (listener.stopped) {
    accept_ended(listener);
  } else if (completion.res < 0) {
    accept_failed(listener, -completion.res);
  } else {
    start_accept(listener);
  }
}

void IoUringLoop::arm_wake() {
  io_uring_sqe& entry = next_operation();
  io_uring_prep_read(&entry, wake_fd(), &wake_count_, sizeof(wake_count_), 0);
  entry.user_data = kWake;
}

void IoUringLoop::arm_tick() {
  io_uring_sqe& entry = next_operation();
  io_uring_prep_timeout(&entry, &tick_, 0, 0);
  entry.user_data = kTick;
}

}  // namespace kvstore::net
