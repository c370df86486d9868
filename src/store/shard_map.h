// ShardMap: which shard a hash belongs to.
//
// Thread rule: const after construction.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "base/assert.h"
#include "store/hash_bits.h"

namespace kvstore::store {

// Shard i of S gets a share of hash space in proportion to 2^(i / S). With equal shares all shards would split their
// segments at the same number of keys, and the index would swing between half full and full (5.9 to 9.9 bytes a key);
// with these shares some shard is always about to split, and bytes a key are the same at any number of keys.
class ShardMap {
 public:
  explicit ShardMap(unsigned shards) {
    const auto weight_up_to = [shards](unsigned i) { return std::exp2(static_cast<double>(i) / shards) - 1; };
    unsigned slice = 0;
    for (unsigned shard = 0; shard < shards; ++shard) {
      const auto end =
          static_cast<unsigned>(std::lround(weight_up_to(shard + 1) * static_cast<double>(shards_.size())));
      KV_ASSERT(end > slice);
      while (slice < end) shards_[slice++] = static_cast<std::uint8_t>(shard);
    }
    KV_ASSERT(slice == shards_.size());
  }
  [[nodiscard]] unsigned operator()(std::uint64_t hash) const { return shards_[shard_slice_of(hash)]; }

 private:
  std::array<std::uint8_t, 1U << kShardBits> shards_;
};

}  // namespace kvstore::store
