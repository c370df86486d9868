#include "durability/log_group.h"

#include "base/seeded_bug.h"
#include "durability/log.h"

namespace kvstore::durability {

void LogGroup::on_set(int db, std::string_view key, const store::ValueView& value) {
  LogRecord record;
  record.kind = RecordKind::kSet;
  record.db = db;
  record.type = value.type;
  record.key = key;
  record.bytes = value.bytes;
  append_record(bytes_, record, /*with_bytes=*/value.block == nullptr);
  if (value.block != nullptr) {
    insertions_.push_back({bytes_.size(), base::SharedBytesRef::share(value.block), value.bytes});
  }
}

void LogGroup::on_splice(int db, std::string_view key, std::size_t offset, std::size_t size, std::string_view bytes) {
  LogRecord record;
  record.kind = RecordKind::kSplice;
  record.db = db;
  record.key = key;
  record.bytes = bytes;
  record.offset = KV_SEEDED_BUG(splice_offset_lost) ? 0 : offset;
  record.size = size;
  append_record(bytes_, record);
}

void LogGroup::on_erase(int db, std::string_view key) {
  LogRecord record;
  record.kind = RecordKind::kErase;
  record.db = db;
  record.key = key;
  append_record(bytes_, record);
}

void LogGroup::on_flush(int db) {
  LogRecord record;
  record.kind = RecordKind::kFlush;
  record.db = db;
  append_record(bytes_, record);
}

void LogGroup::on_swap(int db_a, int db_b) {
  LogRecord record;
  record.kind = RecordKind::kSwap;
  record.db = db_a;
  record.other_db = db_b;
  append_record(bytes_, record);
}

store::Lsn LogGroup::seal() {
  if (bytes_.empty()) return 0;
  const store::Lsn lsn = log_.append(bytes_, insertions_);
  if (bytes_.capacity() > kBytesRetained) {
    std::string().swap(bytes_);
  } else {
    bytes_.clear();
  }
  insertions_.clear();
  return lsn;
}

}  // namespace kvstore::durability
