// Snapshot: the whole keyspace as it was at one instant, read while writers go on.
//
//   Snapshot snapshot(keyspace, out);        // locks all shards for a moment: that is the instant
//   while (snapshot.step()) { ... }          // some buckets at a time, each under its shard's lock
//
// Every key that was there at the instant is given to the output exactly once, with the value it had then: either by
// step(), or by a writer that is about to change a bucket which step() has not reached. Keys come in no order.
//
// Thread rule: construction and step() from one thread; SnapshotOutput::save() from any thread that writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "store/keyspace.h"
#include "store/value.h"

namespace kvstore::store {

class SnapshotOutput {
 public:
  virtual ~SnapshotOutput() = default;
  // At the instant, with every shard locked: `keys` counts each database. The place to note the log's position.
  virtual void begin() = 0;
  // One key as it was at the instant, under the lock of its shard: short, no system call, no touching of the keyspace.
  // `by_writer`: called on a writing thread, not from step().
  virtual void save(int db, std::string_view key, const ValueView& value, bool by_writer) = 0;
};

}  // namespace kvstore::store
