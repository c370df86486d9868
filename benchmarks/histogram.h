// Histogram: counts of latencies in buckets that grow with the value, so that any percentile costs a few KB.
//
// A value below 256 has a bucket of its own; above, every power of two is split into 128 buckets, so a percentile is
// at most 1/128 (0.8 %) too high and never too low. Count, sum, smallest and largest are exact.
//
// Thread rule: one thread records; merge() joins the histograms of several.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kvstore::benchmarks {

class Histogram {
 public:
  void record(std::uint64_t value) {
    ++counts_[bucket_of(value)];
    ++count_;
    sum_ += value;
    if (value < min_) min_ = value;
    if (value > max_) max_ = value;
  }
  void merge(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t sum() const { return sum_; }
  [[nodiscard]] std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  [[nodiscard]] double mean() const;
  // The smallest value that at least `percent` of the recorded values do not exceed, rounded up to the end of its
  // bucket but never above max(). 0 < percent <= 100; 0 when nothing was recorded.
  [[nodiscard]] std::uint64_t percentile(double percent) const;

 private:
  static constexpr unsigned kHalfBits = 7;  // 128 buckets a power of two
  static constexpr std::size_t kHalf = std::size_t{1} << kHalfBits;
  static constexpr std::size_t kBuckets = 2 * kHalf + (64 - kHalfBits - 1) * kHalf;

  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t bucket_end(std::size_t bucket);  // the largest value that falls into it

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t min_ = ~std::uint64_t{0};
  std::uint64_t max_ = 0;
};

inline std::size_t Histogram::bucket_of(std::uint64_t value) {
  if (value < 2 * kHalf) return static_cast<std::size_t>(value);
  const unsigned width = 64U - static_cast<unsigned>(__builtin_clzll(value));
  const unsigned shift = width - kHalfBits - 1;
  return 2 * kHalf + (shift - 1) * kHalf + (static_cast<std::size_t>(value >> shift) - kHalf);
}

}  // namespace kvstore::benchmarks
