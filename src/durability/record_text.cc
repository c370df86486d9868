#include "durability/record_text.h"

namespace kvstore::durability {
namespace {

void append_escaped(std::string& text, char c) {
  static constexpr char kDigits[] = "0123456789abcdef";
  switch (c) {
    case '\n':
      text += "\\n";
      return;
    case '\r':
      text += "\\r";
      return;
    case '\t':
      text += "\\t";
      return;
    case '"':
    case '\\':
      text += '\\';
      text += c;
      return;
    default:
      break;
  }
  if (c >= ' ' && c <= '~') {
    text += c;
    return;
  }
  text += "\\x";
  text += kDigits[static_cast<unsigned char>(c) >> 4];
  text += kDigits[static_cast<unsigned char>(c) & 15];
}

}  // namespace

std::string quoted(std::string_view bytes, std::size_t bytes_max) {
  std::string text = "\"";
  for (const char c : bytes.substr(0, bytes_max)) append_escaped(text, c);
  text += '"';
  if (bytes.size() > bytes_max) text += "... (" + std::to_string(bytes.size()) + " bytes)";
  return text;
}

std::string record_text(const LogRecord& record, std::size_t bytes_max) {
  const std::string db = std::to_string(record.db);
  switch (record.kind) {
    case RecordKind::kSet:
      return "set " + db + " " + quoted(record.key, bytes_max) + " " + quoted(record.bytes, bytes_max);
    case RecordKind::kSplice:
      return "splice " + db + " " + quoted(record.key, bytes_max) + " at " + std::to_string(record.offset) + " of " +
             std::to_string(record.size) + " " + quoted(record.bytes, bytes_max);
    case RecordKind::kErase:
      return "erase " + db + " " + quoted(record.key, bytes_max);
    case RecordKind::kFlush:
      return record.db == kAllDatabases ? "flush all" : "flush " + db;
    case RecordKind::kSwap:
      return "swap " + db + " " + std::to_string(record.other_db);
  }
  return "unknown";
}

}  // namespace kvstore::durability
