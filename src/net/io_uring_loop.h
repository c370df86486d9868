// IoUringLoop: the event loop on io_uring: multishot accept and receive, sends batched into one system call a turn.
//
// Receives take their buffers from a ring that the loop refills after on_turn. When it runs dry the receive ends with
// ENOBUFS and is armed again at the end of the turn: that is the bound on what one turn receives.
//
// Thread rule: as EventLoop. The ring belongs to the thread in run().
// Invariants:
//   1. A connection's address is in the kernel (as user data) exactly while it has a receive or a send there, and it is
//      freed only when both have ended.
//   2. operations_ counts what will still complete; run() returns when it is 0.
#pragma once

#include <cstdint>
#include <memory>

#include "env/buffer_ring.h"
#include "env/ring.h"
#include "net/event_loop_base.h"
#include "net/send_operation.h"

namespace kvstore::net {

class IoUringLoop final : public EventLoopBase {
 public:
  [[nodiscard]] static Result<std::unique_ptr<EventLoop>> create(ConnectionHandler& handler, const LoopTimes& times);
  ~IoUringLoop() override;

 private:
  IoUringLoop(ConnectionHandler& handler, const LoopTimes& times);

  void begin_run() override;
  void end_run() override;
  void collect(bool may_wait) override;
  void recycle_received() override { buffers_->recycle(); }
  void send(LoopConnection& connection) override;
  bool start_write(const DurableWrite& write) override;
  void update_receive(LoopConnection& connection) override;
  bool detach(LoopConnection& connection) override;
  void start_accept(ListeningSocket& listener) override;
  bool stop_accept(ListeningSocket& listener) override;

  void complete(const io_uring_cqe& completion);
  void complete_receive(LoopConnection& connection, const io_uring_cqe& completion);
  void complete_send(LoopConnection& connection, int result);
  void complete_accept(ListeningSocket& listener, const io_uring_cqe& completion);
  void complete_write(int result);
  void complete_flush(int result);
  void submit_send(LoopConnection& connection);
  void operation_ended(LoopConnection& connection);
  void arm_wake();
  void arm_tick();
  // A submission entry for an operation that will complete. To be prepared, then given its user data.
  [[nodiscard]] io_uring_sqe& next_operation();

  // Destroyed in reverse order: the ring before the buffers it may use.
  std::unique_ptr<env::BufferRing> buffers_;
  std::unique_ptr<env::Ring> ring_;
  SendOperationPool sends_;
  std::size_t operations_ = 0;
  std::uint64_t wake_count_ = 0;  // the kernel writes the eventfd's counter here
  DurableWrite write_;            // under way, or the last one
  __kernel_timespec tick_{};
  bool ending_ = false;
};

}  // namespace kvstore::net
