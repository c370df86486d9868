// benchmark_direct: the store with no network. Calls the library in this process: single writes and reads at growing
// store sizes, throughput of several threads, and (--compare) the same work on other concurrent maps.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "compare.h"
#include "direct_measure.h"
#include "forked.h"
#include "options.h"
#include "report.h"
#include "results.h"
#include "stores.h"

namespace kvstore::benchmarks {
namespace {

constexpr std::size_t kThreadCountsMax = 64;

struct Options {
  std::vector<std::uint64_t> sizes = {0, 100, 1'000, 10'000, 100'000, 1'000'000};
  std::uint64_t operations = 500;
  std::vector<std::uint64_t> threads;
  double seconds = 1;
  Shape shape;
  bool compare = false;
  unsigned rounds = 3;
  std::string json;
};

// All figures of one store size; plain data, the measurements run in a child process.
struct SizeFigures {
  Summary writes;
  Summary reads;
  std::uint64_t keys = 0;  // there after the measured writes: the throughput table runs over these
  std::array<Throughput, kThreadCountsMax> get;
  std::array<Throughput, kThreadCountsMax> set;
};

void print_throughput(const Options& options, const SizeFigures& figures) {
  if (options.threads.empty()) return;
  fmt::print("  Throughput over {} keys, {:g}s each:\n", figures.keys, options.seconds);
  fmt::print("    {:>7}{:>15}{:>12}{:>15}{:>12}\n", "threads", "GET/sec", "CPU ns/op", "SET/sec", "CPU ns/op");
  for (std::size_t i = 0; i < options.threads.size(); ++i) {
    fmt::print("    {:>7}{:>15.0f}{:>12.1f}{:>15.0f}{:>12.1f}\n", options.threads[i], figures.get[i].per_second,
               figures.get[i].processor_ns, figures.set[i].per_second, figures.set[i].processor_ns);
  }
}

bool measure_size(const Options& options, std::uint64_t size, SizeFigures& figures) {
  OwnStore store;
  warm_up(store, options.shape);
  print_benchmark_head(size);
  Step fill(fmt::format("  Pre-populating store with {} keys", size), size);
  populate(store, options.shape, size, &fill);
  fill.finish();
  Step write(fmt::format("  Measuring {} write operations", options.operations), options.operations);
  figures.writes = measure_writes(store, options.shape, size, options.operations, &write);
  write.finish();
  print_writes(figures.writes);
  print_percentiles("Write", figures.writes);

  std::uint64_t misses = 0;
  figures.keys = size + options.operations;
  figures.reads = measure_reads(store, options.shape, figures.keys, options.operations, misses, nullptr);
  print_reads(figures.reads);
  print_percentiles("Read", figures.reads);
  for (std::size_t i = 0; i < options.threads.size(); ++i) {
    const auto threads = static_cast<unsigned>(options.threads[i]);
    figures.get[i] = measure_throughput<Operation::kGet>(store, options.shape, figures.keys, threads, options.seconds);
    figures.set[i] = measure_throughput<Operation::kSet>(store, options.shape, figures.keys, threads, options.seconds);
    misses += figures.get[i].misses;
  }
  print_throughput(options, figures);
  if (misses == 0) return true;
  fmt::print(stderr, "benchmark_direct: {} reads did not find the value that was written\n", misses);
  return false;
}

void add_rows(const Options& options, std::uint64_t size, const SizeFigures& figures, Results& results) {
  JsonObject writes;
  writes.add("measurement", "write").add("existing_keys", size);
  add_summary(writes, figures.writes);
  results.add_row(writes);
  JsonObject reads;
  reads.add("measurement", "read").add("existing_keys", size);
  add_summary(reads, figures.reads);
  results.add_row(reads);
  for (std::size_t i = 0; i < options.threads.size(); ++i) {
    for (const bool is_get : {true, false}) {
      const Throughput& cell = is_get ? figures.get[i] : figures.set[i];
      JsonObject row;
      row.add("measurement", "throughput")
          .add("existing_keys", size)
          .add("operation", is_get ? "get" : "set")
          .add("threads", options.threads[i])
          .add("operations", cell.operations)
          .add("per_second", cell.per_second)
          .add("processor_ns", cell.processor_ns);
      results.add_row(row);
    }
  }
}

int run(const Options& options) {
  Results results("benchmark_direct");
  results.options()
      .add("sizes", std::span(options.sizes))
      .add("operations", options.operations)
      .add("threads", std::span(options.threads))
      .add("seconds", options.seconds)
      .add("key_bytes", options.shape.key_bytes)
      .add("value_bytes", options.shape.value_bytes)
      .add("compare", options.compare)
      .add("rounds", options.rounds);
  print_title("Direct KeyValueStore Performance Benchmark");
  for (const std::uint64_t size : options.sizes) {
    const auto figures = run_forked<SizeFigures>([&](SizeFigures& out) { return measure_size(options, size, out); });
    if (!figures) {
      fmt::print(stderr, "benchmark_direct: the measurement with {} keys failed\n", size);
      return 1;
    }
    add_rows(options, size, *figures, results);
  }
  if (options.compare) {
    const CompareOptions compare{options.shape, options.sizes, options.threads, options.seconds, options.rounds};
    if (!run_compare(compare, results)) return 1;
  }
  fmt::print("\nReading the clock costs {:.0f} ns here; every single time above includes it once.\n",
             clock_reading_ns());
  return save_results(results, options.json) ? 0 : 1;
}

int parse_and_run(int argc, char** argv) {
  Options options;
  options.json = program_directory() + "/benchmark_direct_results.json";
  for (unsigned threads = 1; threads <= std::max(2U, processor_count()); threads *= 2) {
    options.threads.push_back(threads);
  }
  CLI::App app(
      "Measures the key-value store as a library, without network: single writes and reads at growing store\n"
      "sizes, then throughput of several threads. --compare runs the same work on libcuckoo and oneTBB maps.");
  app.name("benchmark_direct");
  app.add_option("--sizes", options.sizes, "Keys in the store before measuring, e.g. 0,1000,1000000")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--operations", options.operations, "Single writes, and single reads, to time at each size")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Thread counts of the throughput table; 0 alone leaves it out")
      ->delimiter(',')
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "How long each throughput figure is measured")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str();
  add_shape_options(app, options.shape);
  app.add_flag("--compare", options.compare, "Also measure libcuckoo::cuckoohash_map and tbb::concurrent_hash_map");
  app.add_option("--rounds", options.rounds, "Rounds of --compare; its figures are medians over them")
      ->check(CLI::Range(1, 99))
      ->capture_default_str();
  app.add_option("--json", options.json, "File for the results")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  std::erase(options.threads, 0U);
  if (options.threads.size() > kThreadCountsMax) options.threads.resize(kThreadCountsMax);
  if (options.compare && !compare_available()) {
    fmt::print(stderr, "benchmark_direct: built without libcuckoo and oneTBB, --compare is not available\n");
    return 1;
  }
  return run(options);
}

}  // namespace
}  // namespace kvstore::benchmarks

int main(int argc, char** argv) { return kvstore::benchmarks::parse_and_run(argc, argv); }
