// same_bytes: compares short pieces of memory without a call.
//
// Thread rule: a pure function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kvstore::base {

// True when the `size` bytes at `a` and at `b` are equal. For sizes of up to some 100 bytes, where calling memcmp costs
// more than comparing.
[[nodiscard]] inline bool same_bytes(const char* a, const char* b, std::size_t size) {
  const auto same = [a, b](std::size_t at, auto word) {
    auto other = word;
    std::memcpy(&word, a + at, sizeof word);
    std::memcpy(&other, b + at, sizeof other);
    return word == other;
  };
  // The last word of each size may overlap the one before.
  if (size >= 8) [[likely]] {
    for (std::size_t at = 0; at + 8 < size; at += 8) {
      if (!same(at, std::uint64_t{})) return false;
    }
    return same(size - 8, std::uint64_t{});
  }
  if (size >= 4) return same(0, std::uint32_t{}) && same(size - 4, std::uint32_t{});
  for (std::size_t at = 0; at < size; ++at) {
    if (a[at] != b[at]) return false;
  }
  return true;
}

}  // namespace kvstore::base
