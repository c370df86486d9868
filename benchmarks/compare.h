// The peers of the store in one process: the same work on libcuckoo and oneTBB maps, and the ratios.
//
// Thread rule: call it while this process has one thread (it forks).
#pragma once

#include <cstdint>
#include <vector>

#include "direct_measure.h"
#include "results.h"

namespace kvstore::benchmarks {

struct CompareOptions {
  Shape shape;
  std::vector<std::uint64_t> sizes;
  std::vector<std::uint64_t> threads;
  double seconds = 1;
  unsigned rounds = 3;
};

// Whether this program was built with the peers.
[[nodiscard]] bool compare_available();
// Prints one table a size and adds its rows; false when a measurement failed.
[[nodiscard]] bool run_compare(const CompareOptions& options, Results& results);

}  // namespace kvstore::benchmarks
