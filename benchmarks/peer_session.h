// PeerSession: one server, started with an empty directory, filled, and measured; ended with the object.
//
// Thread rule: the main thread (server_process.h says why).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "cores.h"
#include "load_team.h"
#include "peers.h"
#include "server_process.h"

namespace kvstore::benchmarks {

// What every measurement of a run has in common.
struct PeerConditions {
  CoreSplit cores;
  unsigned clients = 50;
  unsigned load_threads = 1;
  std::size_t key_bytes = 16;
  double seconds = 1;
};

struct PeerWorkload {
  std::uint64_t keys = 0;
  std::size_t value_bytes = 0;
  Durability durability = Durability::kOff;
};

struct PeerOperation {
  bool set = false;  // else GET
  unsigned pipeline = 1;
};

// One measurement. Plain numbers, so that medians can be taken field by field.
struct PeerFigures {
  double per_second = 0;
  double server_us = 0;  // processor time of the server a request, user and kernel
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double load_share = 0;  // of the generator's threads: 1 means that it was the limit
};

class PeerSession {
 public:
  // A floor has one reply for all requests, so it serves one kind of operation: `set` says which.
  [[nodiscard]] static Result<std::unique_ptr<PeerSession>> start(CleanUp& clean_up, const Peer& peer,
                                                                  const PeerConditions& conditions,
                                                                  const PeerWorkload& workload, bool set);

  // What the server says it is; empty when it does not tell.
  [[nodiscard]] std::string version();
  // Sets all keys. The resident bytes a key that the server grew by.
  [[nodiscard]] Result<double> fill();
  // For conditions.seconds after a short warming up. Rate 0: as fast as replies come.
  [[nodiscard]] Result<PeerFigures> measure(const PeerOperation& operation, double rate);

 private:
  PeerSession(const Peer& peer, const PeerConditions& conditions, const PeerWorkload& workload)
      : peer_(peer), conditions_(conditions), workload_(workload) {}

  [[nodiscard]] LoadTeam::Work work_for(const PeerOperation& operation, double rate, double seconds);
  [[nodiscard]] Status wait_until_loaded() const;
  [[nodiscard]] Status explained(const Status& status) const;

  const Peer& peer_;
  const PeerConditions& conditions_;
  const PeerWorkload workload_;
  std::unique_ptr<TempDirectory> directory_;  // outlives the server
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<LoadTeam> load_;
  std::uint64_t draws_ = 0;  // so that no two measurements ask for the same keys in the same order
};

}  // namespace kvstore::benchmarks
