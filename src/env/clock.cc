#include "env/clock.h"

#include <chrono>

namespace kvstore::env {
namespace {

class SystemClock final : public Clock {
 public:
  std::int64_t wall_us() const override { return microseconds(std::chrono::system_clock::now().time_since_epoch()); }
  std::int64_t monotonic_us() const override {
    return microseconds(std::chrono::steady_clock::now().time_since_epoch());
  }

 private:
  template <typename Duration>
  static std::int64_t microseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  }
};

}  // namespace

const Clock& Clock::system() {
  static const SystemClock clock;
  return clock;
}

}  // namespace kvstore::env
