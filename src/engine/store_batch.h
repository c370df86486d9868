// StoreBatch: a WriteBatch made ready: keys hashed, large values copied, shards known, so that little is left to do
// while they are locked.
//
//   StoreBatch batch(keyspace, db, changes);
//   keyspace.lock(batch.shards());
//   batch.apply(context);
//   ... seal ...
//   keyspace.unlock(batch.shards());
//
// Thread rule: one thread. The WriteBatch outlives it.
#pragma once

#include <vector>

#include "kvstore/status.h"
#include "kvstore/write_batch.h"
#include "store/keyspace.h"
#include "store/shard_set.h"
#include "store/value.h"
#include "store/write_context.h"

namespace kvstore::engine {

class StoreBatch {
 public:
  StoreBatch(store::Keyspace& keyspace, int db, const WriteBatch& batch);

  // kTooLarge when a key or value is.
  [[nodiscard]] static Status check(const WriteBatch& batch);
  // Of what is set; 0: it only erases.
  [[nodiscard]] static std::uint64_t bytes_written(const WriteBatch& batch);

  [[nodiscard]] const store::ShardSet& shards() const { return shards_; }
  // Once, with the shards locked.
  void apply(store::WriteContext& context);

 private:
  struct Change {
    bool erases;
    store::Key key;
    store::NewValue value;
  };

  store::Keyspace& keyspace_;
  const int db_;
  std::vector<Change> changes_;
  store::ShardSet shards_;
};

}  // namespace kvstore::engine
