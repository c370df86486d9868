// FloorServer: a server that does nothing but receive and send. It shows what requests cost on this machine before
// anybody looks at them: no server that answers over this kernel's sockets in this way can cost less.
//
// All requests of a run have one length and one reply, so that counting bytes takes the place of parsing. One thread,
// one io_uring, as the server's own loop has them: multishot accept and receive, a ring of buffers, and at the end of a
// turn one send for each connection that is owed something.
//
// Thread rule: one thread makes it and runs it.
// Invariants:
//   1. At most one send of a connection is on its way, so that its bytes stay in order.
//   2. A connection is closed only when neither a receive nor a send of it is on its way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "env/buffer_ring.h"
#include "env/ring.h"
#include "kvstore/status.h"
#include "request_counter.h"

namespace kvstore::benchmarks {

class FloorServer {
 public:
  // Listens on 127.0.0.1; port 0 takes a free one.
  [[nodiscard]] static Result<std::unique_ptr<FloorServer>> open(std::uint16_t port, std::size_t request_bytes,
                                                                 const std::string& reply);
  ~FloorServer();
  FloorServer(const FloorServer&) = delete;
  FloorServer& operator=(const FloorServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Returns only when the ring fails, with the reason.
  [[nodiscard]] Status run();

 private:
  struct Connection;

  FloorServer(std::size_t request_bytes, const std::string& reply);

  void arm_accept();
  void arm_receive(Connection& connection);
  void on_completion(const io_uring_cqe& completion);
  void on_accept(const io_uring_cqe& completion);
  void on_receive(Connection& connection, const io_uring_cqe& completion);
  void on_sent(Connection& connection, int result);
  void mark_dirty(Connection& connection);
  void send_dirty();
  void close_if_done(Connection& connection);

  const std::size_t request_bytes_;
  const std::size_t reply_bytes_;
  std::string replies_;                       // the reply again and again: many are sent from here at once
  std::unique_ptr<env::BufferRing> buffers_;  // outlives the ring
  std::unique_ptr<env::Ring> ring_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::vector<Connection*> dirty_;
};

}  // namespace kvstore::benchmarks
