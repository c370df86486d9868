// FloorServer: accept, receive, count, send (see floor_server.h).
#include "floor_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/listener.h"
#include "net/socket.h"

namespace kvstore::benchmarks {
namespace {

// The same sizes as the server's loop.
constexpr unsigned kEntries = 1024;
constexpr unsigned kCompletionEntries = 8192;
constexpr unsigned kBuffers = 256;
constexpr unsigned kBufferBytes = 16 * 1024;
constexpr unsigned kCompletionsPerPeek = 64;
constexpr std::size_t kRepliesBytes = 256 * 1024;

// What completed, in the low bits of user_data beside the connection's address; 0 alone is the listener.
constexpr std::uint64_t kSendBit = 1;

}  // namespace

struct FloorServer::Connection {
  Connection(int socket, std::size_t request_bytes) : fd(socket), counter(request_bytes) {}
  ~Connection() { close(fd); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const int fd;
  RequestCounter counter;
  std::size_t owed_bytes = 0;  // of replies; they begin `position` bytes behind the start of a reply
  std::size_t position = 0;
  bool receiving = false;
  bool sending = false;
  bool dirty = false;
  bool ended = false;
};

FloorServer::FloorServer(std::size_t request_bytes, const std::string& reply)
    : request_bytes_(request_bytes), reply_bytes_(reply.size()) {
  do {
    replies_ += reply;
  } while (replies_.size() < kRepliesBytes);
}

FloorServer::~FloorServer() {
  if (listener_ >= 0) close(listener_);
}

Result<std::unique_ptr<FloorServer>> FloorServer::open(std::uint16_t port, std::size_t request_bytes,
                                                       const std::string& reply) {
  std::unique_ptr<FloorServer> server(new FloorServer(request_bytes, reply));
  auto ring = env::Ring::create(kEntries, kCompletionEntries);
  if (!ring.ok()) return ring.status();
  server->ring_ = std::move(ring).value();
  auto buffers = env::BufferRing::create(*server->ring_, 0, kBuffers, kBufferBytes);
  if (!buffers.ok()) return buffers.status();
  server->buffers_ = std::move(buffers).value();
  const Result<int> listener = net::open_listener("127.0.0.1", port);
  if (!listener.ok()) return listener.status();
  server->listener_ = listener.value();
  net::disable_nagle(server->listener_);  // what is accepted inherits it
  server->port_ = net::listener_port(server->listener_);
  return server;
}

Status FloorServer::run() {
  if (Status status = ring_->start(); !status.ok()) return status;
  arm_accept();
  io_uring_cqe* completions[kCompletionsPerPeek];
  for (;;) {
    ring_->submit_and_wait(1);
    while (const unsigned count = ring_->peek(completions, kCompletionsPerPeek)) {
      for (unsigned i = 0; i < count; ++i) {
        if (completions[i]->user_data == 0 && completions[i]->res < 0) {
          ring_->finish();
          return {StatusCode::kUnavailable, std::string("cannot accept: ") + std::strerror(-completions[i]->res)};
        }
        on_completion(*completions[i]);
      }
      ring_->advance(count);
    }
    buffers_->recycle();
    send_dirty();
  }
}

void FloorServer::arm_accept() {
  io_uring_sqe& accept = ring_->next();
  io_uring_prep_multishot_accept(&accept, listener_, nullptr, nullptr, SOCK_CLOEXEC);
  accept.user_data = 0;
}

void FloorServer::arm_receive(Connection& connection) {
  io_uring_sqe& receive = ring_->next();
  io_uring_prep_recv_multishot(&receive, connection.fd, nullptr, 0, 0);
  receive.flags |= IOSQE_BUFFER_SELECT;
  receive.buf_group = buffers_->group();
  receive.user_data = reinterpret_cast<std::uintptr_t>(&connection);
  connection.receiving = true;
}

void FloorServer::on_completion(const io_uring_cqe& completion) {
  if (completion.user_data == 0) return on_accept(completion);
  auto& connection = *reinterpret_cast<Connection*>(completion.user_data & ~kSendBit);
  if ((completion.user_data & kSendBit) != 0) return on_sent(connection, completion.res);
  on_receive(connection, completion);
}

void FloorServer::on_accept(const io_uring_cqe& completion) {
  // Owned by the ring's entries that carry its address, from here to close_if_done().
  auto connection = std::make_unique<Connection>(completion.res, request_bytes_);
  arm_receive(*connection.release());
  if ((completion.flags & IORING_CQE_F_MORE) == 0) arm_accept();
}

void FloorServer::on_receive(Connection& connection, const io_uring_cqe& completion) {
  if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
    const auto length = static_cast<std::size_t>(std::max(completion.res, 0));
    static_cast<void>(buffers_->take(completion.flags, length));
    connection.owed_bytes += connection.counter.add(length) * reply_bytes_;
    if (connection.owed_bytes > 0) mark_dirty(connection);
  }
  if ((completion.flags & IORING_CQE_F_MORE) != 0) return;
  connection.receiving = false;
  if (completion.res == -ENOBUFS) buffers_->note_shortage();
  connection.ended = completion.res <= 0 && completion.res != -ENOBUFS;
  mark_dirty(connection);  // closed, or armed again, at the end of the turn, when the buffers are back
}

void FloorServer::on_sent(Connection& connection, int result) {
  connection.sending = false;
  if (result < 0) {
    connection.ended = true;
    shutdown(connection.fd, SHUT_RDWR);  // ends the receive, too
  } else {
    const auto sent = static_cast<std::size_t>(result);
    connection.owed_bytes -= sent;
    connection.position = (connection.position + sent) % reply_bytes_;
  }
  mark_dirty(connection);
}

void FloorServer::mark_dirty(Connection& connection) {
  if (std::exchange(connection.dirty, true)) return;
  dirty_.push_back(&connection);
}

void FloorServer::send_dirty() {
  for (Connection* connection : dirty_) {
    connection->dirty = false;
    if (connection->ended) {
      close_if_done(*connection);
      continue;
    }
    if (!connection->receiving) arm_receive(*connection);
    if (connection->sending || connection->owed_bytes == 0) continue;
    io_uring_sqe& send = ring_->next();
    const std::size_t bytes = std::min(connection->owed_bytes, replies_.size() - connection->position);
    io_uring_prep_send(&send, connection->fd, replies_.data() + connection->position, bytes, MSG_NOSIGNAL);
    send.user_data = reinterpret_cast<std::uintptr_t>(connection) | kSendBit;
    connection->sending = true;
  }
  dirty_.clear();
}

void FloorServer::close_if_done(Connection& connection) {
  if (!connection.receiving && !connection.sending) delete &connection;
}

}  // namespace kvstore::benchmarks
