// CRC-32C (Castagnoli, RFC 3720 appendix B.4), through ISA-L.
//
// Thread rule: a plain function.
#pragma once

#include <isa-l/crc.h>

#include <cstdint>
#include <string_view>

namespace kvstore::durability {

// "123456789" gives 0xe3069283.
[[nodiscard]] inline std::uint32_t crc32c(std::string_view bytes) {
  // ISA-L takes a pointer to bytes it does not change, and an int: batches have at most 1 MiB.
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~0U);
}

}  // namespace kvstore::durability
