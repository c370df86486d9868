// Load: one thread that drives any number of connections, as fast as replies come or at a fixed rate.
//
// Closed loop (rate 0): a connection sends `pipeline` requests, waits for all their replies, and goes on. A latency
// runs from sending to reply, so a server that stalls delays the next request too and its stall is counted once.
// Open loop (rate > 0): request i is due at start + i / rate, whatever the server does, and goes out on a connection
// that has fewer than `pipeline` requests on the way. A latency runs from the time the request was due: a stall is
// counted for every request that it made late.
//
// Thread rule: one thread. load_team.h runs several side by side.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "histogram.h"
#include "kvstore/status.h"
#include "progress.h"
#include "tcp_client.h"

namespace kvstore::benchmarks {

class Load {
 public:
  using AppendRequest = std::function<void(std::uint64_t index, std::string& out)>;
  struct Work {
    std::uint64_t count = 0;
    unsigned pipeline = 1;
    double rate = 0;  // requests a second over all connections; 0: closed loop
    AppendRequest append_request;
    // Closed loop only: sends nothing new after so long, even if `count` is not reached; 0: no limit. An open loop has
    // no such end, because what was due and never sent would be left out of the latencies.
    double seconds = 0;
  };
  struct Outcome {
    Histogram latency_ns;
    double seconds = 0;              // from the first request to the last reply
    std::uint64_t missing = 0;       // replies that said the key was not there
    std::uint64_t processor_ns = 0;  // what this thread used
  };

  // kUnavailable when a connection cannot be made.
  [[nodiscard]] static Result<std::unique_ptr<Load>> open(const std::string& host, std::uint16_t port,
                                                          Protocol protocol, unsigned connections);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Fails when a connection breaks, the server answers with an error, or nothing arrives for 30 seconds; the object is
  // of no use after that.
  [[nodiscard]] Result<Outcome> run(const Work& work, Step* step);

 private:
  struct Connection;
  class Run;

  explicit Load(Protocol protocol);

  Protocol protocol_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace kvstore::benchmarks
