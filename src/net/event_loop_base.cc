#include "net/event_loop_base.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "env/clock.h"

namespace kvstore::net {
namespace {

constexpr std::int64_t kMicrosecondsPerMs = 1000;
// Connections looked at in one tick for memory to give back.
constexpr std::size_t kTrimmedPerTick = 1024;

std::int64_t now_us() { return env::Clock::system().monotonic_us(); }

}  // namespace

EventLoopBase::EventLoopBase(ConnectionHandler& handler, const LoopTimes& times, bool blocking_wake_fd)
    : handler_(handler), times_(times), mailbox_(blocking_wake_fd) {}

EventLoopBase::~EventLoopBase() {
  // A loop that never ran may still own its listeners; one that ran has closed everything.
  KV_ASSERT(connections_.empty());
  for (const auto& listener : listeners_) {
    if (listener->fd >= 0) ::close(listener->fd);
  }
}

void EventLoopBase::listen(int listen_fd, std::function<EventLoop&()> next) {
  auto listener = std::make_unique<ListeningSocket>();
  listener->fd = listen_fd;
  listener->next = std::move(next);
  listeners_.push_back(std::move(listener));
}

void EventLoopBase::run() {
  begin_run();
  for (const auto& listener : listeners_) start_accept(*listener);
  while (!finished()) turn();
  mailbox_.close();
  end_run();
}

bool EventLoopBase::finished() const {
  if (!stopping_ || !connections_.empty() || writing_ != nullptr) return false;
  return std::all_of(listeners_.begin(), listeners_.end(), [](const auto& listener) { return listener->fd < 0; });
}

bool EventLoopBase::may_wait() const {
  return !turn_again_ && dirty_.empty() && receive_changed_.empty() && drained_.empty() && closing_.empty() &&
         released_.empty() && !finished();
}

void EventLoopBase::turn() {
  collect(may_wait());
  turn_again_ = false;
  deliver_write();
  if (std::exchange(woken_, false)) take_mail();
  deliver_drained();
  if (std::exchange(tick_due_, false)) tick();
  handler_.on_turn();
  recycle_received();
  send_dirty();
  update_receives();
  settle_closing();
}

// ---- reports of the back end ----

void EventLoopBase::received(LoopConnection& connection, std::string_view bytes) {
  if (connection.life() == Life::kOpen) handler_.on_receive(connection, bytes);
}

void EventLoopBase::receive_ended(LoopConnection& connection) {
  if (connection.peer_ended) return;
  connection.peer_ended = true;
  schedule_receive_update(connection);
  if (connection.life() == Life::kOpen) {
    handler_.on_receive_end(connection);
  } else if (connection.life() == Life::kDraining) {
    begin_close(connection);
  }
}

void EventLoopBase::sent(LoopConnection& connection) {
  connection.recently_used = true;
  if (connection.above_low_water && connection.unsent_bytes() <= Connection::kLowWaterBytes) {
    connection.above_low_water = false;
    if (connection.life() == Life::kOpen && !std::exchange(connection.drained_pending, true)) {
      drained_.push_back(&connection);
    }
  }
  advance_flush(connection);
}

void EventLoopBase::connection_released(LoopConnection& connection) {
  KV_ASSERT(connection.life() == Life::kClosed);
  released_.push_back(&connection);
}

void EventLoopBase::write_ended(int result) {
  KV_ASSERT(writing_ != nullptr && !write_result_.has_value());
  write_result_ = result;
}

void EventLoopBase::accepted(ListeningSocket& listener, int fd) {
  if (listener.stopped) {
    ::close(fd);
    return;
  }
  EventLoop& owner = listener.next();
  if (&owner == this) {
    open_connection(fd);
  } else {
    owner.adopt(fd);
  }
}

void EventLoopBase::accept_failed(ListeningSocket& listener, int error) {
  if (listener.stopped) return;
  if (accept_should_pause(error)) {
    listener.retry_at_us = now_us() + times_.accept_pause_ms * kMicrosecondsPerMs;
    stop_accept(listener);
  } else {
    start_accept(listener);
  }
}

void EventLoopBase::accept_ended(ListeningSocket& listener) {
  KV_ASSERT(!listener.armed && listener.fd >= 0);
  if (!listener.stopped) return;
  ::close(listener.fd);
  listener.fd = -1;
}

// ---- writing ----

bool EventLoopBase::write_durably(const DurableWrite& write) {
  KV_ASSERT(writing_ == nullptr && write.completion != nullptr);
  KV_ASSERT(write.length > 0 && write.length <= DurableWrite::kLongest);
  if (!start_write(write)) return false;
  writing_ = write.completion;
  return true;
}

void EventLoopBase::deliver_write() {
  if (!write_result_.has_value()) return;
  const int result = *std::exchange(write_result_, std::nullopt);
  std::exchange(writing_, nullptr)->on_write_done(result);
}

// ---- what a connection asks for ----

void EventLoopBase::schedule_send(LoopConnection& connection) {
  if (connection.life() > Life::kFlushing || std::exchange(connection.dirty, true)) return;
  dirty_.push_back(&connection);
}

void EventLoopBase::schedule_receive_update(LoopConnection& connection) {
  if (connection.life() >= Life::kClosing || std::exchange(connection.receive_changed, true)) return;
  receive_changed_.push_back(&connection);
}

void EventLoopBase::begin_flush(LoopConnection& connection) {
  if (connection.life() != Life::kOpen) return;
  connection.enter(Life::kFlushing);
  restart_linger(connection);
  ++lingering_;
  schedule_receive_update(connection);  // a paused one reads on, to drop it
  schedule_send(connection);            // also without output: the end of the turn looks whether all is sent
}

void EventLoopBase::restart_linger(LoopConnection& connection) { set_deadline(connection, times_.linger_ms); }

void EventLoopBase::begin_close(LoopConnection& connection) {
  if (connection.life() >= Life::kClosing) return;
  if (connection.life() != Life::kOpen) --lingering_;
  connection.enter(Life::kClosing);
  closing_.push_back(&connection);
}

// ---- the steps of a turn ----

void EventLoopBase::take_mail() {
  const Mailbox::Mail mail = mailbox_.take();
  for (const int fd : mail.sockets) open_connection(fd);
  if (mail.stop_listening || mail.stop) stop_listeners();
  if (mail.stop) begin_stop(mail.linger_ms);
}

void EventLoopBase::open_connection(int fd) {
  if (stopping_) {
    ::close(fd);
    return;
  }
  disable_nagle(fd);
  connections_.push_back(std::make_unique<LoopConnection>(*this, fd, socket_names(fd)));
  LoopConnection& connection = *connections_.back();
  connection.index = connections_.size() - 1;
  schedule_receive_update(connection);
  handler_.on_open(connection);
}

void EventLoopBase::deliver_drained() {
  batch_.swap(drained_);
  for (LoopConnection* connection : batch_) {
    connection->drained_pending = false;
    if (connection->life() == Life::kOpen) handler_.on_drained(*connection);
  }
  batch_.clear();
}

void EventLoopBase::send_dirty() {
  batch_.swap(dirty_);
  for (LoopConnection* connection : batch_) {
    connection->dirty = false;
    if (connection->life() > Life::kFlushing) continue;
    if (connection->unsent_bytes() > Connection::kLowWaterBytes) connection->above_low_water = true;
    if (connection->may_send()) send(*connection);
    advance_flush(*connection);
  }
  batch_.clear();
}

// Flushing, and everything sent: on to our FIN, or to the end.
void EventLoopBase::advance_flush(LoopConnection& connection) {
  if (connection.life() != Life::kFlushing || connection.unsent_bytes() > 0 || connection.output_held()) return;
  if (connection.peer_ended || (stopping_ && unacknowledged_bytes(connection.fd()) == 0)) {
    begin_close(connection);
    return;
  }
  if (shutdown(connection.fd(), SHUT_WR) != 0) {
    begin_close(connection);  // reset by the peer
    return;
  }
  connection.enter(Life::kDraining);
  set_deadline(connection, times_.drain_ms);
}

void EventLoopBase::update_receives() {
  batch_.swap(receive_changed_);
  for (LoopConnection* connection : batch_) {
    connection->receive_changed = false;
    if (connection->life() < Life::kClosing) update_receive(*connection);
  }
  batch_.clear();
}

void EventLoopBase::settle_closing() {
  // on_close may close others, which then join the list.
  for (std::size_t i = 0; i < closing_.size(); ++i) {
    LoopConnection& connection = *closing_[i];
    connection.enter(Life::kClosed);
    const bool released = detach(connection);
    handler_.on_close(connection);
    if (released) destroy(connection);
  }
  closing_.clear();
  for (LoopConnection* connection : released_) destroy(*connection);
  released_.clear();
}

void EventLoopBase::destroy(LoopConnection& connection) {
  // In a list only when it was scheduled and closed by another connection's on_close, or while still waiting its turn.
  if (connection.dirty) std::erase(dirty_, &connection);
  if (connection.receive_changed) std::erase(receive_changed_, &connection);
  if (connection.drained_pending) std::erase(drained_, &connection);
  const std::size_t index = connection.index;
  KV_ASSERT(index < connections_.size() && connections_[index].get() == &connection);
  std::swap(connections_[index], connections_.back());
  connections_[index]->index = index;
  connections_.pop_back();
}

// ---- ticks ----

void EventLoopBase::tick() {
  const std::int64_t now = now_us();
  for (const auto& listener : listeners_) {
    if (listener->stopped || listener->retry_at_us == 0 || now < listener->retry_at_us) continue;
    listener->retry_at_us = 0;
    start_accept(*listener);
  }
  if (lingering_ > 0) expire_connections(now);
  trim_idle_connections();
  handler_.on_tick();
}

void EventLoopBase::expire_connections(std::int64_t now) {
  for (const auto& connection : connections_) {
    const Life life = connection->life();
    if ((life == Life::kFlushing || life == Life::kDraining) && is_over(*connection, now)) begin_close(*connection);
  }
}

// Counted in what the peer's kernel has acknowledged, because ours takes megabytes at a time: a slow reader that goes
// on reading is never cut off.
bool EventLoopBase::is_over(LoopConnection& connection, std::int64_t now) {
  const std::size_t remaining = connection.unsent_bytes() + unacknowledged_bytes(connection.fd());
  if (stopping_) return now >= stop_deadline_us_ || (connection.life() == Life::kDraining && remaining == 0);
  // Held: it is we who keep the peer waiting. The release starts its time anew.
  if (now < connection.deadline_us || connection.output_held()) return false;
  if (remaining == 0 || remaining >= connection.remaining_bytes) return true;
  restart_linger(connection);
  return false;
}

void EventLoopBase::set_deadline(LoopConnection& connection, int milliseconds) {
  connection.deadline_us = now_us() + milliseconds * kMicrosecondsPerMs;
  connection.remaining_bytes = connection.unsent_bytes() + unacknowledged_bytes(connection.fd());
}

// A connection that sent nothing since the last look gives back the memory of its output.
void EventLoopBase::trim_idle_connections() {
  const std::size_t count = std::min(kTrimmedPerTick, connections_.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (trim_position_ >= connections_.size()) trim_position_ = 0;
    LoopConnection& connection = *connections_[trim_position_++];
    if (std::exchange(connection.recently_used, false) || !connection.output().empty()) continue;
    base::OutputBuffer fresh;
    connection.output().swap(fresh);
  }
}

// ---- the orderly end ----

void EventLoopBase::stop_listeners() {
  for (const auto& listener : listeners_) {
    if (std::exchange(listener->stopped, true)) continue;
    if (stop_accept(*listener)) accept_ended(*listener);
  }
}

void EventLoopBase::begin_stop(int linger_ms) {
  stopping_ = true;
  stop_deadline_us_ = now_us() + linger_ms * kMicrosecondsPerMs;
  for (const auto& connection : connections_) {
    if (linger_ms <= 0) {
      begin_close(*connection);
    } else {
      begin_flush(*connection);
    }
  }
}

}  // namespace kvstore::net
