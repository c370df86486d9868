// Counters of one worker, summed up when somebody asks (INFO).
//
// Thread rule: each counter has one writer, its worker; any thread reads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace kvstore::server {

class Counter {
 public:
  // relaxed: a figure for people; it orders nothing. One writer, so no read-modify-write is needed.
  void add(std::uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }
  void reset() { value_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// On cache lines of its own, so that workers do not disturb each other.
struct alignas(128) WorkerMetrics {
  explicit WorkerMetrics(std::size_t commands)
      : command_count(commands), calls(std::make_unique<Counter[]>(commands)) {}

  // The first group is what INFO calls "stats"; CONFIG RESETSTAT asks the worker to clear it (see Worker).
  Counter commands_processed;
  Counter connections_accepted;
  Counter connections_rejected;
  Counter input_bytes;
  Counter output_bytes;
  Counter protocol_errors;
  Counter client_memory_refusals;
  Counter turns;
  Counter keyspace_hits;
  Counter keyspace_misses;
  std::size_t command_count;
  std::unique_ptr<Counter[]> calls;  // by CommandTable::index_of

  void reset() {
    for (Counter* counter :
         {&commands_processed, &connections_accepted, &connections_rejected, &input_bytes, &output_bytes,
          &protocol_errors, &client_memory_refusals, &turns, &keyspace_hits, &keyspace_misses}) {
      counter->reset();
    }
    for (std::size_t i = 0; i < command_count; ++i) calls[i].reset();
  }
};

}  // namespace kvstore::server
