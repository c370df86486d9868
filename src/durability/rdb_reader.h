// RdbReader: the keys of an RDB file one after the other: ours, Redis's (versions 1 to 12) and Valkey's (80), as far as
// they hold strings. Made for files that anybody may have written: docs/formats/snapshot.md has the rules.
//
// Errors: kCorruption (the file is damaged), kInvalidArgument (it holds what this version cannot load), or what reading
// it met. The message names the file, the offset, the key where there is one, and the reason.
//
// Thread rule: one thread.
// Invariants:
//   1. next() returns keys only with databases and sizes within the limits of the store.
//   2. That the file is whole is known only when next() has returned false and status() is ok: until then the keys
//      already returned count for nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/shared_bytes.h"
#include "durability/rdb_input.h"
#include "kvstore/status.h"
#include "store/keyspace.h"

namespace kvstore::durability {

// What a file says about itself. All of it is known when next() returns the first key.
struct RdbInfo {
  unsigned format_version = 0;
  bool valkey = false;
  std::string redis_version;
  std::optional<std::uint64_t> created_s;
  // Of files of ours only:
  std::string version;      // the program that wrote it
  std::string database_id;  // kDatabaseIdDigits hex digits
  std::optional<std::uint64_t> lsn;
  std::optional<std::uint64_t> keys;
};

struct RdbEntry {
  int db = 0;
  std::string_view key;        // valid until the next call
  std::string_view value;      // likewise; or the bytes of `block`
  base::SharedBytesRef block;  // a large value (store::kLargeValueBytes and more)
};

class RdbReader {
 public:
  struct Options {
    std::int64_t now_ms = 0;  // wall clock: keys that expired before are dropped
    std::size_t buffer_bytes = std::size_t{1} << 20;
  };

  RdbReader(RdbSource& source, const Options& options) : options_(options), input_(source, options.buffer_bytes) {}

  // Magic and version. Call it first, and next() only when it succeeded.
  [[nodiscard]] Status open();
  // The next key; false at the end and after an error, see status().
  [[nodiscard]] bool next(RdbEntry& entry);
  [[nodiscard]] const Status& status() const { return status_; }

  [[nodiscard]] const RdbInfo& info() const { return info_; }
  [[nodiscard]] std::uint64_t keys_expired() const { return keys_expired_; }
  // Bytes read of source.size(): how far it is.
  [[nodiscard]] std::uint64_t offset() const { return input_.offset(); }

 private:
  [[nodiscard]] bool read_entry(RdbEntry& entry);
  [[nodiscard]] bool read_opcode(std::uint8_t opcode);
  // The next string, kept where key() finds it.
  [[nodiscard]] bool read_key();
  // The next string, at `value` until the next read; a large one also in `block`.
  [[nodiscard]] bool read_value(std::string_view& value, base::SharedBytesRef& block);
  // The next string, as a copy.
  [[nodiscard]] bool read_string(std::string& to);

  // A length, or, when `encoding` is given, the number of an encoding in it.
  [[nodiscard]] bool read_length(std::uint64_t& length, int* encoding = nullptr);
  [[nodiscard]] bool read_wide_length(std::uint8_t first, std::uint64_t& length);
  // Whether a string of this many bytes may and can be there.
  [[nodiscard]] bool check_size(std::uint64_t size);
  [[nodiscard]] bool check_remaining(std::uint64_t size);
  [[nodiscard]] bool read_encoded(int encoding, std::string& to);
  [[nodiscard]] bool read_integer(unsigned bytes, std::string& to);
  [[nodiscard]] bool read_lzf(std::string& to);
  [[nodiscard]] bool read_fixed(unsigned bytes, std::uint64_t& number);

  [[nodiscard]] bool read_aux();
  [[nodiscard]] bool use_aux(std::string_view name, std::string_view value);
  [[nodiscard]] bool aux_number(std::string_view name, std::string_view value, std::optional<std::uint64_t>& number);
  [[nodiscard]] bool read_select();
  [[nodiscard]] bool read_expiry(std::uint8_t opcode);
  [[nodiscard]] bool skip_lengths(unsigned count);
  [[nodiscard]] bool refuse_type(std::uint8_t type);
  [[nodiscard]] bool read_end();

  [[nodiscard]] std::string_view key() const {
    return {key_in_input_ ? input_.held() : key_scratch_.data(), key_size_};
  }
  // `key "x" in database 0`
  [[nodiscard]] std::string describe_key() const;
  // These return false, so that a caller can return what they return.
  [[nodiscard]] bool damaged(const std::string& reason);
  [[nodiscard]] bool unsupported(const std::string& reason);
  [[nodiscard]] bool input_failed();
  [[nodiscard]] bool fail(StatusCode code, const std::string& reason);

  Options options_;
  RdbInput input_;
  RdbInfo info_;
  Status status_;
  bool ended_ = false;
  int db_ = 0;
  std::uint64_t record_offset_ = 0;  // where the record that is read began
  std::optional<std::int64_t> expires_at_ms_;
  // The newest key: held in the input, or in key_scratch_.
  bool key_in_input_ = false;
  std::size_t key_size_ = 0;
  bool in_value_ = false;  // its value is being read: messages name the key
  std::uint64_t keys_ = 0;
  std::uint64_t keys_expired_ = 0;
  std::string key_scratch_;
  std::string value_scratch_;
  std::string compressed_scratch_;
};

}  // namespace kvstore::durability
