// Which bits of a key's hash decide what.
//
//   bits 63..52  shard      (through the 4096-entry ShardMap)
//   bits 51..28  directory  (the key's prefix: the top `depth` of these 24 bits choose the segment)
//   bits 27..14  unused
//   bits 13..8   home bucket in the segment
//   bits  7..0   tag
//
// The groups do not overlap, so that the keys of one shard, of one segment and of one bucket still spread evenly over
// what is decided next.
#pragma once

#include <cstdint>

namespace kvstore::store {

inline constexpr unsigned kShardBits = 12;
inline constexpr unsigned kPrefixBits = 24;
inline constexpr unsigned kBucketBits = 6;
inline constexpr unsigned kBucketsPerSegment = 1U << kBucketBits;

[[nodiscard]] inline unsigned shard_slice_of(std::uint64_t hash) {
  return static_cast<unsigned>(hash >> (64 - kShardBits));
}

[[nodiscard]] inline std::uint32_t prefix_of(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash >> 28) & ((1U << kPrefixBits) - 1);
}

[[nodiscard]] inline unsigned home_bucket_of(std::uint64_t hash) {
  return static_cast<unsigned>(hash >> 8) & (kBucketsPerSegment - 1);
}

// 1 to 255: 0 marks an empty slot.
[[nodiscard]] inline unsigned tag_of(std::uint64_t hash) {
  const unsigned low = static_cast<unsigned>(hash) & 0xff;
  return low + (low == 0 ? 1 : 0);
}

// The second bucket a key may be in. Its own inverse, and never the bucket it is given: the distance is 1 to 63.
[[nodiscard]] inline unsigned other_bucket(unsigned bucket, unsigned tag) { return bucket ^ (1 + (tag * 63 >> 8)); }

}  // namespace kvstore::store
