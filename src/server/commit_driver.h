// CommitDriver: brings the log to disk from a worker's loop. When a turn's commands have run it begins a commit if
// none is under way, and hands the bytes to the loop's ring. Behind a commit it gives the clients that are answered a
// few turns to come back, so that most of them share the next one. Where the loop cannot write durably the log's
// flusher does it; what only has to reach the page cache is written at once.
//
// Thread rule: the worker's loop thread.
// Invariants:
//   1. At most one write of this loop is in flight.
//   2. After a failed write the process ends (durability::Log, invariant 3): nothing is tried again.
#pragma once

#include <optional>

#include "durability/log.h"
#include "durability/log_service.h"
#include "durability/storage.h"
#include "net/durable_write.h"
#include "net/event_loop.h"

namespace kvstore::server {

class CommitDriver final : public net::WriteCompletion {
 public:
  CommitDriver(durability::Log& log, durability::LogService& service, net::EventLoop& loop)
      : log_(log), service_(service), loop_(loop) {}

  // Begins a commit when there is something to commit and no commit under way. `releases_left`: clients whom the last
  // commit answers are still to be answered in the turns to come.
  void advance(bool releases_left);
  // Does not begin the next commit: the turn first runs the commands that have come, which then share it.
  void on_write_done(int result) override;

 private:
  // Turns, from when all are answered, in which the next commit may wait for its share of the clients.
  static constexpr unsigned kGatheringTurns = 3;
  // Of what the last commit wrote and what waited at its end.
  static constexpr std::uint64_t kSharePercent = 60;

  [[nodiscard]] bool gathers(bool releases_left);
  [[nodiscard]] net::SyncBy sync_of(const durability::Log::Commit& commit);

  durability::Log& log_;
  durability::LogService& service_;
  net::EventLoop& loop_;
  bool ring_writes_ = true;  // until the loop says that it cannot
  unsigned gathering_turns_ = kGatheringTurns;
  std::uint64_t gathering_bytes_ = 0;      // with so many waiting, the next commit begins
  std::optional<net::SyncBy> durable_by_;  // not known before the first commit
  std::optional<durability::Log::Commit> writing_;
};

}  // namespace kvstore::server
