#include "protocol/protocol_detector.h"

#include <gtest/gtest.h>

namespace kvstore::protocol {
namespace {

TEST(ProtocolDetector, TheFirstByteDecides) {
  for (int byte = 0; byte < 256; ++byte) {
    const WireProtocol expected = byte == '*'    ? WireProtocol::kResp
                                  : byte == 0x16 ? WireProtocol::kTls
                                                 : WireProtocol::kJsonLines;
    EXPECT_EQ(detect_protocol(static_cast<char>(byte)), expected) << byte;
  }
}

}  // namespace
}  // namespace kvstore::protocol
