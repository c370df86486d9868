// Histogram: percentiles agree with sorting, within the promised 1/128, for any values.
#include "histogram.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace kvstore::benchmarks {
namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

std::uint64_t sorted_percentile(std::vector<std::uint64_t> values, double percent) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(percent / 100.0 * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

TEST(Histogram, EmptyReportsZeros) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.min(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.mean(), 0.0);
  EXPECT_EQ(histogram.percentile(50), 0U);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 200; ++value) histogram.record(value);
  EXPECT_EQ(histogram.percentile(50), 100U);
  EXPECT_EQ(histogram.percentile(90), 180U);
  EXPECT_EQ(histogram.percentile(99.5), 199U);
  EXPECT_EQ(histogram.percentile(100), 200U);
  EXPECT_DOUBLE_EQ(histogram.mean(), 100.5);
}

TEST(Histogram, ExtremesHaveABucket) {
  Histogram histogram;
  histogram.record(0);
  histogram.record(kLargest);
  EXPECT_EQ(histogram.min(), 0U);
  EXPECT_EQ(histogram.max(), kLargest);
  EXPECT_EQ(histogram.percentile(50), 0U);
  EXPECT_EQ(histogram.percentile(100), kLargest);
}

TEST(Histogram, EveryPowerOfTwoBoundaryStaysWithinItsError) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (const std::uint64_t value : {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit}) {
      Histogram histogram;
      histogram.record(value);
      histogram.record(kLargest);  // so that max() does not hide the rounding
      EXPECT_GE(histogram.percentile(50), value);
      EXPECT_LE(histogram.percentile(50) - value, value / 128);
    }
  }
}

RC_GTEST_PROP(Histogram, PercentileIsNeverBelowAndAtMostOnePart128Above, ()) {
  const auto bits = *rc::gen::inRange(1, 64);
  const auto small = *rc::gen::nonEmpty<std::vector<std::uint64_t>>();
  std::vector<std::uint64_t> values;
  for (const std::uint64_t value : small) values.push_back(value & ((std::uint64_t{1} << bits) - 1));
  Histogram histogram;
  for (const std::uint64_t value : values) histogram.record(value);
  for (const double percent : {0.1, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const std::uint64_t exact = sorted_percentile(values, percent);
    RC_ASSERT(histogram.percentile(percent) >= exact);
    RC_ASSERT(histogram.percentile(percent) - exact <= exact / 128);
  }
}

RC_GTEST_PROP(Histogram, MergedEqualsRecordedTogether,
              (const std::vector<std::uint64_t>& left, const std::vector<std::uint64_t>& right)) {
  Histogram together;
  Histogram first;
  Histogram second;
  for (const std::uint64_t value : left) {
    first.record(value);
    together.record(value);
  }
  for (const std::uint64_t value : right) {
    second.record(value);
    together.record(value);
  }
  first.merge(second);
  RC_ASSERT(first.count() == together.count());
  RC_ASSERT(first.sum() == together.sum());
  RC_ASSERT(first.min() == together.min());
  RC_ASSERT(first.max() == together.max());
  for (const double percent : {1.0, 50.0, 99.9}) RC_ASSERT(first.percentile(percent) == together.percentile(percent));
}

}  // namespace
}  // namespace kvstore::benchmarks
