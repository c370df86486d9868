// The numbers of the RDB format that writer and reader share; docs/formats/snapshot.md has them in tables.
//
// Thread rule: constants and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvstore::durability {

inline constexpr std::string_view kRdbMagic = "REDIS";
inline constexpr std::string_view kRdbValkeyMagic = "VALKEY";
inline constexpr std::size_t kRdbHeaderBytes = 9;
inline constexpr std::size_t kRdbChecksumBytes = 8;
inline constexpr std::size_t kRdbFooterBytes = 1 + kRdbChecksumBytes;
inline constexpr unsigned kRdbVersionWritten = 10;
inline constexpr unsigned kRdbVersionMax = 12;
inline constexpr unsigned kRdbValkeyVersion = 80;
inline constexpr unsigned kRdbFirstVersionWithChecksum = 5;

// Bytes that may begin a record. Below kFirstOpcode they are types of values.
namespace rdb_opcode {
inline constexpr std::uint8_t kFirst = 243;
inline constexpr std::uint8_t kSlotImport = 243;
inline constexpr std::uint8_t kSlotInfo = 244;
inline constexpr std::uint8_t kFunction = 245;
inline constexpr std::uint8_t kFunctionBefore7 = 246;
inline constexpr std::uint8_t kModuleAux = 247;
inline constexpr std::uint8_t kIdle = 248;
inline constexpr std::uint8_t kFrequency = 249;
inline constexpr std::uint8_t kAux = 250;
inline constexpr std::uint8_t kResizeDb = 251;
inline constexpr std::uint8_t kExpireTimeMs = 252;
inline constexpr std::uint8_t kExpireTime = 253;
inline constexpr std::uint8_t kSelectDb = 254;
inline constexpr std::uint8_t kEof = 255;
}  // namespace rdb_opcode

inline constexpr std::uint8_t kRdbTypeString = 0;

// The two top bits of a length's first byte.
inline constexpr std::uint8_t kRdbLength14 = 0x40;
inline constexpr std::uint8_t kRdbLength32 = 0x80;
inline constexpr std::uint8_t kRdbLength64 = 0x81;
inline constexpr std::uint8_t kRdbEncoded = 0xC0;
// The six low bits when the two top ones are kRdbEncoded.
inline constexpr std::uint8_t kRdbInt8 = 0;
inline constexpr std::uint8_t kRdbInt16 = 1;
inline constexpr std::uint8_t kRdbInt32 = 2;
inline constexpr std::uint8_t kRdbLzf = 3;

// Names of our AUX fields.
inline constexpr std::string_view kAuxRedisVersion = "redis-ver";
inline constexpr std::string_view kAuxCreated = "ctime";
inline constexpr std::string_view kAuxVersion = "kvstore-version";
inline constexpr std::string_view kAuxDatabaseId = "kvstore-database-id";
inline constexpr std::string_view kAuxLsn = "kvstore-lsn";
inline constexpr std::string_view kAuxKeys = "kvstore-keys";
inline constexpr std::size_t kDatabaseIdDigits = 32;

// What a value of this type is, with its article ("a hash"); empty for a byte that is no type.
[[nodiscard]] constexpr std::string_view rdb_type_name(std::uint8_t type, bool valkey) {
  switch (type) {
    case 0:
      return "a string";
    case 1:
    case 10:
    case 14:
    case 18:
      return "a list";
    case 2:
    case 11:
    case 20:
      return "a set";
    case 3:
    case 5:
    case 12:
    case 17:
      return "a sorted set";
    case 4:
    case 9:
    case 13:
    case 16:
      return "a hash";
    case 6:
    case 7:
      return "a module's value";
    case 15:
    case 19:
    case 21:
      return "a stream";
    case 22:
      return "a hash with expiring fields";
    case 23:
    case 24:
    case 25:
      return valkey ? "" : "a hash with expiring fields";
    default:
      return "";
  }
}

}  // namespace kvstore::durability
