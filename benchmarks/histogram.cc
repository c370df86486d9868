// Histogram: merging and percentiles (see histogram.h).
#include "histogram.h"

#include <algorithm>
#include <cmath>

namespace kvstore::benchmarks {

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

double Histogram::mean() const { return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_); }

std::uint64_t Histogram::percentile(double percent) const {
  if (count_ == 0) return 0;
  const double exact_rank = std::ceil(percent / 100.0 * static_cast<double>(count_));
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(exact_rank), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= rank) return std::min(bucket_end(bucket), max_);
  }
  return max_;
}

std::uint64_t Histogram::bucket_end(std::size_t bucket) {
  if (bucket < 2 * kHalf) return bucket;
  const std::size_t above = bucket - 2 * kHalf;
  const auto shift = static_cast<unsigned>(above / kHalf + 1);
  const std::uint64_t first = static_cast<std::uint64_t>(above % kHalf + kHalf) << shift;
  return first + ((std::uint64_t{1} << shift) - 1);
}

}  // namespace kvstore::benchmarks
