// What the library says of keys and values that are too large.
//
// Thread rule: plain functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "kvstore/status.h"
#include "store/keyspace.h"

namespace kvstore::engine {

inline Status check_size(std::string_view what, std::size_t size, std::size_t limit) {
  if (size <= limit) return {};
  return {StatusCode::kTooLarge, std::string(what) + " has " + std::to_string(size) + " bytes; the limit is " +
                                     std::to_string(limit) + " bytes"};
}

inline Status check_sizes(std::string_view key, std::string_view value) {
  if (Status status = check_size("the key", key.size(), store::Keyspace::kKeyBytesMax); !status.ok()) return status;
  return check_size("the value", value.size(), store::Keyspace::kValueBytesMax);
}

}  // namespace kvstore::engine
