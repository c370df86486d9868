// JsonLineParser: any bytes, in pieces of any size, give the same requests, and nothing outside them is read.
#include "parse_in_pieces.h"
#include "protocol/json_line_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kvstore::fuzz::expect_same_in_pieces<kvstore::protocol::JsonLineParser>(data, size);
  return 0;
}
