// Snapshot: the whole keyspace as it was at one instant, read while writers go on.
//
//   Snapshot snapshot(keyspace, out);        // locks all shards for a moment: that is the instant
//   while (snapshot.step()) { ... }          // some buckets at a time, each under its shard's lock
//
// Every key that was there at the instant is given to the output exactly once, with the value it had then: either by
// step(), or by a writer that is about to change a bucket which step() has not reached. Keys come in no order.
//
// Thread rule: construction, step() and destruction from one thread; SnapshotOutput::save() from any thread that
// writes. Invariants:
//   1. At most one snapshot of a keyspace at a time. It ends before its output and its keyspace do.
//   2. A table that a flush drops meanwhile lives until it is saved.
//   3. As many keys are saved of each table as it had at the instant (asserted).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "store/keyspace.h"
#include "store/value.h"

namespace kvstore::store {

class SnapshotOutput {
 public:
  virtual ~SnapshotOutput() = default;
  // At the instant, with every shard locked. The place to note the log's position.
  virtual void begin() = 0;
  // One key as it was at the instant, under the lock of its shard: short, no system call, no touching of the keyspace.
  // `by_writer`: called on a writing thread, not from step().
  virtual void save(int db, std::string_view key, const ValueView& value, bool by_writer) = 0;
};

class Snapshot {
 public:
  // Locks all shards for a moment, in which it looks at each table but at no key.
  Snapshot(Keyspace& keyspace, SnapshotOutput& output);
  // Before the end: nothing more is saved, but all buckets are walked over.
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // Saves some more buckets under one shard's lock; false when all is saved. Call it with no lock held.
  bool step();

  // How many keys there were at the instant.
  [[nodiscard]] std::size_t keys_total() const { return keys_total_; }

 private:
  struct Part;  // a table

  Keyspace& keyspace_;
  std::size_t keys_total_ = 0;
  std::vector<Part> parts_;  // never moves: tables point at its elements
  std::size_t next_ = 0;     // the parts before are saved
};

}  // namespace kvstore::store
