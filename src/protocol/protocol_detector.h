// detect_protocol: the first byte of a connection decides, once, how it is spoken to (docs/protocols.md).
//
// Thread rule: pure function.
#pragma once

#include <cstdint>

namespace kvstore::protocol {

enum class WireProtocol : std::uint8_t {
  kJsonLines,
  kResp,
  kTls,  // a TLS ClientHello; the first decrypted byte is asked about again. Without TLS: treat it as kJsonLines
};

[[nodiscard]] constexpr WireProtocol detect_protocol(char first_byte) {
  if (first_byte == '*') return WireProtocol::kResp;
  if (first_byte == '\x16') return WireProtocol::kTls;
  return WireProtocol::kJsonLines;
}

}  // namespace kvstore::protocol
