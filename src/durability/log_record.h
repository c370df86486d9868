// One record of the log: the effect of a command on one key, or on whole databases (docs/formats/log.md).
//
// Thread rule: plain functions and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "store/value.h"

namespace kvstore::durability {

enum class RecordKind : std::uint8_t { kSet = 1, kSplice = 2, kErase = 3, kFlush = 4, kSwap = 5 };

inline constexpr int kAllDatabases = -1;

struct LogRecord {
  RecordKind kind = RecordKind::kSet;
  int db = 0;        // kFlush: may be kAllDatabases
  int other_db = 0;  // kSwap
  store::ValueType type = store::ValueType::kNone;
  std::string_view key;
  std::string_view bytes;    // kSet: the value; kSplice: what is put in
  std::uint64_t offset = 0;  // kSplice
  std::uint64_t size = 0;    // kSplice: of the whole string afterwards
};

// Appends the record. Of a kSet or kSplice everything but `record.bytes` itself when `with_bytes` is false: the caller
// brings them from a block of their own.
void append_record(std::string& out, const LogRecord& record, bool with_bytes = true);

// Takes one record off the front of `bytes`, as views into it. False when that is not a record: bytes that passed their
// checksum and yet do not parse were written by a bug or by somebody else.
[[nodiscard]] bool take_record(std::string_view& bytes, LogRecord& record);

}  // namespace kvstore::durability
