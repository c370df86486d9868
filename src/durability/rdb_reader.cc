#include "durability/rdb_reader.h"

#include <charconv>
#include <system_error>

#include "durability/rdb_format.h"

namespace kvstore::durability {
namespace {

std::string hex(std::uint64_t number, unsigned digits) {
  std::string text(digits, '0');
  for (unsigned i = 0; i < digits; ++i) text[digits - 1 - i] = "0123456789abcdef"[number >> (4 * i) & 15];
  return text;
}

// Printable, and not longer than a line has room for.
std::string quoted(std::string_view bytes) {
  constexpr std::size_t kShown = 64;
  std::string text = "\"";
  for (const char c : bytes.substr(0, kShown)) {
    if (c == '"' || c == '\\') {
      text.append(1, '\\').append(1, c);
    } else if (c >= ' ' && c <= '~') {
      text.push_back(c);
    } else {
      text.append("\\x").append(hex(static_cast<unsigned char>(c), 2));
    }
  }
  return text.append(bytes.size() > kShown ? "\"..." : "\"");
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

// --- errors ----------------------------------------------------------------------------------------------------------

bool RdbReader::fail(StatusCode code, const std::string& reason) {
  std::string message = input_.name() + ", offset " + std::to_string(record_offset_) + ": ";
  if (in_value_) message += describe_key() + ": ";
  status_ = Status(code, message + reason);
  return false;
}

bool RdbReader::damaged(const std::string& reason) { return fail(StatusCode::kCorruption, reason); }

bool RdbReader::unsupported(const std::string& reason) { return fail(StatusCode::kInvalidArgument, reason); }

bool RdbReader::input_failed() {
  record_offset_ = input_.offset();
  return fail(input_.status().code(), input_.status().message());
}

std::string RdbReader::describe_key() const { return "key " + quoted(key()) + " in database " + std::to_string(db_); }

// --- records ---------------------------------------------------------------------------------------------------------

Status RdbReader::open() {
  const auto refuse = [this] {
    static_cast<void>(damaged("this is not a Redis or Valkey database file"));
    return status_;
  };
  if (input_.remaining() < kRdbHeaderBytes) return refuse();
  if (!input_.need(kRdbHeaderBytes)) {
    static_cast<void>(input_failed());
    return status_;
  }
  const std::string header(input_.data(), kRdbHeaderBytes);
  input_.skip(kRdbHeaderBytes);
  info_.valkey = header.starts_with(kRdbValkeyMagic);
  if (!info_.valkey && !header.starts_with(kRdbMagic)) return refuse();
  const std::string_view digits =
      std::string_view(header).substr(info_.valkey ? kRdbValkeyMagic.size() : kRdbMagic.size());
  const std::optional<std::uint64_t> version = parse_number(digits);
  if (!version) return refuse();
  info_.format_version = static_cast<unsigned>(*version);
  const bool known = info_.valkey ? *version == kRdbValkeyVersion : *version >= 1 && *version <= kRdbVersionMax;
  if (!known) {
    static_cast<void>(unsupported("version " + std::to_string(*version) +
                                  " of the file format: this version reads 1 to " + std::to_string(kRdbVersionMax) +
                                  ", and Valkey's " + std::to_string(kRdbValkeyVersion)));
  }
  return status_;
}

bool RdbReader::next(RdbEntry& entry) {
  while (!ended_ && status_.ok()) {
    record_offset_ = input_.offset();
    if (!input_.need(1)) return input_failed();
    const std::uint8_t first = input_.take_byte();
    if (first == kRdbTypeString) {
      if (!read_entry(entry)) return false;
      if (expires_at_ms_) {  // long ago, or read_entry() would have refused it
        expires_at_ms_.reset();
        ++keys_expired_;
        continue;
      }
      return true;
    }
    if (!read_opcode(first)) return false;
  }
  return false;
}

bool RdbReader::read_entry(RdbEntry& entry) {
  if (!read_key()) return false;
  if (expires_at_ms_ && *expires_at_ms_ >= options_.now_ms) {
    return unsupported(describe_key() + " expires at " + std::to_string(*expires_at_ms_) +
                       " ms, and this version has no expiry yet");
  }
  in_value_ = true;
  if (entry.block) entry.block = {};
  if (!read_value(entry.value, entry.block)) return false;
  in_value_ = false;
  ++keys_;
  entry.db = db_;
  entry.key = key();
  input_.release();
  return true;
}

bool RdbReader::read_opcode(std::uint8_t opcode) {
  switch (opcode) {
    case rdb_opcode::kAux:
      return read_aux();
    case rdb_opcode::kSelectDb:
      return read_select();
    case rdb_opcode::kResizeDb:
      return skip_lengths(2);
    case rdb_opcode::kSlotInfo:
      return skip_lengths(3);
    case rdb_opcode::kIdle:
      return skip_lengths(1);
    case rdb_opcode::kFrequency: {
      std::uint64_t ignored = 0;
      return read_fixed(1, ignored);
    }
    case rdb_opcode::kExpireTimeMs:
    case rdb_opcode::kExpireTime:
      return read_expiry(opcode);
    case rdb_opcode::kFunction:
    case rdb_opcode::kFunctionBefore7:
      return unsupported("a function library, which this version cannot load");
    case rdb_opcode::kModuleAux:
      return unsupported("a module's data, which this version cannot load");
    case rdb_opcode::kEof:
      return read_end();
    default:
      if (opcode == rdb_opcode::kSlotImport && info_.valkey) {
        return unsupported("the import of a slot, which this version cannot load");
      }
      return refuse_type(opcode);
  }
}

bool RdbReader::read_select() {
  std::uint64_t db = 0;
  if (!read_length(db)) return false;
  constexpr std::uint64_t kLast = store::Keyspace::kDatabases - 1;
  if (db > kLast) {
    return unsupported("database " + std::to_string(db) + ": this version has 0 to " + std::to_string(kLast));
  }
  db_ = static_cast<int>(db);
  return true;
}

bool RdbReader::read_expiry(std::uint8_t opcode) {
  const bool in_ms = opcode == rdb_opcode::kExpireTimeMs;
  std::uint64_t time = 0;
  if (!read_fixed(in_ms ? 8 : 4, time)) return false;
  expires_at_ms_ = in_ms ? static_cast<std::int64_t>(time)
                         : std::int64_t{static_cast<std::int32_t>(static_cast<std::uint32_t>(time))} * 1000;
  return true;
}

bool RdbReader::skip_lengths(unsigned count) {
  for (std::uint64_t ignored = 0; count > 0; --count) {
    if (!read_length(ignored)) return false;
  }
  return true;
}

bool RdbReader::refuse_type(std::uint8_t type) {
  const std::string_view name = rdb_type_name(type, info_.valkey);
  if (name.empty()) return damaged("byte 0x" + hex(type, 2) + " is neither a type nor an opcode");
  if (!read_key()) return false;
  return unsupported(describe_key() + " holds " + std::string(name) + ", which this version cannot load");
}

bool RdbReader::read_end() {
  ended_ = true;
  record_offset_ = input_.offset();
  const std::uint64_t computed = input_.checksum();
  if (info_.format_version >= kRdbFirstVersionWithChecksum) {
    std::uint64_t stored = 0;
    if (!read_fixed(kRdbChecksumBytes, stored)) return false;
    const bool unchecked = stored == 0 && !info_.lsn;
    if (stored != computed && !unchecked) {
      return damaged("the checksum is " + hex(stored, 16) + ", but that of the bytes before it is " +
                     hex(computed, 16));
    }
  }
  if (input_.remaining() > 0) return damaged(std::to_string(input_.remaining()) + " bytes follow the checksum");
  if (info_.keys && *info_.keys != keys_) {
    return damaged("the file holds " + std::to_string(keys_) + " keys, but says that there are " +
                   std::to_string(*info_.keys));
  }
  return false;
}

// --- AUX -------------------------------------------------------------------------------------------------------------

bool RdbReader::read_aux() {
  std::string name;
  std::string value;
  return read_string(name) && read_string(value) && use_aux(name, value);
}

bool RdbReader::aux_number(std::string_view name, std::string_view value, std::optional<std::uint64_t>& number) {
  number = parse_number(value);
  return number.has_value() || damaged(std::string(name) + " is not a number: " + quoted(value));
}

bool RdbReader::use_aux(std::string_view name, std::string_view value) {
  if (name == kAuxLsn) return aux_number(name, value, info_.lsn);
  if (name == kAuxKeys) return aux_number(name, value, info_.keys);
  if (name == kAuxDatabaseId) {
    const bool valid =
        value.size() == kDatabaseIdDigits && value.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    if (!valid)
      return damaged(std::string(name) + " is not " + std::to_string(kDatabaseIdDigits) +
                     " hex digits: " + quoted(value));
    info_.database_id = value;
  }
  if (name == kAuxVersion) info_.version = value;
  if (name == kAuxRedisVersion) info_.redis_version = value;
  if (name == kAuxCreated) info_.created_s = parse_number(value);
  return true;
}

}  // namespace kvstore::durability
