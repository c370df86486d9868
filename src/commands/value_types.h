// The names of value types, as TYPE answers them and SCAN's TYPE option takes them.
//
// Thread rule: pure functions.
#pragma once

#include <string_view>

#include "store/value.h"

namespace kvstore::commands {

[[nodiscard]] constexpr std::string_view type_name(store::ValueType type) {
  switch (type) {
    case store::ValueType::kNone:
      return "none";
    case store::ValueType::kString:
      return "string";
  }
  return "unknown";
}

}  // namespace kvstore::commands
