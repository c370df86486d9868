// Cores: which processors the servers run on and which the load, so that neither takes time from the other.
//
// Thread rule: any thread; pin_this_thread() is about its caller and what that starts later.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kvstore/status.h"

namespace kvstore::benchmarks {

using Cores = std::vector<unsigned>;  // ascending, each once

// "0-3,6" as the kernel and taskset write it.
[[nodiscard]] Result<Cores> parse_cores(std::string_view text);
[[nodiscard]] std::string cores_text(const Cores& cores);
// Those that this process may use.
[[nodiscard]] Cores allowed_cores();

struct CoreSplit {
  Cores server;
  Cores load;
};
// The first half (the smaller one) for the servers, the rest for the load; a single core has to do for both.
[[nodiscard]] CoreSplit split_cores(const Cores& cores);

// False with errno when the kernel refuses: a core that is not there or not ours.
[[nodiscard]] bool pin_this_thread(const Cores& cores);

}  // namespace kvstore::benchmarks
