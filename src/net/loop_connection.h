// LoopConnection: a Connection as both back ends keep it; its life, and what is scheduled for it.
//
//   open --- close_after_send() ---> flushing --- all sent ---> draining --- peer's FIN, or its time is up ---+
//    |                                  |  \--- all sent, and the peer's FIN was seen before --------------+  |
//    |                                  |                                                                  v  v
//    +--- close(), reset, error --------+--- reset, error, no progress for the linger time -------------> closing
//                                                                                                            |
//                                                 on_close called, the kernel told to stop, at end of turn   |
//                                                                                                            v
//                                       freed <--- the kernel's last completion arrived (at once in epoll) closed
//
// Held output keeps a connection in `flushing` until it is released and sent; the linger time starts with the release.
// Flushing: input is read and dropped, so that a peer which writes before it reads does not block us both.
// Draining: we sent FIN; input is read and dropped until the peer's FIN. Closing a socket with unread input makes the
// kernel send RST and throw away what it had still to send, so the last reply could be lost.
// `closing` exists because on_close must not come inside another callback, `closed` because the kernel may still hold
// the buffer of a send.
//
// Thread rule: the loop's own thread.
#pragma once

#include <cstdint>

#include "net/connection.h"
#include "net/socket.h"

namespace kvstore::net {

class EventLoopBase;
struct SendOperation;

class LoopConnection final : public Connection {
 public:
  enum class Life : std::uint8_t { kOpen, kFlushing, kDraining, kClosing, kClosed };

  LoopConnection(EventLoopBase& loop, int fd, SocketNames names);
  ~LoopConnection() override;  // closes the socket

  void mark_dirty() override;
  [[nodiscard]] std::size_t unsent_bytes() const override;
  void release_output() override;
  void pause_receive() override;
  void resume_receive() override;
  void close_after_send() override;
  void close() override;
  [[nodiscard]] int fd() const override { return fd_; }

  [[nodiscard]] Life life() const { return life_; }
  // Whether the back end should ask the kernel for input.
  [[nodiscard]] bool wants_receive() const {
    if (peer_ended || life_ >= Life::kClosing) return false;
    return life_ != Life::kOpen || !paused_;
  }
  // Whether there is something the kernel may be given: the rest of a send that began, or output that is not held.
  [[nodiscard]] bool may_send() const { return kernel.send != nullptr || (!output_held_ && !output_.empty()); }
  // Moves along an arrow of the drawing; anything else is a bug.
  void enter(Life next);

  // What the back end and the kernel are doing for this connection.
  struct Kernel {
    SendOperation* send = nullptr;   // io_uring: in flight; epoll: what the kernel did not take yet
    bool receive_armed = false;      // io_uring: a multishot receive is with the kernel
    bool receive_cancelled = false;  // io_uring: and was asked to end
    bool send_blocked = false;       // epoll: the socket's send buffer is full
    std::uint32_t epoll_events = 0;  // epoll: what is registered
  };
  Kernel kernel;

  // Kept by EventLoopBase: places in its lists, and deadlines.
  std::size_t index = 0;
  std::int64_t deadline_us = 0;     // flushing, draining: closed then, unless the peer took something since
  std::size_t remaining_bytes = 0;  // flushing, draining: what it had still to take when the deadline was set
  bool dirty = false;               // in the list of connections with something to send
  bool receive_changed = false;     // in the list of connections whose wants_receive() may have changed
  bool drained_pending = false;     // in the list of connections to get on_drained
  bool above_low_water = false;     // had more than kLowWaterBytes unsent since the last on_drained
  bool recently_used = false;       // sent something since the last sweep for idle memory
  bool peer_ended = false;          // the peer's FIN was seen

 private:
  EventLoopBase& loop_;
  const int fd_;
  Life life_ = Life::kOpen;
  bool paused_ = false;
};

}  // namespace kvstore::net
