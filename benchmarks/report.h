// The lines that benchmark_direct, benchmark_tcp and benchmark_writes have in common, and the same figures as JSON.
//
// Programs read these lines: change their wording nowhere else and only together with README.md.
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "histogram.h"
#include "results.h"

namespace kvstore::benchmarks {

// The latencies of one measurement, reduced. Plain data: it crosses a pipe from a child process.
struct Summary {
  std::uint64_t operations = 0;
  double seconds = 0;
  double per_second = 0;
  double avg_ns = 0;
  std::uint64_t min_ns = 0;
  std::uint64_t p50_ns = 0;
  std::uint64_t p90_ns = 0;
  std::uint64_t p99_ns = 0;
  std::uint64_t p999_ns = 0;
  std::uint64_t max_ns = 0;
};

// `seconds` is the time the operations took together.
[[nodiscard]] Summary summarize(const Histogram& histogram, double seconds);

void print_rule();
void print_title(std::string_view title);
void print_benchmark_head(std::uint64_t existing_keys);
// "Writes/sec", average, smallest and largest time.
void print_writes(const Summary& writes);
void print_reads(const Summary& reads);
// One line; `label` is "Write" or "Read".
void print_percentiles(std::string_view label, const Summary& summary);

// Adds the figures of `summary` to a row.
void add_summary(JsonObject& row, const Summary& summary);

// Writes the results and says where; false (after a line on stderr) when that failed.
[[nodiscard]] bool save_results(const Results& results, const std::string& path);

}  // namespace kvstore::benchmarks
