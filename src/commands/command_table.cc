#include "commands/command_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"
#include "base/text.h"
#include "commands/families.h"

namespace kvstore::commands {

namespace {

template <typename Word>
std::uint64_t load(const char* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

// A hash that is the same for both cases of a letter: bit 5, which tells them apart, is set in every byte. It reads
// the name as at most four words, overlapping where the length is no multiple of eight.
std::uint64_t hash_name(std::string_view name) {
  constexpr std::uint64_t kCaseBits = 0x2020202020202020;
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 divided by the golden ratio
  const char* bytes = name.data();
  const std::size_t size = name.size();
  std::uint64_t hash = size;
  const auto mix = [&hash](std::uint64_t word) { hash = std::rotl((hash ^ (word | kCaseBits)) * kOdd, 32); };
  if (size >= 8) {
    for (std::size_t i = 0; i + 8 < size; i += 8) mix(load<std::uint64_t>(bytes + i));
    mix(load<std::uint64_t>(bytes + size - 8));
  } else if (size >= 4) {
    mix(load<std::uint32_t>(bytes) << 32 | load<std::uint32_t>(bytes + size - 4));
  } else {
    mix(load<std::uint8_t>(bytes) << 16 | load<std::uint8_t>(bytes + size / 2) << 8 |
        load<std::uint8_t>(bytes + size - 1));
  }
  return hash;
}

// `lower` is a row's name; both have the same size.
bool names_equal(std::string_view lower, std::string_view name) {
  for (std::size_t i = 0; i < lower.size(); ++i) {
    if (lower[i] != base::ascii_lower(name[i])) return false;
  }
  return true;
}

}  // namespace

CommandTable::CommandTable() {
  for (const Family family : kFamilies) {
    const std::span<const Command> rows = family();
    storage_.insert(storage_.end(), rows.begin(), rows.end());
  }
  std::sort(storage_.begin(), storage_.end(), [](const Command& a, const Command& b) { return a.name < b.name; });
  KV_ASSERT(storage_.size() < kEmpty);

  slots_.assign(std::bit_ceil(storage_.size() * 4), kEmpty);
  for (const Command& row : storage_) {
    KV_ASSERT(!row.name.empty() && row.name.size() <= kNameBytesMax);
    KV_ASSERT(row.handler != nullptr);
    KV_ASSERT(find(row.name) == nullptr);  // invariant 1: unique
    std::size_t slot = hash_name(row.name) & (slots_.size() - 1);
    while (slots_[slot] != kEmpty) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<std::uint16_t>(rows_.size());
    rows_.push_back(&row);
  }
}

const Command* CommandTable::find(std::string_view name) const {
  if (name.empty() || name.size() > kNameBytesMax) return nullptr;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = hash_name(name) & mask; slots_[slot] != kEmpty; slot = (slot + 1) & mask) {
    const Command& row = storage_[slots_[slot]];
    if (row.name.size() == name.size() && names_equal(row.name, name)) return &row;
  }
  return nullptr;
}

const Command* CommandTable::find_full(std::string_view name) const {
  const std::size_t bar = name.find('|');
  if (bar == std::string_view::npos) return find(name);
  const Command* parent = find(name.substr(0, bar));
  if (parent == nullptr) return nullptr;
  for (const Command& row : parent->subcommands) {
    if (base::equals_ignoring_case(row.name, name)) return &row;
  }
  return nullptr;
}

std::size_t CommandTable::index_of(const Command& command) const {
  const std::ptrdiff_t index = &command - storage_.data();
  KV_ASSERT(index >= 0 && index < static_cast<std::ptrdiff_t>(storage_.size()));
  return static_cast<std::size_t>(index);
}

const Command* resolve_subcommand(const Command& row, protocol::Args args) {
  if (row.subcommands.empty() || args.size() < 2) return &row;
  for (const Command& candidate : row.subcommands) {
    if (base::equals_ignoring_case(candidate.name.substr(row.name.size() + 1), args[1])) return &candidate;
  }
  return nullptr;
}

}  // namespace kvstore::commands
