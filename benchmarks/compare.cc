// benchmark_direct --compare (see compare.h): every round runs each store once, each in a child process of its own, so
// that slow spells of the machine meet all of them; the figures are medians over the rounds.
#include "compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "forked.h"
#include "stores.h"

namespace kvstore::benchmarks {

#ifndef KVSTORE_BENCHMARK_COMPARE

bool compare_available() { return false; }
bool run_compare(const CompareOptions&, Results&) { return false; }

#else

bool compare_available() { return true; }

namespace {

constexpr std::size_t kStores = 3;
constexpr std::size_t kCellsMax = 64;  // thread counts
constexpr std::array<const char*, kStores> kNames = {OwnStore::kName, CuckooStore::kName, TbbStore::kName};

// One store at one size in one round; plain data, it crosses the pipe.
struct StoreFigures {
  double bytes_per_key = 0;
  Throughput insert;
  std::array<Throughput, kCellsMax> get;
  std::array<Throughput, kCellsMax> set;
};

template <typename Store>
bool measure_store(const CompareOptions& options, std::uint64_t size, StoreFigures& figures) {
  const std::uint64_t resident_before = resident_bytes();
  Store store;
  const std::uint64_t begin = now_ns();
  const std::uint64_t processor_begin = thread_processor_ns();
  populate(store, options.shape, size, nullptr);
  figures.insert.processor_ns =
      static_cast<double>(thread_processor_ns() - processor_begin) / static_cast<double>(size);
  figures.insert.per_second = static_cast<double>(size) * 1e9 / static_cast<double>(now_ns() - begin);
  const std::uint64_t resident_after = resident_bytes();
  figures.bytes_per_key =
      (static_cast<double>(resident_after) - static_cast<double>(resident_before)) / static_cast<double>(size);

  std::uint64_t misses = 0;
  for (std::size_t i = 0; i < options.threads.size(); ++i) {
    const auto threads = static_cast<unsigned>(options.threads[i]);
    figures.get[i] = measure_throughput<Operation::kGet>(store, options.shape, size, threads, options.seconds);
    figures.set[i] = measure_throughput<Operation::kSet>(store, options.shape, size, threads, options.seconds);
    misses += figures.get[i].misses;
  }
  if (misses == 0 && store.size() == size) return true;
  fmt::print(stderr, "{}: {} reads found no value, {} of {} keys are there\n", Store::kName, misses, store.size(),
             size);
  return false;
}

using Round = std::array<StoreFigures, kStores>;

bool measure_round(const CompareOptions& options, std::uint64_t size, Round& round) {
  using Work = bool (*)(const CompareOptions&, std::uint64_t, StoreFigures&);
  constexpr std::array<Work, kStores> kWork = {measure_store<OwnStore>, measure_store<CuckooStore>,
                                               measure_store<TbbStore>};
  for (std::size_t i = 0; i < kStores; ++i) {
    const auto figures = run_forked<StoreFigures>([&](StoreFigures& out) { return kWork[i](options, size, out); });
    if (!figures) {
      fmt::print(stderr, "{}: the measurement failed\n", kNames[i]);
      return false;
    }
    round[i] = *figures;
  }
  return true;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Over the rounds: what `pick` takes from one store's figures, and how many times the first store's that is. Ratios are
// taken within a round, where both met about the same machine, and only then reduced to their median.
struct Medians {
  double value = 0;
  double ratio = 0;
};

template <typename Pick>
Medians medians(const std::vector<Round>& rounds, std::size_t store, Pick pick) {
  std::vector<double> values;
  std::vector<double> ratios;
  for (const Round& round : rounds) {
    values.push_back(pick(round[store]));
    ratios.push_back(pick(round[store]) / pick(round[0]));
  }
  return {median(values), median(ratios)};
}

// Prints the lines of one operation at one thread count, one a store, and adds their rows.
template <typename Pick>
void report_cell(const std::vector<Round>& rounds, std::uint64_t size, const char* operation, std::uint64_t threads,
                 Pick pick, Results& results) {
  for (std::size_t store = 0; store < kStores; ++store) {
    const Medians rate = medians(rounds, store, [&](const StoreFigures& f) { return pick(f).per_second; });
    const Medians cost = medians(rounds, store, [&](const StoreFigures& f) { return pick(f).processor_ns; });
    fmt::print("  {:<6} {:>7}  {:<27}{:>13.0f}{:>8.2f}{:>12.1f}{:>8.2f}\n", operation, threads, kNames[store],
               rate.value, 1 / rate.ratio, cost.value, cost.ratio);
    JsonObject row;
    row.add("measurement", "compare")
        .add("store", kNames[store])
        .add("existing_keys", size)
        .add("operation", operation)
        .add("threads", threads)
        .add("per_second", rate.value)
        .add("processor_ns", cost.value)
        .add("ratio_per_second", 1 / rate.ratio)
        .add("ratio_processor", cost.ratio);
    results.add_row(row);
  }
}

void report_memory(const std::vector<Round>& rounds, std::uint64_t size, Results& results) {
  constexpr std::uint64_t kKeysMin = 10'000;  // below, what every process needs anyway drowns the keys
  if (size < kKeysMin) return;
  fmt::print("\n  {:<16}{:<27}{:>13}{:>8}\n", "Memory", "store", "bytes/key", "ratio");
  for (std::size_t store = 0; store < kStores; ++store) {
    const Medians bytes = medians(rounds, store, [](const StoreFigures& f) { return f.bytes_per_key; });
    fmt::print("  {:<16}{:<27}{:>13.1f}{:>8.2f}\n", "", kNames[store], bytes.value, bytes.ratio);
    JsonObject row;
    row.add("measurement", "compare_memory")
        .add("store", kNames[store])
        .add("existing_keys", size)
        .add("bytes_per_key", bytes.value)
        .add("ratio_bytes", bytes.ratio);
    results.add_row(row);
  }
}

void report_size(const CompareOptions& options, std::uint64_t size, const std::vector<Round>& rounds,
                 Results& results) {
  fmt::print("  {:<6} {:>7}  {:<27}{:>13}{:>8}{:>12}{:>8}\n", "", "threads", "store", "ops/sec", "ratio", "CPU ns/op",
             "ratio");
  report_cell(
      rounds, size, "insert", 1, [](const StoreFigures& f) { return f.insert; }, results);
  for (std::size_t i = 0; i < options.threads.size(); ++i) {
    report_cell(
        rounds, size, "get", options.threads[i], [i](const StoreFigures& f) { return f.get[i]; }, results);
    report_cell(
        rounds, size, "set", options.threads[i], [i](const StoreFigures& f) { return f.set[i]; }, results);
  }
  report_memory(rounds, size, results);
}

}  // namespace

bool run_compare(const CompareOptions& options, Results& results) {
  KV_ASSERT(options.threads.size() <= kCellsMax);
  fmt::print("\nComparison: keys of {} bytes, values of {} bytes, medians of {} rounds.\n", options.shape.key_bytes,
             options.shape.value_bytes, options.rounds);
  fmt::print("A ratio says how many times better KeyValueStore is; below 1 it is worse.\n");
  for (const std::uint64_t size : options.sizes) {
    if (size == 0) continue;  // nothing to compare in an empty store
    std::vector<Round> rounds(options.rounds);
    fmt::print("\n");
    Step step(fmt::format("Comparing stores with {} keys", size), options.rounds);
    for (std::size_t i = 0; i < rounds.size(); ++i) {
      if (!measure_round(options, size, rounds[i])) return false;
      step.advance_to(i + 1);
    }
    step.finish();
    report_size(options, size, rounds, results);
  }
  return true;
}

#endif  // KVSTORE_BENCHMARK_COMPARE

}  // namespace kvstore::benchmarks
