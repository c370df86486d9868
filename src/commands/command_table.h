// CommandTable: finds a command's row by name. Families are registered by an explicit list (families.h).
//
// Thread rule: const after construction.
// Invariants:
//   1. rows_ is sorted by name, names are unique, lower case and 1 to kNameBytesMax bytes long.
//   2. At most a quarter of the slots is taken, so find() looks at one or two.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "commands/command.h"
#include "protocol/request.h"

namespace kvstore::commands {

class CommandTable {
 public:
  static constexpr std::size_t kNameBytesMax = 24;

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
  // A name in lower case as words, so that hashing and comparing it takes no loop over bytes.
  struct NameKey {
    std::array<std::uint64_t, 3> words{};
    std::size_t size = 0;

    [[nodiscard]] bool operator==(const NameKey& other) const {
      return words[0] == other.words[0] && size == other.size && words[1] == other.words[1] &&
             words[2] == other.words[2];
    }
  };
  struct Slot {
    NameKey key;
    const Command* row = nullptr;
  };

  [[nodiscard]] static NameKey key_of(std::string_view name);
  [[nodiscard]] std::size_t first_slot(const NameKey& key) const;
  [[nodiscard]] std::size_t slot_of(std::uint64_t word) const;
  [[nodiscard]] const Command* find_long(std::string_view name) const;

  std::vector<Command> storage_;  // the rows side by side, so that a row's address tells its index
  std::vector<const Command*> rows_;
  std::vector<Slot> slots_;  // open addressing, power of two
  unsigned slot_shift_ = 0;
};

// The subcommand's row that `args` name, `row` itself when it has none, or null when `args` name an unknown one.
// Precondition: args has the words row.arity asks for.
[[nodiscard]] const Command* resolve_subcommand(const Command& row, protocol::Args args);

}  // namespace kvstore::commands
