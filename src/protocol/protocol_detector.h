// detect_protocol: the first byte of a connection decides, once, how it is spoken to (docs/protocols.md).
//
// One exception: redis-benchmark's PING_INLINE test opens a connection with several inline "PING\r\n" in one piece and
// nothing else, and reads RESP replies. Two or more such lines as the whole first arrival are taken for RESP; a person
// types one line at a time, and a script has something else to say than PING twice.
//
// Thread rule: pure function.
#pragma once

#include <cstdint>
#include <string_view>

namespace kvstore::protocol {

enum class WireProtocol : std::uint8_t {
  kJsonLines,
  kResp,
  kTls,  // a TLS ClientHello; the first decrypted bytes are asked about again
};

// True for two or more "PING\r\n" and nothing else.
[[nodiscard]] constexpr bool is_inline_ping_burst(std::string_view bytes) {
  constexpr std::string_view kPing = "PING\r\n";
  if (bytes.size() < 2 * kPing.size() || bytes.size() % kPing.size() != 0) return false;
  for (std::size_t i = 0; i < bytes.size(); i += kPing.size()) {
    if (bytes.substr(i, kPing.size()) != kPing) return false;
  }
  return true;
}

// Precondition: `first_bytes`, what arrived first, is not empty.
[[nodiscard]] constexpr WireProtocol detect_protocol(std::string_view first_bytes) {
  if (first_bytes.front() == '*') return WireProtocol::kResp;
  if (first_bytes.front() == '\x16') return WireProtocol::kTls;
  return is_inline_ping_burst(first_bytes) ? WireProtocol::kResp : WireProtocol::kJsonLines;
}

}  // namespace kvstore::protocol
