// Every byte counts, whatever the size, and nothing beyond the end is read.
#include "base/same_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace kvstore::base {
namespace {

// Each piece in a block of exactly its size: AddressSanitizer sees a read past its end.
TEST(SameBytes, SeesADifferenceInAnyByte) {
  for (std::size_t size = 0; size < 70; ++size) {
    const auto a = std::make_unique<char[]>(size);
    const auto b = std::make_unique<char[]>(size);
    std::fill_n(a.get(), size, 'x');
    std::fill_n(b.get(), size, 'x');
    EXPECT_TRUE(same_bytes(a.get(), b.get(), size)) << size;
    for (std::size_t i = 0; i < size; ++i) {
      b[i] = 'y';
      EXPECT_FALSE(same_bytes(a.get(), b.get(), size)) << "byte " << i << " of " << size;
      b[i] = 'x';
    }
  }
}

}  // namespace
}  // namespace kvstore::base
