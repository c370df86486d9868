// CommandTable: finds a command's row by name. Families are registered by an explicit list (families.h).
//
// Thread rule: const after construction.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "commands/command.h"

namespace kvstore::commands {

class CommandTable {
 public:
  CommandTable();  // every family of families.h

  // The row for a name in any case, or null.
  [[nodiscard]] const Command* find(std::string_view name) const;
  [[nodiscard]] std::span<const Command* const> all() const { return rows_; }  // sorted by name
  // The row's place in all(); counters per command are kept in arrays of this index.
  [[nodiscard]] std::size_t index_of(const Command& command) const;

 private:
  std::vector<const Command*> rows_;
  std::vector<std::uint16_t> slots_;  // open addressing over rows_, power of two
};

}  // namespace kvstore::commands
