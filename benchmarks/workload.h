// Keys and values: a reproducible stream that is the same for every store and server measured.
//
// A key is a fixed prefix and 11 characters that spell a mixed index, so keys of neighbouring indexes share no order
// and no two indexes share a key. Keys and values are letters, digits, '-' and '_': the same in every protocol.
//
// Thread rule: plain values; a KeyStream belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kvstore::benchmarks {

constexpr std::size_t kKeyBytesMin = 11;  // room for 64 bits at 6 bits a character

// SplitMix64's finaliser: a bijection of 64 bits that mixes well.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

// Writes keys of one size, one at a time, into a buffer of its own.
class KeyMaker {
 public:
  explicit KeyMaker(std::size_t key_bytes);
  // Valid until the next call.
  [[nodiscard]] std::string_view key(std::uint64_t index);

 private:
  std::string buffer_;
};

// Values of one size; neighbouring indexes get different ones.
class ValuePool {
 public:
  explicit ValuePool(std::size_t value_bytes);
  [[nodiscard]] std::string_view value(std::uint64_t index) const {
    return std::string_view(bytes_).substr((index * 37) % kStarts, value_bytes_);
  }

 private:
  static constexpr std::size_t kStarts = 4096;

  std::size_t value_bytes_;
  std::string bytes_;
};

// Keys drawn uniformly from [0, key_count) and spelled out beforehand, so that a measured loop pays for neither: it
// reads them one after the other (which the processor prefetches) while the store it asks jumps about.
class KeyStream {
 public:
  KeyStream(std::uint64_t key_count, std::size_t key_bytes, std::uint64_t seed);
  [[nodiscard]] std::string_view next() {
    const std::string_view key(bytes_.data() + position_, key_bytes_);
    position_ += key_bytes_;
    if (position_ == bytes_.size()) position_ = 0;
    return key;
  }

 private:
  std::size_t key_bytes_;
  std::size_t position_ = 0;
  std::vector<char> bytes_;
};

}  // namespace kvstore::benchmarks
