// benchmark_writes: does a write get slower as the store grows? Times a few writes at growing store sizes, in process.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <vector>

#include "direct_measure.h"
#include "forked.h"
#include "options.h"
#include "report.h"
#include "results.h"
#include "stores.h"

namespace kvstore::benchmarks {
namespace {

struct Options {
  std::uint64_t max_keys = 1'000'000;
  std::uint64_t operations = 10;
  Shape shape;
  std::string json;
};

// 0, 100, 1000, ... and max_keys itself.
std::vector<std::uint64_t> sizes_up_to(std::uint64_t max_keys) {
  std::vector<std::uint64_t> sizes = {0};
  for (std::uint64_t size = 100; size < max_keys; size *= 10) sizes.push_back(size);
  if (max_keys > 0) sizes.push_back(max_keys);
  return sizes;
}

bool measure_size(const Options& options, std::uint64_t size, Summary& writes) {
  OwnStore store;
  warm_up(store, options.shape);
  print_benchmark_head(size);
  Step fill(fmt::format("  Pre-populating store with {} keys", size), size);
  populate(store, options.shape, size, &fill);
  fill.finish();
  Step write(fmt::format("  Measuring {} write operations", options.operations), options.operations);
  writes = measure_writes(store, options.shape, size, options.operations, &write);
  write.finish();
  print_writes(writes);
  print_percentiles("Write", writes);
  if (store.size() == size + options.operations) return true;
  fmt::print(stderr, "benchmark_writes: {} keys were written, {} are there\n", size + options.operations, store.size());
  return false;
}

int run(const Options& options) {
  const std::vector<std::uint64_t> sizes = sizes_up_to(options.max_keys);
  Results results("benchmark_writes");
  results.options()
      .add("max_keys", options.max_keys)
      .add("operations", options.operations)
      .add("key_bytes", options.shape.key_bytes)
      .add("value_bytes", options.shape.value_bytes);
  print_title("Key-Value Store Write Performance Benchmark");
  double first_avg_ns = 0;
  double last_avg_ns = 0;
  for (const std::uint64_t size : sizes) {
    const auto writes = run_forked<Summary>([&](Summary& out) { return measure_size(options, size, out); });
    if (!writes) {
      fmt::print(stderr, "benchmark_writes: the measurement with {} keys failed\n", size);
      return 1;
    }
    if (size == sizes.front()) first_avg_ns = writes->avg_ns;
    last_avg_ns = writes->avg_ns;
    JsonObject row;
    row.add("measurement", "write").add("existing_keys", size);
    add_summary(row, *writes);
    results.add_row(row);
  }
  fmt::print("\nSlowdown from {} to {} existing keys: {:.2f}x (average time of a write; below 1 is faster)\n",
             sizes.front(), sizes.back(), last_avg_ns / first_avg_ns);
  return options.json.empty() || save_results(results, options.json) ? 0 : 1;
}

int parse_and_run(int argc, char** argv) {
  Options options;
  CLI::App app("Times a few writes at growing store sizes and says how much slower the largest is than the smallest.");
  app.name("benchmark_writes");
  app.add_option("--max-keys", options.max_keys, "The largest store size")->capture_default_str();
  app.add_option("--operations", options.operations, "Writes to time at each size")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_shape_options(app, options.shape);
  app.add_option("--json", options.json, "File for the results; without it none is written");
  CLI11_PARSE(app, argc, argv);
  return run(options);
}

}  // namespace
}  // namespace kvstore::benchmarks

int main(int argc, char** argv) { return kvstore::benchmarks::parse_and_run(argc, argv); }
