#include "base/output_buffer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <string>

namespace kvstore::base {
namespace {

std::string contents(const OutputBuffer& buffer) {
  std::array<iovec, 1024> pieces;
  const int count = buffer.fill(pieces.data(), static_cast<int>(pieces.size()));
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    const iovec& piece = pieces[static_cast<std::size_t>(i)];
    bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return bytes;
}

TEST(OutputBufferTest, BehavesLikeAStringWhateverIsMixed) {
  EXPECT_TRUE(rc::check([] {
    OutputBuffer buffer;
    std::string model;
    const auto steps = *rc::gen::container<std::vector<std::pair<int, std::string>>>(
        rc::gen::pair(rc::gen::inRange(0, 6), rc::gen::arbitrary<std::string>()));
    for (const auto& [kind, text] : steps) {
      if (kind <= 1) {
        buffer.append(text);
        model += text;
      } else if (kind == 2) {
        const std::size_t offset = text.size() / 3;
        buffer.append_shared(SharedBytesRef::copy_of(text), offset, text.size() - offset);
        model += text.substr(offset);
      } else if (kind == 3) {
        const std::size_t taken = std::min(model.size(), text.size());
        buffer.consume(taken);
        model.erase(0, taken);
      } else if (kind == 4) {
        const std::size_t kept = model.size() - std::min(model.size(), text.size());
        buffer.truncate(kept);
        model.resize(kept);
      } else {
        OutputBuffer other;
        other.append("other");
        buffer.swap(other);
        RC_ASSERT(contents(buffer) == "other");
        buffer.swap(other);
      }
      RC_ASSERT(buffer.size() == model.size());
      RC_ASSERT(contents(buffer) == model);
    }
  }));
}

TEST(OutputBufferTest, ALargeValueIsReferencedAndReleasedWhenSent) {
  SharedBytesRef block = SharedBytesRef::copy_of(std::string(100'000, 'v'));
  OutputBuffer buffer;
  buffer.append("$100000\r\n");
  buffer.append_shared(block, 0, block->size());
  buffer.append("\r\n");
  EXPECT_FALSE(block.unique());
  std::array<iovec, 3> pieces;
  ASSERT_EQ(buffer.fill(pieces.data(), 3), 3);
  EXPECT_EQ(pieces[1].iov_base, block->data());  // not a copy
  buffer.consume(9 + 50'000);
  EXPECT_FALSE(block.unique());
  buffer.consume(50'000);
  EXPECT_TRUE(block.unique());
  EXPECT_EQ(contents(buffer), "\r\n");
}

TEST(OutputBufferTest, FillsOnlyAsManyPiecesAsAsked) {
  OutputBuffer buffer;
  for (int i = 0; i < 10; ++i) buffer.append_shared(SharedBytesRef::copy_of("xy"), 0, 2);
  std::array<iovec, 4> pieces;
  EXPECT_EQ(buffer.fill(pieces.data(), 4), 4);
  EXPECT_EQ(buffer.size(), 20U);
}

}  // namespace
}  // namespace kvstore::base
