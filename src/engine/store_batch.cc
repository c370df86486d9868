#include "engine/store_batch.h"

#include <algorithm>
#include <utility>

#include "engine/size_limits.h"

namespace kvstore::engine {

StoreBatch::StoreBatch(store::Keyspace& keyspace, int db, const WriteBatch& batch) : keyspace_(keyspace), db_(db) {
  changes_.reserve(batch.size());
  for (const WriteBatch::Change& change : batch.changes()) {
    const store::Key key = keyspace.key(change.key);
    shards_.add(keyspace.shard_of(key.hash));
    changes_.push_back({change.erases, key, store::NewValue::stage(change.value)});
  }
}

Status StoreBatch::check(const WriteBatch& batch) {
  for (const WriteBatch::Change& change : batch.changes()) {
    if (Status status = check_sizes(change.key, change.value); !status.ok()) return status;
  }
  return {};
}

std::uint64_t StoreBatch::bytes_written(const WriteBatch& batch) {
  std::uint64_t bytes = 0;
  for (const WriteBatch::Change& change : batch.changes()) {
    if (!change.erases) bytes += 1 + change.key.size() + change.value.size();
  }
  return bytes;
}

void StoreBatch::apply(store::WriteContext& context) {
  for (Change& change : changes_) {
    if (change.erases) {
      keyspace_.erase(db_, change.key, context);
    } else {
      keyspace_.set(db_, change.key, store::ValueType::kString, std::move(change.value), context);
    }
  }
}

}  // namespace kvstore::engine
