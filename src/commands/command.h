// Command: one row of the command table; everything about a command is read from its row, never from its name.
//
// To add a command: write its function in its family's file and add its row to the table at the end of that file.
// Thread rule: rows are constants.
#pragma once

#include <cstdint>
#include <string_view>

namespace kvstore::commands {

class CommandContext;
using Handler = void (*)(CommandContext&);

// What a command does, as COMMAND INFO names it.
enum Flag : std::uint32_t {
  kWrite = 1U << 0,     // may change data
  kReadonly = 1U << 1,  // reads data
  kDenyOom = 1U << 2,   // refused when memory is full
  kAdmin = 1U << 3,
  kFast = 1U << 4,     // constant or logarithmic time
  kLoading = 1U << 5,  // allowed while loading
  kStale = 1U << 6,
  kNoScript = 1U << 7,
  kNoAuth = 1U << 8,  // allowed before authentication
  kNoMulti = 1U << 9,
  kSkipMonitor = 1U << 10,
  kAllowBusy = 1U << 11,
  kHidden = 1U << 12,  // not announced by COMMAND (native commands are announced)
};

// Positions of keys among the words, as COMMAND INFO prints them. first 0: the command takes no keys; last -1: up to
// the last word, -2 the one before it. The engine locks the shards of these keys before the handler runs.
struct KeySpec {
  int first = 0;
  int last = 0;
  int step = 0;
};

struct Command {
  std::string_view name;  // lower case
  std::string_view summary;
  std::string_view since;  // the Redis version that brought it, or ours for native ones
  std::string_view group;  // as COMMAND DOCS names it: "string", "generic", "connection", "server"
  std::string_view complexity;
  int arity = 0;  // words including the name; -n: at least n
  std::uint32_t flags = 0;
  KeySpec keys;
  std::string_view acl_categories;  // space separated, each with '@'
  Handler handler = nullptr;
};

}  // namespace kvstore::commands
