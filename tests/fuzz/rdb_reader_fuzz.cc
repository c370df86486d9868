// RdbReader: any bytes, in pieces of any size, give the same keys and the same verdict, and no memory out of proportion
// (libFuzzer's -malloc_limit_mb holds it to that).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "durability/rdb_for_tests.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using kvstore::durability::RdbContents;
  using kvstore::durability::read_rdb;
  if (size < 2) return 0;
  const std::size_t piece = std::size_t{data[0]} + 1;
  const std::string_view file(reinterpret_cast<const char*>(data) + 1, size - 1);
  const RdbContents whole = read_rdb(file);
  const RdbContents pieces = read_rdb(file, piece);
  const bool same = whole.status.code() == pieces.status.code() && whole.status.message() == pieces.status.message() &&
                    whole.keys == pieces.keys && whole.order == pieces.order && whole.expired == pieces.expired;
  if (!same) std::abort();
  return 0;
}
