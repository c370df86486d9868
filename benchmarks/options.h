// Command-line options that several benchmarks share, and the checks CLI11 does not have.
//
// Thread rule: one thread, at start.
#pragma once

#include <CLI/CLI.hpp>

#include "direct_measure.h"

namespace kvstore::benchmarks {

inline void add_shape_options(CLI::App& app, Shape& shape) {
  app.add_option("--key-size", shape.key_bytes, "Bytes of a key")
      ->check(CLI::Range(kKeyBytesMin, std::size_t{65'536}))
      ->capture_default_str();
  app.add_option("--value-size", shape.value_bytes, "Bytes of a value")
      ->check(CLI::Range(std::size_t{0}, std::size_t{64} << 20))
      ->capture_default_str();
}

}  // namespace kvstore::benchmarks
