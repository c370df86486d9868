#include "durability/log_applier.h"

#include <utility>

#include "base/shared_bytes.h"

namespace kvstore::durability {

bool LogApplier::apply(const LogRecord& record) {
  switch (record.kind) {
    case RecordKind::kSet:
      if (record.bytes.size() < store::kLargeValueBytes) {
        writer_.set(record.db, record.key, record.bytes, {});
      } else {
        writer_.set(record.db, record.key, {}, base::SharedBytesRef::copy_of(record.bytes));
      }
      return true;
    case RecordKind::kErase:
      writer_.erase(record.db, record.key);
      return true;
    // The rest is rare, and waits for what came before.
    case RecordKind::kSplice:
      return finish() && splice(record);
    case RecordKind::kFlush:
      writer_.drain();
      record.db == kAllDatabases ? keyspace_.flush_all(writes_) : keyspace_.flush(record.db, writes_);
      return true;
    case RecordKind::kSwap:
      writer_.drain();
      keyspace_.swap(record.db, record.other_db, writes_);
      return true;
  }
  return false;
}

bool LogApplier::finish() {
  writer_.drain();
  return writer_.keys_missed() == 0;
}

bool LogApplier::splice(const LogRecord& record) {
  const store::Key key = keyspace_.key(record.key);
  const unsigned shard = keyspace_.shard_of(key.hash);
  keyspace_.lock(shard);
  const bool there = keyspace_.find(record.db, key).type == store::ValueType::kString;
  if (there) keyspace_.splice(record.db, key, record.offset, record.size, record.bytes, writes_);
  keyspace_.unlock(shard);
  keyspace_.do_chores(shard);
  writes_.release();
  return there;
}

}  // namespace kvstore::durability
