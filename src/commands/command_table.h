// CommandTable: finds a command's row by name. Families are registered by an explicit list (families.h).
//
// Thread rule: const after construction.
// Invariants:
//   1. rows_ is sorted by name, names are unique, lower case and 1 to kNameBytesMax bytes long.
//   2. At most a quarter of the slots is taken, so find() looks at one or two.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "commands/command.h"
#include "protocol/request.h"

namespace kvstore::commands {

class CommandTable {
 public:
  static constexpr std::size_t kNameBytesMax = 32;

  CommandTable();  // every family of families.h
  CommandTable(const CommandTable&) = delete;
  CommandTable& operator=(const CommandTable&) = delete;

  // The row for a name in any case, or null.
  [[nodiscard]] const Command* find(std::string_view name) const;
  // The row of "client|id" or of "get": a subcommand by its full name, in any case, or null.
  [[nodiscard]] const Command* find_full(std::string_view name) const;
  [[nodiscard]] std::span<const Command* const> all() const { return rows_; }  // sorted by name
  // The row's place in all(); counters per command are kept in arrays of this index. Precondition: not a subcommand.
  [[nodiscard]] std::size_t index_of(const Command& command) const;

 private:
  static constexpr std::uint16_t kEmpty = 0xFFFF;

  std::vector<Command> storage_;  // the rows side by side, so that a row's address tells its index
  std::vector<const Command*> rows_;
  std::vector<std::uint16_t> slots_;  // open addressing over rows_, power of two
};

// The subcommand's row that `args` name, `row` itself when it has none, or null when `args` name an unknown one.
// Precondition: args has the words row.arity asks for.
[[nodiscard]] const Command* resolve_subcommand(const Command& row, protocol::Args args);

}  // namespace kvstore::commands
