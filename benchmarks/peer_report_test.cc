// Medians over rounds, and ratios that compare what was measured in the same round.
#include "peer_report.h"

#include <gtest/gtest.h>

#include <array>

namespace kvstore::benchmarks {
namespace {

TEST(Median, IsTheMiddleInAnyOrder) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({7}), 7);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({9, 1, 5, 6}), 5.5);
}

TEST(MedianRatio, ComparesWithinRounds) {
  // The machine got ten times slower after the first round: each round still says 2, the medians would say 1.1.
  const std::array<double, 2> worse{2, 20};
  const std::array<double, 2> better{1, 10};
  EXPECT_EQ(median_ratio(worse, better), 2);
}

TEST(MedianRatio, LeavesOutRoundsThatMeasuredNothing) {
  EXPECT_EQ(median_ratio(std::array<double, 2>{4, 6}, std::array<double, 2>{0, 2}), 3);
  EXPECT_EQ(median_ratio(std::array<double, 1>{4}, std::array<double, 1>{0}), 0);
}

}  // namespace
}  // namespace kvstore::benchmarks
