// Crc64: the checksum of RDB files (Jones polynomial, reflected), added up piece by piece.
//
// Thread rule: a plain value.
#pragma once

#include <cstdint>
#include <string_view>

namespace kvstore::durability {

class Crc64 {
 public:
  void add(std::string_view bytes);
  // Of everything added so far.
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace kvstore::durability
