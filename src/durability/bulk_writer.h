// BulkWriter: sets and erases many keys on all cores: the caller's thread decodes, others change the keyspace.
//
// Keys are dealt out to the threads by shard, in batches, so that no two of them want the same lock, the bucket of a
// key is on its way from memory before it is needed, and one lock serves many keys.
//
// Thread rule: one thread, but for what the class starts itself. Nobody else uses the keyspace meanwhile.
// Invariants:
//   1. Changes of one key are made in the order they were given in.
//   2. What waits is bounded: BulkBatchQueue::kBatches batches a thread, each with BulkBatch::kBytes and one key more.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/shared_bytes.h"
#include "store/keyspace.h"

namespace kvstore::durability {

class BulkWriter {
 public:
  // threads 0: one a core; 1: the caller's own, no other.
  BulkWriter(store::Keyspace& keyspace, unsigned threads);
  ~BulkWriter();
  BulkWriter(const BulkWriter&) = delete;
  BulkWriter& operator=(const BulkWriter&) = delete;

  // Copies the bytes. A large value comes as a block. True when a batch was handed on: now and then.
  bool set(int db, std::string_view key, std::string_view value, base::SharedBytesRef block);
  bool erase(int db, std::string_view key);
  // Returns when everything given so far is done.
  void drain();
  // The same, and ends the threads.
  void finish();
  // Keys that were to be erased and were not there; after drain().
  [[nodiscard]] std::uint64_t keys_missed() const { return keys_missed_.load(std::memory_order_relaxed); }

 private:
  class Thread;

  bool add(int db, std::string_view key, std::string_view value, base::SharedBytesRef block, bool erase);

  store::Keyspace& keyspace_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::atomic<std::uint64_t> keys_missed_{0};  // relaxed: read when the threads are idle, which a lock orders
};

}  // namespace kvstore::durability
