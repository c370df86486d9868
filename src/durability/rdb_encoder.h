// The bytes of an RDB file, appended to a buffer that the caller knows to be large enough.
//
// Every function writes at `to` and returns the position behind what it wrote; the *_bytes functions and constants say
// beforehand how much that is at most.
//
// Thread rule: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "durability/rdb_format.h"

namespace kvstore::durability {

inline constexpr std::size_t kRdbLengthBytesMax = 9;
inline constexpr std::size_t kRdbSelectBytesMax = 1 + kRdbLengthBytesMax;

inline char* rdb_put_length(char* to, std::uint64_t length) {
  if (length < 64) {
    *to = static_cast<char>(length);
    return to + 1;
  }
  if (length < 1U << 14) {
    to[0] = static_cast<char>(kRdbLength14 | length >> 8);
    to[1] = static_cast<char>(length);
    return to + 2;
  }
  if (length <= UINT32_MAX) {
    to[0] = static_cast<char>(kRdbLength32);
    const std::uint32_t high_first = __builtin_bswap32(static_cast<std::uint32_t>(length));
    std::memcpy(to + 1, &high_first, sizeof high_first);
    return to + 5;
  }
  to[0] = static_cast<char>(kRdbLength64);
  const std::uint64_t high_first = __builtin_bswap64(length);
  std::memcpy(to + 1, &high_first, sizeof high_first);
  return to + 9;
}

inline char* rdb_put_bytes(char* to, std::string_view bytes) {
  // Most keys and values are short: a copy of whole words costs a third of a call of memcpy.
  const char* from = bytes.data();
  const std::size_t size = bytes.size();
  if (size - 16 <= 16) {  // 16 to 32
    __builtin_memcpy(to, from, 16);
    __builtin_memcpy(to + size - 16, from + size - 16, 16);
  } else if (size != 0) {
    std::memcpy(to, from, size);
  }
  return to + size;
}

inline char* rdb_put_string(char* to, std::string_view bytes) {
  return rdb_put_bytes(rdb_put_length(to, bytes.size()), bytes);
}

// What a key takes besides the bytes of its value, at most.
[[nodiscard]] inline std::size_t rdb_key_header_bytes_max(std::size_t key_size) {
  return 1 + kRdbLengthBytesMax + key_size + kRdbLengthBytesMax;
}
// Everything of a key but the bytes of its value, which must follow.
inline char* rdb_put_key_header(char* to, std::string_view key, std::size_t value_size) {
  *to = static_cast<char>(kRdbTypeString);
  return rdb_put_length(rdb_put_string(to + 1, key), value_size);
}
inline char* rdb_put_key(char* to, std::string_view key, std::string_view value) {
  return rdb_put_bytes(rdb_put_key_header(to, key, value.size()), value);
}

inline char* rdb_put_select(char* to, int db) {
  *to = static_cast<char>(rdb_opcode::kSelectDb);
  return rdb_put_length(to + 1, static_cast<std::uint64_t>(db));
}

// What a snapshot says about itself.
struct SnapshotInfo {
  std::string version;          // of the program that writes it
  std::string database_id;      // kDatabaseIdDigits hex digits
  std::uint64_t created_s = 0;  // seconds since 1970
  std::uint64_t lsn = 0;
  std::uint64_t keys = 0;
};
// Magic and AUX fields.
[[nodiscard]] std::string rdb_header(const SnapshotInfo& info);
// EOF and checksum; `checksum` is that of everything before it.
class Crc64;
[[nodiscard]] std::string rdb_footer(Crc64 checksum_before);

}  // namespace kvstore::durability
