// Clock: the only source of time, so that tests can move it.
//
// Thread rule: any thread.
#pragma once

#include <cstdint>

namespace kvstore::env {

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual std::int64_t wall_us() const = 0;       // microseconds since 1970, may step
  [[nodiscard]] virtual std::int64_t monotonic_us() const = 0;  // never goes back
  // The operating system's clock.
  [[nodiscard]] static const Clock& system();
};

}  // namespace kvstore::env
