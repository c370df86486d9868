// What a client may call itself (HELLO SETNAME, CLIENT SETNAME, CLIENT SETINFO).
//
// Thread rule: pure function.
#pragma once

#include <algorithm>
#include <string_view>

namespace kvstore::commands {

// Printable ASCII without spaces, so that CLIENT LIST stays one line a client and one word a field.
[[nodiscard]] inline bool is_client_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '!' && c <= '~'; });
}

}  // namespace kvstore::commands
