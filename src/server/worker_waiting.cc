// The part of Worker that waits for the disk: replies that are parked until the log has acknowledged what they show,
// commands that answer later, and input that is left alone while the log has no room.
#include <algorithm>

#include "server/worker.h"

namespace kvstore::server {

void Worker::attach_log() {
  log_ = shared_.engine.log();
  commits_.emplace(*log_, shared_.storage->service(), *loop_);
}

bool Worker::log_has_room() const { return log_ == nullptr || shared_.storage->has_room(); }

void Worker::park(Session& session) {
  if (session.parked || session.wait_lsn <= log_->acknowledged_lsn()) return;
  session.parked = true;
  session.connection().hold_output();
  parked_.push_back(&session);
}

// A few at a time: while some clients are answered, what others sent meanwhile is run, and the next commit may begin.
void Worker::release_parked() {
  releases_left_ = false;
  if (parked_.empty()) return;
  const store::Lsn acknowledged = log_->acknowledged_lsn();
  const auto ready = [acknowledged](const Session* session) { return session->wait_lsn <= acknowledged; };
  const auto count = static_cast<std::size_t>(std::count_if(parked_.begin(), parked_.end(), ready));
  if (count == 0) return;
  std::size_t left = std::max(kReleasesMin, count / kReleaseTurns);
  releases_left_ = count > left;
  std::erase_if(parked_, [&](Session* session) {
    if (left == 0 || !ready(session)) return false;
    --left;
    session->parked = false;
    session->connection().release_output();
    return true;
  });
}

void Worker::answer_waiters() {
  if (!stalled_.empty() && log_has_room()) {
    resumed_.insert(resumed_.end(), stalled_.begin(), stalled_.end());
    stalled_.clear();
  }
  if (blocked_.empty()) return;
  std::erase_if(blocked_, [this](Session* session) {
    protocol::ReplyWriter& writer = writer_of(*session);
    base::OutputBuffer& output = session->connection().output();
    const std::size_t before = output.size();
    writer.begin(output);
    const bool answered = session->waiter()->answer(writer, now_us_);
    if (!answered) return false;
    writer.end();
    metrics_.output_bytes.add(output.size() - before);
    session->drop_waiter();
    touch(*session);
    resumed_.push_back(session);
    return true;
  });
}

// At the end of a turn: from here on whoever advances the log wakes this worker if it must. What advanced while the
// turn ran is looked for again.
void Worker::count_waiting() {
  const std::size_t waiting = parked_.size() + stalled_.size() + blocked_.size();
  blocked_count_.store(blocked_.size(), std::memory_order_relaxed);
  if (waiting == 0 && waiting_count_.load(std::memory_order_relaxed) == 0) return;  // relaxed: its own writes
  waiting_count_.store(waiting, std::memory_order_seq_cst);
  if (waiting == 0) return;
  const store::Lsn acknowledged = log_ == nullptr ? 0 : log_->acknowledged_lsn();
  const bool ready = std::any_of(parked_.begin(), parked_.end(),
                                 [acknowledged](const Session* session) { return session->wait_lsn <= acknowledged; });
  if (ready || (!stalled_.empty() && log_has_room())) loop_->turn_again();
}

void Worker::forget(Session& session) {
  std::erase(resumed_, &session);
  if (session.parked) std::erase(parked_, &session);
  std::erase(stalled_, &session);
  std::erase(blocked_, &session);
}

}  // namespace kvstore::server
