// probe_io_uring(): asks this kernel for everything the io_uring back end uses, and tries the newest part for real.

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "env/buffer_ring.h"
#include "env/ring.h"
#include "net/event_loop.h"

namespace kvstore::net {
namespace {

constexpr std::uint64_t kReceiveData = 1;
constexpr std::uint64_t kCancelData = 2;

Status missing(const std::string& what) {
  return Status(StatusCode::kUnavailable, "io_uring is not available: this kernel lacks " + what);
}

Status check_operations(const env::Ring& ring) {
  struct Operation {
    int code;
    const char* name;
  };
  static constexpr std::array<Operation, 9> kNeeded{{{IORING_OP_ACCEPT, "accept"},
                                                     {IORING_OP_RECV, "receive"},
                                                     {IORING_OP_SEND, "send"},
                                                     {IORING_OP_SENDMSG, "sendmsg"},
                                                     {IORING_OP_READ, "read"},
                                                     {IORING_OP_WRITE, "write"},
                                                     {IORING_OP_FSYNC, "fsync"},
                                                     {IORING_OP_TIMEOUT, "timeout"},
                                                     {IORING_OP_ASYNC_CANCEL, "cancel"}}};
  for (const Operation& operation : kNeeded) {
    if (!ring.supports(operation.code)) return missing("the operation \"" + std::string(operation.name) + "\"");
  }
  return {};
}

class SocketPair {
 public:
  SocketPair() {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()) != 0) ends_ = {-1, -1};
  }
  ~SocketPair() {
    for (const int end : ends_) {
      if (end >= 0) close(end);
    }
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  [[nodiscard]] bool ok() const { return ends_[0] >= 0; }
  [[nodiscard]] int near_end() const { return ends_[0]; }
  [[nodiscard]] int far_end() const { return ends_[1]; }

 private:
  std::array<int, 2> ends_{-1, -1};
};

// The next completion of `user_data`, waiting for it; others are dropped.
io_uring_cqe next_completion(env::Ring& ring, std::uint64_t user_data) {
  while (true) {
    io_uring_cqe* completion = nullptr;
    while (ring.peek(&completion, 1) == 0) ring.submit_and_wait(1);
    const io_uring_cqe copy = *completion;
    ring.advance(1);
    if (copy.user_data == user_data) return copy;
  }
}

// One multishot receive must deliver two messages, each in a buffer of the ring, and end when it is cancelled.
Status try_multishot_receive(env::Ring& ring, env::BufferRing& buffers) {
  const SocketPair sockets;
  if (!sockets.ok()) return Status(StatusCode::kUnavailable, std::string("socketpair: ") + std::strerror(errno));
  io_uring_sqe& receive = ring.next();
  io_uring_prep_recv_multishot(&receive, sockets.near_end(), nullptr, 0, 0);
  receive.flags |= IOSQE_BUFFER_SELECT;
  receive.buf_group = buffers.group();
  receive.user_data = kReceiveData;
  ring.submit_and_poll();

  bool armed = true;
  bool delivered = true;
  for (const std::string_view message : {std::string_view("first"), std::string_view("second message")}) {
    if (!armed || write(sockets.far_end(), message.data(), message.size()) != static_cast<ssize_t>(message.size())) {
      delivered = false;
      break;
    }
    const io_uring_cqe completion = next_completion(ring, kReceiveData);
    armed = (completion.flags & IORING_CQE_F_MORE) != 0;
    delivered = delivered && completion.res > 0 && (completion.flags & IORING_CQE_F_BUFFER) != 0 &&
                buffers.take(completion.flags, static_cast<std::size_t>(completion.res)) == message;
    buffers.recycle();
  }
  if (armed) {
    io_uring_sqe& cancel = ring.next();
    io_uring_prep_cancel_fd(&cancel, sockets.near_end(), IORING_ASYNC_CANCEL_ALL);
    cancel.user_data = kCancelData;
    if (next_completion(ring, kReceiveData).res != -ECANCELED) return missing("cancelling by descriptor");
  }
  return delivered && armed ? Status() : missing("multishot receive (Linux 6.0 or newer has it)");
}

}  // namespace

Status probe_io_uring() {
  auto created = env::Ring::create(8, 16);
  if (!created.ok()) return created.status();
  // Declared before the ring, so destroyed after it.
  std::unique_ptr<env::BufferRing> buffers;
  const std::unique_ptr<env::Ring> ring = std::move(created).value();
  if (Status status = check_operations(*ring); !status.ok()) return status;
  auto registered = env::BufferRing::create(*ring, 0, 64, 256);
  if (!registered.ok()) return registered.status();
  buffers = std::move(registered).value();
  if (Status status = ring->start(); !status.ok()) return status;
  Status status = try_multishot_receive(*ring, *buffers);
  ring->finish();
  return status;
}

}  // namespace kvstore::net
