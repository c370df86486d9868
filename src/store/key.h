// Key: a key with its hash, which is computed once a request and used by every step.
//
// Thread rule: a plain value.
#pragma once

#include <cstdint>
#include <string_view>

namespace kvstore::store {

struct Key {
  std::string_view bytes;
  std::uint64_t hash = 0;
};

}  // namespace kvstore::store
