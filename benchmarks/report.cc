// The common lines of the benchmarks (see report.h).
#include "report.h"

#include <fmt/format.h>

#include <cstdio>

namespace kvstore::benchmarks {
namespace {

double us(std::uint64_t ns) { return static_cast<double>(ns) / 1e3; }
double ms(double ns) { return ns / 1e6; }

}  // namespace

Summary summarize(const Histogram& histogram, double seconds) {
  Summary summary;
  summary.operations = histogram.count();
  summary.seconds = seconds;
  summary.per_second = seconds > 0 ? static_cast<double>(histogram.count()) / seconds : 0;
  summary.avg_ns = histogram.mean();
  summary.min_ns = histogram.min();
  summary.p50_ns = histogram.percentile(50);
  summary.p90_ns = histogram.percentile(90);
  summary.p99_ns = histogram.percentile(99);
  summary.p999_ns = histogram.percentile(99.9);
  summary.max_ns = histogram.max();
  return summary;
}

void print_rule() { fmt::print("{}\n", std::string(70, '=')); }

void print_title(std::string_view title) {
  print_rule();
  fmt::print("{}\n", title);
  print_rule();
}

void print_benchmark_head(std::uint64_t existing_keys) { fmt::print("\nBenchmark: {} existing keys\n", existing_keys); }

void print_writes(const Summary& writes) {
  fmt::print("  Writes/sec: {:.2f}\n", writes.per_second);
  fmt::print("  Avg time: {:.4f}ms\n", ms(writes.avg_ns));
  fmt::print("  Min time: {:.4f}ms, Max time: {:.4f}ms\n", ms(static_cast<double>(writes.min_ns)),
             ms(static_cast<double>(writes.max_ns)));
}

void print_reads(const Summary& reads) { fmt::print("  Reads/sec: {:.2f}\n", reads.per_second); }

void print_percentiles(std::string_view label, const Summary& summary) {
  fmt::print("  {} percentiles: p50 {:.3f}us, p90 {:.3f}us, p99 {:.3f}us, p99.9 {:.3f}us, max {:.3f}us\n", label,
             us(summary.p50_ns), us(summary.p90_ns), us(summary.p99_ns), us(summary.p999_ns), us(summary.max_ns));
}

void add_summary(JsonObject& row, const Summary& summary) {
  row.add("operations", summary.operations)
      .add("seconds", summary.seconds)
      .add("per_second", summary.per_second)
      .add("avg_us", summary.avg_ns / 1e3)
      .add("min_us", us(summary.min_ns))
      .add("p50_us", us(summary.p50_ns))
      .add("p90_us", us(summary.p90_ns))
      .add("p99_us", us(summary.p99_ns))
      .add("p99.9_us", us(summary.p999_ns))
      .add("max_us", us(summary.max_ns));
}

bool save_results(const Results& results, const std::string& path) {
  const Status status = results.write_file(path);
  if (!status.ok()) {
    fmt::print(stderr, "{}\n", status.message());
    return false;
  }
  fmt::print("\nResults written to {}\n", path);
  return true;
}

}  // namespace kvstore::benchmarks
