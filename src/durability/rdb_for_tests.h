// What the tests of the RDB files share: a file in memory, made and read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "durability/rdb_crc64.h"
#include "durability/rdb_encoder.h"
#include "durability/rdb_input.h"
#include "durability/rdb_reader.h"

namespace kvstore::durability {

// Gives its bytes in pieces of at most `piece`.
class RdbBytesSource final : public RdbSource {
 public:
  explicit RdbBytesSource(std::string_view bytes, std::size_t piece = ~std::size_t{0}) : bytes_(bytes), piece_(piece) {}

  [[nodiscard]] Result<std::size_t> read(std::span<char> to) override {
    const std::size_t size = std::min({to.size(), piece_, bytes_.size() - offset_});
    std::memcpy(to.data(), bytes_.data() + offset_, size);
    offset_ += size;
    return size;
  }
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] const std::string& name() const override { return name_; }

 private:
  std::string_view bytes_;
  std::size_t piece_;
  std::size_t offset_ = 0;
  std::string name_ = "test.rdb";
};

// Builds a file from parts; every function returns the builder.
class RdbBuilder {
 public:
  explicit RdbBuilder(std::string_view header = "REDIS0010") : bytes_(header) {}

  RdbBuilder& raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  RdbBuilder& string(std::string_view text) {
    char length[kRdbLengthBytesMax];
    bytes_.append(length, static_cast<std::size_t>(rdb_put_length(length, text.size()) - length));
    return raw(text);
  }
  RdbBuilder& aux(std::string_view name, std::string_view value) { return raw("\xfa").string(name).string(value); }
  RdbBuilder& select(int db) {
    char select[kRdbSelectBytesMax];
    bytes_.append(select, static_cast<std::size_t>(rdb_put_select(select, db) - select));
    return *this;
  }
  RdbBuilder& key(std::string_view key, std::string_view value) {
    return raw(std::string_view("\0", 1)).string(key).string(value);
  }
  // EOF and checksum.
  [[nodiscard]] std::string end() const {
    Crc64 checksum;
    checksum.add(bytes_);
    return bytes_ + rdb_footer(checksum);
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

using RdbKeys = std::map<std::pair<int, std::string>, std::string>;

struct RdbContents {
  Status status;
  RdbKeys keys;
  std::vector<std::string> order;  // keys as they came
  RdbInfo info;
  std::uint64_t expired = 0;
};

inline RdbContents read_rdb(std::string_view bytes, std::size_t piece = ~std::size_t{0}, std::int64_t now_ms = 0) {
  RdbBytesSource source(bytes, piece);
  RdbReader reader(source, {.now_ms = now_ms, .buffer_bytes = 0});
  RdbContents contents;
  contents.status = reader.open();
  RdbEntry entry;
  while (contents.status.ok() && reader.next(entry)) {
    contents.keys[{entry.db, std::string(entry.key)}] = entry.value;
    contents.order.emplace_back(entry.key);
  }
  if (contents.status.ok()) contents.status = reader.status();
  contents.info = reader.info();
  contents.expired = reader.keys_expired();
  return contents;
}

}  // namespace kvstore::durability
