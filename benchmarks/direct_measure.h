// What benchmark_direct and benchmark_writes do to a store: fill it, time single operations, and run threads at it.
//
// Everything is a template over the store (stores.h), so that the peers run exactly the same loops.
// Thread rule: called from one thread; measure_throughput starts threads of its own and joins them.
#pragma once

#include <algorithm>
#include <barrier>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "histogram.h"
#include "machine.h"
#include "progress.h"
#include "report.h"
#include "workload.h"

namespace kvstore::benchmarks {

struct Shape {
  std::size_t key_bytes = 16;
  std::size_t value_bytes = 32;
};

// Sets the keys with indexes [0, count).
template <typename Store>
void populate(Store& store, const Shape& shape, std::uint64_t count, Step* step) {
  KeyMaker keys(shape.key_bytes);
  const ValuePool values(shape.value_bytes);
  for (std::uint64_t i = 0; i < count; ++i) {
    store.set(keys.key(i), values.value(i));
    if (step != nullptr) step->advance_to(i);
  }
}

// Writes and reads keys that no measurement uses, and takes them away again. The first calls of a process run cold
// code, and the first write into each part of a store gets memory from the operating system; both are paid once in a
// process's life and would drown the few writes that are timed.
template <typename Store>
void warm_up(Store& store, const Shape& shape) {
  constexpr std::uint64_t kKeys = 2'000;
  constexpr std::uint64_t kFirst = std::uint64_t{1} << 63;
  KeyMaker keys(shape.key_bytes);
  const ValuePool values(shape.value_bytes);
  std::string value;
  for (std::uint64_t i = 0; i < kKeys; ++i) store.set(keys.key(kFirst + i), values.value(i));
  for (std::uint64_t i = 0; i < kKeys; ++i) static_cast<void>(store.get(keys.key(kFirst + i), value));
  for (std::uint64_t i = 0; i < kKeys; ++i) store.erase(keys.key(kFirst + i));
}

// Times `count` writes of new keys, those with indexes from `first` on, one by one.
template <typename Store>
Summary measure_writes(Store& store, const Shape& shape, std::uint64_t first, std::uint64_t count, Step* step) {
  KeyMaker keys(shape.key_bytes);
  const ValuePool values(shape.value_bytes);
  Histogram histogram;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view key = keys.key(first + i);
    const std::string_view value = values.value(i);
    const std::uint64_t begin = now_ns();
    store.set(key, value);
    histogram.record(now_ns() - begin);
    if (step != nullptr) step->advance_to(i);
  }
  return summarize(histogram, static_cast<double>(histogram.sum()) / 1e9);
}

// Times `count` reads of random keys below `key_count`, one by one; `misses` counts those that found nothing.
template <typename Store>
Summary measure_reads(const Store& store, const Shape& shape, std::uint64_t key_count, std::uint64_t count,
                      std::uint64_t& misses, Step* step) {
  KeyMaker keys(shape.key_bytes);
  std::string value;
  Histogram histogram;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view key = keys.key(mix(i) % key_count);
    const std::uint64_t begin = now_ns();
    const bool found = store.get(key, value);
    histogram.record(now_ns() - begin);
    if (!found || value.size() != shape.value_bytes) ++misses;
    if (step != nullptr) step->advance_to(i);
  }
  return summarize(histogram, static_cast<double>(histogram.sum()) / 1e9);
}

// How fast several threads together did one kind of operation.
struct Throughput {
  double per_second = 0;         // by the clock on the wall
  double processor_ns = 0;       // processor time an operation, all threads
  std::uint64_t operations = 0;  // done in all
  std::uint64_t misses = 0;      // reads that found nothing, or a value of another size
};

enum class Operation { kGet, kSet };

// One thread's part of measure_throughput.
template <Operation kOperation, typename Store>
Throughput run_thread(Store& store, const Shape& shape, KeyStream& keys, double seconds, std::barrier<>& start) {
  constexpr std::uint64_t kBlock = 512;  // operations between two looks at the clock
  const ValuePool values(shape.value_bytes);
  std::string value;
  Throughput mine;
  start.arrive_and_wait();
  const std::uint64_t begin = now_ns();
  const std::uint64_t processor_begin = thread_processor_ns();
  const auto budget_ns = static_cast<std::uint64_t>(seconds * 1e9);
  std::uint64_t end = begin;
  do {
    for (std::uint64_t i = 0; i < kBlock; ++i) {
      if constexpr (kOperation == Operation::kGet) {
        const bool found = store.get(keys.next(), value);
        mine.misses += static_cast<std::uint64_t>(!found || value.size() != shape.value_bytes);
      } else {
        store.set(keys.next(), values.value(i));
      }
    }
    mine.operations += kBlock;
    end = now_ns();
  } while (end - begin < budget_ns);
  mine.processor_ns = static_cast<double>(thread_processor_ns() - processor_begin);
  mine.per_second = static_cast<double>(mine.operations) * 1e9 / static_cast<double>(end - begin);
  return mine;
}

// `threads` threads run kOperation on random keys of [0, key_count) for `seconds`. kSet overwrites.
template <Operation kOperation, typename Store>
Throughput measure_throughput(Store& store, const Shape& shape, std::uint64_t key_count, unsigned threads,
                              double seconds) {
  std::vector<KeyStream> streams;
  streams.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) streams.emplace_back(key_count, shape.key_bytes, i);
  std::vector<Throughput> parts(threads);
  std::barrier start(static_cast<std::ptrdiff_t>(threads));
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < threads; ++i) {
    workers.emplace_back([&, i] { parts[i] = run_thread<kOperation>(store, shape, streams[i], seconds, start); });
  }
  for (std::thread& worker : workers) worker.join();

  Throughput all;
  for (const Throughput& part : parts) {
    all.per_second += part.per_second;
    all.processor_ns += part.processor_ns;
    all.operations += part.operations;
    all.misses += part.misses;
  }
  all.processor_ns /= static_cast<double>(all.operations);
  return all;
}

}  // namespace kvstore::benchmarks
