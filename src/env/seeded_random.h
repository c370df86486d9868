// SeededRandom: numbers that look random and are the same for the same seed on every machine (SplitMix64). For tests
// that must be repeatable; nothing that needs to be secret.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>

namespace kvstore::env {

class SeededRandom {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t mixed = state_ += 0x9E3779B97F4A7C15U;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31U);
  }
  // Below `end`, which is not 0. The bias is far below what a test could notice.
  std::uint64_t below(std::uint64_t end) { return next() % end; }

 private:
  std::uint64_t state_;
};

}  // namespace kvstore::env
