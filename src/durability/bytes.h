// Numbers in the byte order of our files: little-endian, and varints of seven bits a byte.
//
// Thread rule: plain functions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace kvstore::durability {

static_assert(std::endian::native == std::endian::little, "the formats are written by memcpy");

template <typename Number>
void put_fixed(char* at, Number number) {
  std::memcpy(at, &number, sizeof number);
}

template <typename Number>
[[nodiscard]] Number get_fixed(const char* at) {
  Number number;
  std::memcpy(&number, at, sizeof number);
  return number;
}

inline constexpr std::size_t kVarintBytesMax = 10;

// Returns the byte behind it.
inline char* put_varint(char* at, std::uint64_t number) {
  while (number >= 0x80) {
    *at++ = static_cast<char>(number | 0x80);
    number >>= 7;
  }
  *at++ = static_cast<char>(number);
  return at;
}

// Takes a varint off the front of `bytes`; false when it is cut off or longer than 64 bits.
[[nodiscard]] inline bool take_varint(std::string_view& bytes, std::uint64_t& number) {
  number = 0;
  for (std::size_t i = 0; i < bytes.size() && i < kVarintBytesMax; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (i == kVarintBytesMax - 1 && byte > 1) return false;
    number |= std::uint64_t{byte & 0x7fU} << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

}  // namespace kvstore::durability
