// CommitDriver: brings the log to disk from a worker's loop. When a turn's commands have run it begins a commit if
// none is under way, and hands the bytes to the loop's ring. Behind a commit it gives the clients that were answered a
// few turns to come back, so that they share the next one. Where the loop cannot write durably the log's flusher does
// it; what only has to reach the page cache is written at once.
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

  // Begins a commit when there is something to commit and no commit under way.
  void advance();
  // Does not begin the next commit: the turn first runs the commands that have come, which then share it.
  void on_write_done(int result) override;

 private:
  // Turns, after the one that ends a commit, in which the next may wait until it is as large.
  static constexpr unsigned kGatheringTurns = 3;

  [[nodiscard]] bool gathers();
  [[nodiscard]] net::SyncBy sync_of(const durability::Log::Commit& commit);

  durability::Log& log_;
  durability::LogService& service_;
  net::EventLoop& loop_;
  bool ring_writes_ = true;  // until the loop says that it cannot
  unsigned turns_since_commit_ = kGatheringTurns;
  std::uint64_t last_commit_bytes_ = 0;    // on disk
  std::optional<net::SyncBy> durable_by_;  // not known before the first commit
  std::optional<durability::Log::Commit> writing_;
};

}  // namespace kvstore::server
