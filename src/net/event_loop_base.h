// EventLoopBase: everything about a loop that does not depend on how the kernel is asked: turns, the life of each
// connection, what is scheduled for the end of the turn, ticks, listening, the orderly end.
//
// A turn:  collect()           the back end waits and reports: received, ended, failed, sent, accepted
//          on_write_done       when a durable write has ended
//          mail                sockets and requests from other threads
//          on_drained, on_tick, on_turn
//          recycle_received()  the bytes given to on_receive end here
//          sends               one for each dirty connection
//          receive updates     pause, resume, re-arm
//          closing             on_close, then the connection is freed or waits for the kernel's last completion
//
// Thread rule: as EventLoop; what is not in EventLoop is for the loop's own thread.
// Invariants:
//   1. A connection is freed only in the last step of a turn, so pointers to it stay good during the others.
//   2. on_close is called once for each on_open, from the last step only.
//   3. A connection is in each list at most once; a freed one is in none.
//   4. run() does not return while a durable write is outstanding.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "net/event_loop.h"
#include "net/loop_connection.h"
#include "net/mailbox.h"

namespace kvstore::net {

struct LoopTimes {
  int tick_ms = 100;
  int linger_ms = 5000;       // close_after_send: longest time in which the peer takes nothing
  int drain_ms = 2000;        // after our FIN: longest wait for the peer's, once it has taken everything
  int accept_pause_ms = 100;  // after running out of descriptors or memory
};

// EventLoop::create() with other times, for tests.
[[nodiscard]] Result<std::unique_ptr<EventLoop>> create_event_loop(Backend backend, ConnectionHandler& handler,
                                                                   const LoopTimes& times);

struct ListeningSocket {
  int fd = -1;  // -1 once closed
  std::function<EventLoop&()> next;
  bool armed = false;            // the kernel is asked for connections
  bool stopped = false;          // no more are wanted
  std::int64_t retry_at_us = 0;  // paused until then; 0 when not paused
};

class EventLoopBase : public EventLoop {
 public:
  ~EventLoopBase() override;

  void listen(int listen_fd, std::function<EventLoop&()> next) override;
  void stop_listening() override { mailbox_.post_stop_listening(); }
  void adopt(int fd) override { mailbox_.post_socket(fd); }
  void run() override;
  void stop(int linger_ms) override { mailbox_.post_stop(linger_ms); }
  void wake() override { mailbox_.wake(); }
  bool write_durably(const DurableWrite& write) override;
  void turn_again() override { turn_again_ = true; }

  // For LoopConnection.
  void schedule_send(LoopConnection& connection);
  void schedule_receive_update(LoopConnection& connection);
  void begin_flush(LoopConnection& connection);
  void restart_linger(LoopConnection& connection);
  void begin_close(LoopConnection& connection);

 protected:
  EventLoopBase(ConnectionHandler& handler, const LoopTimes& times, bool blocking_wake_fd);

  // What a back end does.
  virtual void begin_run() = 0;
  virtual void end_run() = 0;
  // Submits what is pending, waits for something to happen if `may_wait`, and reports all that did.
  virtual void collect(bool may_wait) = 0;
  virtual void recycle_received() = 0;
  // Sends from the output, as much as the kernel takes without waiting; reports with sent() or failed().
  virtual void send(LoopConnection& connection) = 0;
  // False: this back end cannot write. Otherwise write_ended() will follow.
  virtual bool start_write(const DurableWrite& write) = 0;
  // Makes the kernel's part follow wants_receive().
  virtual void update_receive(LoopConnection& connection) = 0;
  // Ends the kernel's part. False: it still holds something, and connection_released() will follow.
  virtual bool detach(LoopConnection& connection) = 0;
  virtual void start_accept(ListeningSocket& listener) = 0;
  // False: the kernel still holds something, and accept_ended() will follow.
  virtual bool stop_accept(ListeningSocket& listener) = 0;

  // What a back end reports.
  void received(LoopConnection& connection, std::string_view bytes);
  void receive_ended(LoopConnection& connection);
  void failed(LoopConnection& connection) { begin_close(connection); }
  void sent(LoopConnection& connection);
  void connection_released(LoopConnection& connection);
  void write_ended(int result);
  void accepted(ListeningSocket& listener, int fd);
  void accept_failed(ListeningSocket& listener, int error);
  void accept_ended(ListeningSocket& listener);
  void woken() { woken_ = true; }
  void tick_due() { tick_due_ = true; }

  [[nodiscard]] const LoopTimes& times() const { return times_; }
  [[nodiscard]] int wake_fd() const { return mailbox_.wake_fd(); }

 private:
  using Life = LoopConnection::Life;

  void turn();
  [[nodiscard]] bool finished() const;
  [[nodiscard]] bool may_wait() const;
  void take_mail();
  void open_connection(int fd);
  void deliver_write();
  void deliver_drained();
  void tick();
  void expire_connections(std::int64_t now_us);
  void trim_idle_connections();
  void send_dirty();
  void advance_flush(LoopConnection& connection);
  void update_receives();
  void settle_closing();
  void destroy(LoopConnection& connection);
  void set_deadline(LoopConnection& connection, int milliseconds);
  [[nodiscard]] bool is_over(LoopConnection& connection, std::int64_t now_us);
  void begin_stop(int linger_ms);
  void stop_listeners();

  ConnectionHandler& handler_;
  const LoopTimes times_;
  Mailbox mailbox_;
  std::vector<std::unique_ptr<ListeningSocket>> listeners_;
  std::vector<std::unique_ptr<LoopConnection>> connections_;
  std::vector<LoopConnection*> dirty_;
  std::vector<LoopConnection*> receive_changed_;
  std::vector<LoopConnection*> drained_;
  std::vector<LoopConnection*> closing_;
  std::vector<LoopConnection*> released_;
  std::vector<LoopConnection*> batch_;  // the list being worked off, swapped with one of the above
  std::size_t lingering_ = 0;           // connections flushing or draining
  std::size_t trim_position_ = 0;
  std::int64_t stop_deadline_us_ = 0;
  WriteCompletion* writing_ = nullptr;  // of the outstanding write
  std::optional<int> write_result_;     // of an ended write that is still to be told
  bool woken_ = false;
  bool turn_again_ = false;
  bool tick_due_ = false;
  bool stopping_ = false;
};

}  // namespace kvstore::net
