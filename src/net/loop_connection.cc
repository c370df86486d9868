#include "net/loop_connection.h"

#include <unistd.h>

#include <utility>

#include "base/assert.h"
#include "net/event_loop_base.h"
#include "net/send_operation.h"

namespace kvstore::net {

LoopConnection::LoopConnection(EventLoopBase& loop, int fd, SocketNames names) : loop_(loop), fd_(fd) {
  peer_address_ = std::move(names.peer);
  local_address_ = std::move(names.local);
  peer_is_loopback_ = names.peer_is_loopback;
}

LoopConnection::~LoopConnection() { ::close(fd_); }

void LoopConnection::mark_dirty() { loop_.schedule_send(*this); }

std::size_t LoopConnection::unsent_bytes() const {
  return output_.size() + (kernel.send != nullptr ? kernel.send->bytes.size() : 0);
}

void LoopConnection::release_output() {
  if (!output_held_) return;
  output_held_ = false;
  if (life_ == Life::kFlushing) loop_.restart_linger(*this);
  // Flushing without output: the end of the turn looks whether all is sent.
  if (!output_.empty() || life_ == Life::kFlushing) loop_.schedule_send(*this);
}

void LoopConnection::pause_receive() {
  if (paused_) return;
  paused_ = true;
  loop_.schedule_receive_update(*this);
}

void LoopConnection::resume_receive() {
  if (!paused_) return;
  paused_ = false;
  loop_.schedule_receive_update(*this);
}

void LoopConnection::close_after_send() { loop_.begin_flush(*this); }

void LoopConnection::close() { loop_.begin_close(*this); }

void LoopConnection::enter(Life next) {
  switch (next) {
    case Life::kOpen:
      KV_ASSERT(false);
      break;
    case Life::kFlushing:
      KV_ASSERT(life_ == Life::kOpen);
      break;
    case Life::kDraining:
      KV_ASSERT(life_ == Life::kFlushing && !peer_ended && unsent_bytes() == 0);
      break;
    case Life::kClosing:
      KV_ASSERT(life_ < Life::kClosing);
      break;
    case Life::kClosed:
      KV_ASSERT(life_ == Life::kClosing);
      break;
  }
  life_ = next;
}

}  // namespace kvstore::net
