#include "protocol/protocol_detector.h"

#include <gtest/gtest.h>

#include <string>

namespace kvstore::protocol {
namespace {

TEST(ProtocolDetector, TheFirstByteDecides) {
  for (int byte = 0; byte < 256; ++byte) {
    const WireProtocol expected = byte == '*'    ? WireProtocol::kResp
                                  : byte == 0x16 ? WireProtocol::kTls
                                                 : WireProtocol::kJsonLines;
    EXPECT_EQ(detect_protocol(std::string(1, static_cast<char>(byte))), expected) << byte;
    EXPECT_EQ(detect_protocol(static_cast<char>(byte) + std::string("PING\r\n")), expected) << byte;
  }
}

TEST(ProtocolDetector, OnlyABurstOfInlinePingsIsRespWithoutAStar) {
  EXPECT_EQ(detect_protocol("PING\r\nPING\r\n"), WireProtocol::kResp);
  for (const char* lines : {"PING\r\n", "PING\r\nPING\r", "PING\nPING\n", "PING\r\nGET k\r\n", "ping\r\nping\r\n",
                            "PING\r\nPING\r\nPING x\r\n"}) {
    EXPECT_EQ(detect_protocol(lines), WireProtocol::kJsonLines) << lines;
  }
}

}  // namespace
}  // namespace kvstore::protocol
