// Pace: when each request of a fixed-rate load is due.
//
// Thread rule: an immutable value.
// Invariants:
//   1. Request i is due i / rate after the start, whatever became of the requests before it: times are computed from
//   the
//      start, not from each other, so that neither a stall nor rounding shifts what follows.
#pragma once

#include <cstdint>

namespace kvstore::benchmarks {

class Pace {
 public:
  // per_second 0: no pace; due_ns() is then of no use.
  Pace(std::uint64_t start_ns, double per_second)
      : start_ns_(start_ns), interval_ns_(per_second > 0 ? 1e9 / per_second : 0) {}

  [[nodiscard]] std::uint64_t due_ns(std::uint64_t index) const {
    return start_ns_ + static_cast<std::uint64_t>(static_cast<double>(index) * interval_ns_);
  }

 private:
  std::uint64_t start_ns_;
  double interval_ns_;
};

}  // namespace kvstore::benchmarks
