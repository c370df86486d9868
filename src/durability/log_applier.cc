#include "durability/log_applier.h"

#include <utility>

namespace kvstore::durability {

bool LogApplier::apply(const LogRecord& record) {
  switch (record.kind) {
    case RecordKind::kSet:
    case RecordKind::kSplice:
    case RecordKind::kErase:
      return apply_to_key(record);
    case RecordKind::kFlush:
      record.db == kAllDatabases ? keyspace_.flush_all(writes_) : keyspace_.flush(record.db, writes_);
      return true;
    case RecordKind::kSwap:
      keyspace_.swap(record.db, record.other_db, writes_);
      return true;
  }
  return false;
}

bool LogApplier::apply_to_key(const LogRecord& record) {
  const store::Key key = keyspace_.key(record.key);
  const unsigned shard = keyspace_.shard_of(key.hash);
  store::NewValue value = record.kind == RecordKind::kSet ? store::NewValue::stage(record.bytes) : store::NewValue("");
  bool possible = true;
  keyspace_.lock(shard);
  if (record.kind == RecordKind::kSet) {
    keyspace_.set(record.db, key, record.type, std::move(value), writes_);
  } else if (record.kind == RecordKind::kErase) {
    possible = keyspace_.erase(record.db, key, writes_);
  } else if (keyspace_.find(record.db, key).type == store::ValueType::kString) {
    keyspace_.splice(record.db, key, record.offset, record.size, record.bytes, writes_);
  } else {
    possible = false;
  }
  keyspace_.unlock(shard);
  keyspace_.prepare_spares(shard);
  writes_.release();
  return possible;
}

}  // namespace kvstore::durability
