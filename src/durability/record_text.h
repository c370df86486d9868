// A record of the log as one line of text, for people: keys and values quoted, everything that is not printable ASCII
// escaped as \n, \r, \t, \" , \\ or \xNN.
//
// Thread rule: plain functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "durability/log_record.h"

namespace kvstore::durability {

// At most `bytes_max` bytes of it are shown; then comes how many there are.
[[nodiscard]] std::string quoted(std::string_view bytes, std::size_t bytes_max);
// `set 0 "key" "value"`, `splice 0 "key" at 100 of 20000 "bytes"`, `erase 0 "key"`, `flush 0`, `flush all`, `swap 0 1`.
[[nodiscard]] std::string record_text(const LogRecord& record, std::size_t bytes_max);

}  // namespace kvstore::durability
