// ShardSet: the shards a command needs, as bits, so that they are locked in ascending order and each once.
//
// Thread rule: a plain value.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace kvstore::store {

class ShardSet {
 public:
  static constexpr unsigned kShardsMax = 256;

  void add(unsigned shard) { words_[shard / 64] |= std::uint64_t{1} << (shard % 64); }
  [[nodiscard]] bool contains(unsigned shard) const { return (words_[shard / 64] >> (shard % 64) & 1) != 0; }

  // Calls visit(shard) for each member, ascending.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (unsigned word = 0; word < words_.size(); ++word) {
      for (std::uint64_t bits = words_[word]; bits != 0; bits &= bits - 1) {
        visit(word * 64 + static_cast<unsigned>(std::countr_zero(bits)));
      }
    }
  }

 private:
  std::array<std::uint64_t, kShardsMax / 64> words_{};
};

}  // namespace kvstore::store
