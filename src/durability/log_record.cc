#include "durability/log_record.h"

#include <array>

#include "base/assert.h"
#include "durability/bytes.h"
#include "store/keyspace.h"

namespace kvstore::durability {
namespace {

constexpr std::uint8_t kAllDatabasesOnDisk = 255;

bool take_byte(std::string_view& bytes, std::uint8_t& byte) {
  if (bytes.empty()) return false;
  byte = static_cast<std::uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  return true;
}

bool take_database(std::string_view& bytes, int& db) {
  std::uint8_t byte = 0;
  if (!take_byte(bytes, byte) || byte >= store::Keyspace::kDatabases) return false;
  db = byte;
  return true;
}

bool take_bytes(std::string_view& bytes, std::string_view& taken) {
  std::uint64_t size = 0;
  if (!take_varint(bytes, size) || size > bytes.size()) return false;
  taken = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

// Written first into room on the stack: a record's head is one append.
class Head {
 public:
  void byte(std::uint8_t value) { *end_++ = static_cast<char>(value); }
  void number(std::uint64_t value) { end_ = put_varint(end_, value); }
  void append_to(std::string& out) {
    out.append(room_.data(), static_cast<std::size_t>(end_ - room_.data()));
    end_ = room_.data();
  }

 private:
  std::array<char, 3 + 4 * kVarintBytesMax> room_;
  char* end_ = room_.data();
};

}  // namespace

void append_record(std::string& out, const LogRecord& record, bool with_bytes) {
  Head head;
  head.byte(static_cast<std::uint8_t>(record.kind));
  head.byte(record.db == kAllDatabases ? kAllDatabasesOnDisk : static_cast<std::uint8_t>(record.db));
  if (record.kind == RecordKind::kSwap) head.byte(static_cast<std::uint8_t>(record.other_db));
  if (record.kind == RecordKind::kFlush || record.kind == RecordKind::kSwap) return head.append_to(out);
  head.number(record.key.size());
  head.append_to(out);
  out += record.key;
  if (record.kind == RecordKind::kErase) return;
  if (record.kind == RecordKind::kSet) {
    head.byte(static_cast<std::uint8_t>(record.type));
  } else {
    head.number(record.offset);
    head.number(record.size);
  }
  head.number(record.bytes.size());
  head.append_to(out);
  if (with_bytes) out += record.bytes;
}

bool take_record(std::string_view& bytes, LogRecord& record) {
  std::uint8_t kind = 0;
  if (!take_byte(bytes, kind)) return false;
  record.kind = static_cast<RecordKind>(kind);
  switch (record.kind) {
    case RecordKind::kSet: {
      std::uint8_t type = 0;
      if (!take_database(bytes, record.db) || !take_bytes(bytes, record.key) || !take_byte(bytes, type)) return false;
      record.type = static_cast<store::ValueType>(type);
      return record.type == store::ValueType::kString && take_bytes(bytes, record.bytes);
    }
    case RecordKind::kSplice:
      return take_database(bytes, record.db) && take_bytes(bytes, record.key) && take_varint(bytes, record.offset) &&
             take_varint(bytes, record.size) && take_bytes(bytes, record.bytes) &&
             record.size <= store::Keyspace::kValueBytesMax && record.bytes.size() <= record.size &&
             record.offset <= record.size - record.bytes.size();
    case RecordKind::kErase:
      return take_database(bytes, record.db) && take_bytes(bytes, record.key);
    case RecordKind::kFlush: {
      std::uint8_t db = 0;
      if (!take_byte(bytes, db)) return false;
      record.db = db == kAllDatabasesOnDisk ? kAllDatabases : db;
      return db == kAllDatabasesOnDisk || db < store::Keyspace::kDatabases;
    }
    case RecordKind::kSwap:
      return take_database(bytes, record.db) && take_database(bytes, record.other_db);
  }
  return false;
}

}  // namespace kvstore::durability
