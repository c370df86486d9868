// EventLoop: one worker's loop; io_uring and epoll back ends behind one interface.
//
// Thread rule: run() owns the calling thread; adopt(), wake() and stop() may be called from any thread; the rest from
// the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kvstore/status.h"
#include "net/connection_handler.h"
#include "net/durable_write.h"

namespace kvstore::net {

enum class Backend { kIoUring, kEpoll };

[[nodiscard]] std::string_view backend_name(Backend backend);  // "io_uring", "epoll"
// Whether this kernel gives us every io_uring feature the back end uses; the message says which is missing.
[[nodiscard]] Status probe_io_uring();

class EventLoop {
 public:
  // kUnavailable when the kernel refuses. The loop does not own the handler.
  [[nodiscard]] static Result<std::unique_ptr<EventLoop>> create(Backend backend, ConnectionHandler& handler);
  virtual ~EventLoop() = default;

  // Accepts connections from a listening socket in this loop and gives each to `next()`, which returns the loop that
  // shall own it (this one or another). Call before run(), once for each listener. The loop owns the socket from here
  // on: it stays open until stop_listening() or stop().
  virtual void listen(int listen_fd, std::function<EventLoop&()> next) = 0;
  // Stops accepting. Any thread.
  virtual void stop_listening() = 0;
  // Takes over an accepted socket. Any thread.
  virtual void adopt(int fd) = 0;

  // Hands a write to the kernel, ahead of the sends of its turn. False: this back end cannot (epoll has no way to ask
  // for it), so the caller needs a thread. During run() only.
  [[nodiscard]] virtual bool write_durably(const DurableWrite& write) = 0;

  // The next turn takes what has come and does not wait for more. During run() only.
  virtual void turn_again() = 0;

  // Runs turns until stop(); once in the life of a loop. On return every connection is closed (on_close was called for
  // each) and no write is outstanding.
  virtual void run() = 0;
  // Ends run() after the current turn: no more is received, output so far is sent for at most `linger_ms`. Any thread.
  virtual void stop(int linger_ms) = 0;
  // Makes a turn happen soon (on_turn is called). Any thread.
  virtual void wake() = 0;
};

}  // namespace kvstore::net
