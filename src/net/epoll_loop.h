// EpollLoop: the event loop for kernels or containers that do not allow io_uring.
//
// Level-triggered: what is not read this turn is reported again in the next. One receive for each ready connection and
// turn, one sendmsg for each dirty one; EPOLLOUT is asked for only after the socket's buffer was full.
//
// Thread rule: as EventLoop.
// Invariant: a turn receives at most kEventsPerTurn * kReceiveBytes, in blocks that stay until recycle_received().
#pragma once

#include <memory>
#include <vector>

#include "net/event_loop_base.h"
#include "net/send_operation.h"

namespace kvstore::net {

class EpollLoop final : public EventLoopBase {
 public:
  [[nodiscard]] static Result<std::unique_ptr<EventLoop>> create(ConnectionHandler& handler, const LoopTimes& times);
  ~EpollLoop() override;

 private:
  static constexpr int kEventsPerTurn = 128;
  static constexpr std::size_t kReceiveBytes = 32 * 1024;
  static constexpr std::size_t kBlockBytes = 64 * 1024;
  static constexpr std::size_t kBlocksKept = 8;
  static constexpr int kMaxVectors = 64;

  EpollLoop(ConnectionHandler& handler, const LoopTimes& times);
  [[nodiscard]] Status open();

  void begin_run() override {}
  void end_run() override {}
  void collect(bool may_wait) override;
  void recycle_received() override;
  void send(LoopConnection& connection) override;
  bool start_write(const DurableWrite& /*write*/) override { return false; }
  void update_receive(LoopConnection& connection) override;
  bool detach(LoopConnection& connection) override;
  void start_accept(ListeningSocket& listener) override;
  bool stop_accept(ListeningSocket& listener) override;

  void on_connection_event(LoopConnection& connection, std::uint32_t events);
  void receive(LoopConnection& connection);
  void accept_all(ListeningSocket& listener);
  // Room for kReceiveBytes in the blocks of this turn.
  [[nodiscard]] char* receive_space();

  SendOperationPool sends_;
  int epoll_fd_ = -1;
  int timer_fd_ = -1;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t blocks_used_ = 0;  // the last of them is being filled
  std::size_t block_fill_ = kBlockBytes;
};

}  // namespace kvstore::net
