// LoadTeam: several Loads, one a thread, that share the connections, the requests and the rate.
//
// One thread drives a server on one core; a server on many cores needs a team, or the generator is what is measured.
//
// Thread rule: open() and run() on one thread; run() starts threads of its own and joins them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "load.h"

namespace kvstore::benchmarks {

class LoadTeam {
 public:
  struct Work {
    std::uint64_t count = 0;
    unsigned pipeline = 1;
    double rate = 0;     // of all together
    double seconds = 0;  // as Load::Work has it
    // Called once a thread: what it returns belongs to that thread and gets indexes that no other thread gets.
    std::function<Load::AppendRequest()> make_requests;
  };

  // No more threads than connections.
  [[nodiscard]] static Result<std::unique_ptr<LoadTeam>> open(std::uint16_t port, Protocol protocol,
                                                              unsigned connections, unsigned threads);

  // All latencies together; processor time added up, seconds of the slowest. The first failure, if there was one.
  [[nodiscard]] Result<Load::Outcome> run(const Work& work);
  [[nodiscard]] unsigned threads() const { return static_cast<unsigned>(members_.size()); }

 private:
  std::vector<std::unique_ptr<Load>> members_;
};

}  // namespace kvstore::benchmarks
