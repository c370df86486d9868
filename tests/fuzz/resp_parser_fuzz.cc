// RespParser: any bytes, in pieces of any size, give the same requests, and nothing outside them is read.
#include "parse_in_pieces.h"
#include "protocol/resp_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kvstore::fuzz::expect_same_in_pieces<kvstore::protocol::RespParser>(data, size);
  return 0;
}
