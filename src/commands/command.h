// Command: one row of the command table; everything about a command is read from its row, never from its name.
//
// To add a command: write its function in its family's file and add its row to the table at the end of that file
// (docs/adding-a-command.md).
// Thread rule: rows are constants.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
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
  kHidden = 1U << 12,        // not announced by COMMAND (native commands are announced)
  kMayWait = 1U << 13,       // may answer later: nothing more of the client is read before it has
  kCopiesValues = 1U << 14,  // writes values that are there already: its words do not tell how much
};

// Positions of keys among the words, as COMMAND INFO prints them. first 0: the command takes no keys; last -1: up to
// the last word, -2 the one before it. The engine locks the shards of these keys before the handler runs.
struct KeySpec {
  int first = 0;
  int last = 0;
  int step = 0;
};

struct Command;

// The rows of a command's subcommands: a view of a constant array in the family's file.
class CommandList {
 public:
  constexpr CommandList() = default;
  template <std::size_t kCount>
  constexpr CommandList(const std::array<Command, kCount>& rows)  // NOLINT(google-explicit-constructor): reads as data
      : rows_(rows.data()), count_(kCount) {}

  [[nodiscard]] constexpr std::size_t size() const { return count_; }
  [[nodiscard]] constexpr bool empty() const { return count_ == 0; }
  [[nodiscard]] constexpr const Command* begin() const { return rows_; }
  [[nodiscard]] constexpr const Command* end() const;

 private:
  const Command* rows_ = nullptr;
  std::size_t count_ = 0;
};

struct Command {
  // What running it needs comes first: one cache line.
  std::string_view name = {};  // lower case; a subcommand's is "client|setname"
  Handler handler = nullptr;
  int arity = 0;  // words including the name (and the subcommand's); -n: at least n
  std::uint32_t flags = 0;
  KeySpec keys = {};

  std::string_view syntax = {};  // the words after the name, as a person reads them: "key value [NX | XX]"
  std::string_view summary = {};
  std::string_view since = {};  // the Redis version that brought it, or ours for native ones
  std::string_view group = {};  // as COMMAND DOCS names it: "string", "generic", "connection", "server"
  std::string_view complexity = {};
  std::string_view acl_categories = {};  // space separated, each with '@'
  std::string_view tips = {};            // space separated, for clients that spread commands over servers
  CommandList subcommands = {};          // not empty: the handler is run_subcommand() or falls back to it

  // True when a request of `words` words, the name included, has as many as the row asks for.
  [[nodiscard]] constexpr bool accepts(std::size_t words) const {
    return arity < 0 ? words >= static_cast<std::size_t>(-arity) : words == static_cast<std::size_t>(arity);
  }
};

constexpr const Command* CommandList::end() const { return rows_ + count_; }

}  // namespace kvstore::commands
