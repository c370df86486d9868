// The sizes an arena hands out: every multiple of 4 bytes from 12 to 512, above that 16 sizes for each doubling, so
// that at most 6 % is lost to rounding. Free lists are kept by class.
//
// Thread rule: pure functions.
#pragma once

#include <bit>
#include <cstddef>

namespace kvstore::store {

inline constexpr std::size_t kGranuleBytes = 4;
inline constexpr std::size_t kAllocationMin = 12;  // a hole in a free list holds three 4-byte words
inline constexpr std::size_t kExactSizeMax = 512;
inline constexpr unsigned kExactClasses = (kExactSizeMax - kAllocationMin) / kGranuleBytes;
inline constexpr unsigned kSizeClasses = 240;  // up to 64 KiB

// What an allocation of `bytes` takes.
[[nodiscard]] inline std::size_t allocation_size(std::size_t bytes) {
  if (bytes <= kAllocationMin) return kAllocationMin;
  const std::size_t step = bytes <= kExactSizeMax ? kGranuleBytes : std::bit_floor(bytes - 1) / 16;
  return (bytes + step - 1) & ~(step - 1);
}

// The highest class whose size is at most `bytes` (a multiple of 4, at least kAllocationMin).
[[nodiscard]] inline unsigned size_class_of(std::size_t bytes) {
  if (bytes < kExactSizeMax) return static_cast<unsigned>((bytes - kAllocationMin) / kGranuleBytes);
  const auto log = static_cast<unsigned>(std::bit_width(bytes)) - 1;
  return kExactClasses + (log - 9) * 16 + (static_cast<unsigned>(bytes >> (log - 4)) - 16);
}

}  // namespace kvstore::store
