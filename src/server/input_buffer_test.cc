#include "server/input_buffer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>

namespace kvstore::server {
namespace {

TEST(InputBufferTest, BehavesLikeAStringThatLosesItsFront) {
  EXPECT_TRUE(rc::check([] {
    InputBuffer buffer;
    std::string model;
    const auto steps = *rc::gen::container<std::vector<std::pair<std::string, unsigned>>>(
        rc::gen::pair(rc::gen::arbitrary<std::string>(), rc::gen::inRange(0U, 40U)));
    for (const auto& [bytes, wanted] : steps) {
      buffer.append(bytes);
      model += bytes;
      const std::size_t consumed = std::min<std::size_t>(wanted, model.size());
      buffer.consume(consumed);
      model.erase(0, consumed);
      RC_ASSERT(buffer.view() == model);
      buffer.shrink();
      RC_ASSERT(buffer.view() == model);
    }
  }));
}

TEST(InputBufferTest, AnEmptiedLargeBufferGivesItsMemoryBack) {
  InputBuffer buffer;
  buffer.append(std::string(1 << 20, 'x'));
  buffer.shrink();
  EXPECT_GE(buffer.capacity(), std::size_t{1} << 20);  // still in use
  buffer.consume(1 << 20);
  buffer.shrink();
  EXPECT_EQ(buffer.capacity(), 0U);
}

TEST(InputBufferTest, CapacityFollowsWhatWasReceivedNotItsHistory) {
  InputBuffer buffer;
  const std::string piece(1000, 'x');
  for (int i = 0; i < 10000; ++i) {  // ten megabytes pass through, one kilobyte at a time
    buffer.append(piece);
    buffer.consume(piece.size() - (i == 0 ? 1 : 0));
  }
  EXPECT_LE(buffer.capacity(), 16000U);
}

}  // namespace
}  // namespace kvstore::server
