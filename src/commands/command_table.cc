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

// Eight bytes at once: capital ASCII letters become small ones, all other bytes stay.
std::uint64_t lower(std::uint64_t word) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  const std::uint64_t low_bits = word & (kEach * 0x7F);
  // Bit 7 of a byte of each sum says "at least 'A'" and "beyond 'Z'"; no sum carries into the next byte.
  const std::uint64_t from_a = low_bits + kEach * (0x80 - 'A');
  const std::uint64_t beyond_z = low_bits + kEach * (0x7F - 'Z');
  const std::uint64_t capitals = (from_a & ~beyond_z) & ~word & (kEach * 0x80);
  return word | capitals >> 2;  // 0x80 to 0x20, the bit between the two cases
}

// Up to eight bytes as a word, zeros behind them.
std::uint64_t load_short(const char* bytes, std::size_t size) {
  if (size == 8) return load<std::uint64_t>(bytes);
  if (size >= 4) return load<std::uint32_t>(bytes) | load<std::uint32_t>(bytes + size - 4) << (size - 4) * 8;
  if (size >= 2) return load<std::uint16_t>(bytes) | load<std::uint8_t>(bytes + size - 1) << (size - 1) * 8;
  return load<std::uint8_t>(bytes);
}

}  // namespace

CommandTable::NameKey CommandTable::key_of(std::string_view name) {
  const char* bytes = name.data();
  const std::size_t size = name.size();
  NameKey key;
  key.size = size;
  if (size <= 8) {
    key.words[0] = lower(load_short(bytes, size));
    return key;
  }
  // The words may overlap; together they hold every byte of a name up to kNameBytesMax.
  key.words[0] = lower(load<std::uint64_t>(bytes));
  key.words[1] = lower(load<std::uint64_t>(bytes + size - 8));
  if (size > 16) key.words[2] = lower(load<std::uint64_t>(bytes + 8));
  return key;
}

inline std::size_t CommandTable::slot_of(std::uint64_t word) const {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 divided by the golden ratio
  return (word * kOdd) >> slot_shift_;
}

// For a name of up to eight bytes that is slot_of() its first word.
std::size_t CommandTable::first_slot(const NameKey& key) const {
  return slot_of(key.words[0] ^ std::rotl(key.words[1], 17) ^ std::rotl(key.words[2], 41));
}

CommandTable::CommandTable() {
  for (const Family family : kFamilies) {
    const std::span<const Command> rows = family();
    storage_.insert(storage_.end(), rows.begin(), rows.end());
  }
  std::sort(storage_.begin(), storage_.end(), [](const Command& a, const Command& b) { return a.name < b.name; });
  const unsigned slot_bits = std::bit_width(storage_.size() * 4);
  slot_shift_ = 64 - slot_bits;
  slots_.resize(std::size_t{1} << slot_bits);
  for (const Command& row : storage_) {
    KV_ASSERT(!row.name.empty() && row.name.size() <= kNameBytesMax);
    KV_ASSERT(row.handler != nullptr);
    KV_ASSERT(find(row.name) == nullptr);  // invariant 1: unique
    const NameKey key = key_of(row.name);
    std::size_t slot = first_slot(key);
    while (slots_[slot].row != nullptr) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = {key, &row};
    rows_.push_back(&row);
  }
}

const Command* CommandTable::find(std::string_view name) const {
  if (name.empty() || name.size() > 8) return find_long(name);
  const std::uint64_t word = lower(load_short(name.data(), name.size()));
  for (std::size_t slot = slot_of(word); slots_[slot].row != nullptr; slot = (slot + 1) & (slots_.size() - 1)) {
    if (slots_[slot].key.words[0] == word && slots_[slot].key.size == name.size()) return slots_[slot].row;
  }
  return nullptr;
}

const Command* CommandTable::find_long(std::string_view name) const {
  if (name.empty() || name.size() > kNameBytesMax) return nullptr;
  const NameKey key = key_of(name);
  for (std::size_t slot = first_slot(key); slots_[slot].row != nullptr; slot = (slot + 1) & (slots_.size() - 1)) {
    if (slots_[slot].key == key) return slots_[slot].row;
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
