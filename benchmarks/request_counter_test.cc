// The floor counts bytes, not requests: however they arrive, the sum has to be right.
#include "request_counter.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <numeric>
#include <vector>

namespace kvstore::benchmarks {
namespace {

TEST(RequestCounter, ARequestCountsWhenItsLastByteArrives) {
  RequestCounter counter(10);
  EXPECT_EQ(counter.add(9), 0U);
  EXPECT_EQ(counter.add(1), 1U);
  EXPECT_EQ(counter.add(25), 2U);
  EXPECT_EQ(counter.add(5), 1U);
  EXPECT_EQ(counter.add(0), 0U);
}

TEST(RequestCounter, PiecesAddUpToTheWhole) {
  EXPECT_TRUE(rc::check([] {
    const std::size_t request_bytes = *rc::gen::inRange<std::size_t>(1, 2'000);
    const auto pieces = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, 20'000));
    RequestCounter counter(request_bytes);
    std::uint64_t counted = 0;
    for (const std::size_t piece : pieces) counted += counter.add(piece);
    const std::size_t whole = std::accumulate(pieces.begin(), pieces.end(), std::size_t{0});
    RC_ASSERT(counted == whole / request_bytes);
  }));
}

}  // namespace
}  // namespace kvstore::benchmarks
