// ScanCursor: where a scan goes on, packed into a number below 2^53 (so that JSON and JavaScript keep it exact).
//
//   bits 43..36 shard | bits 35..12 prefix | bits 11..7 region depth | bits 6..0 bucket
//
// A scan takes the regions of hash space in order; a region is what was one segment when the scan came to it. Within a
// region it goes bucket by bucket, and for each bucket through the segments that the region consists of by then: a key
// never changes its bucket number (index.h), so one that is in buckets not yet visited stays there, however often the
// region splits. The cursor says: in the region of `depth` around `prefix`, buckets before `bucket` are done, and
// `bucket` is done for the segments before `prefix`. With bucket 0 the region is yet to be looked up and depth is 0.
//
// The cursor shows only positions where segments begin, nothing else of any key's hash. It needs no memory in the
// server, and any number is harmless: at worst it visits keys again or misses some.
//
// Thread rule: a plain value.
#pragma once

#include <cstdint>
#include <optional>

#include "store/hash_bits.h"

namespace kvstore::store {

struct ScanCursor {
  unsigned shard = 0;
  std::uint32_t prefix = 0;
  unsigned depth = 0;
  unsigned bucket = 0;

  // Nothing when the number was never a cursor.
  [[nodiscard]] static std::optional<ScanCursor> decode(std::uint64_t number) {
    const ScanCursor cursor{static_cast<unsigned>(number >> 36), static_cast<std::uint32_t>(number >> 12 & 0xffffff),
                            static_cast<unsigned>(number >> 7 & 31), static_cast<unsigned>(number & 127)};
    if (number >> 44 != 0 || cursor.depth > kPrefixBits || cursor.bucket > kBucketsPerSegment) return std::nullopt;
    return cursor;
  }
  [[nodiscard]] std::uint64_t encode() const {
    return std::uint64_t{shard} << 36 | std::uint64_t{prefix} << 12 | std::uint64_t{depth} << 7 | bucket;
  }

  // At bucket 0: begins the region of the segment here, whose depth is given.
  void begin_region(unsigned segment_depth) {
    depth = segment_depth;
    prefix &= ~(size_of(depth) - 1);
  }
  // Goes on behind the bucket of the segment here, whose depth is given.
  void advance(unsigned segment_depth) {
    const std::uint32_t region = prefix & ~(size_of(depth) - 1);
    const std::uint32_t region_end = region + size_of(depth);
    const std::uint32_t segment_end = (prefix & ~(size_of(segment_depth) - 1)) + size_of(segment_depth);
    if (segment_end < region_end) {
      prefix = segment_end;
    } else if (bucket < kBucketsPerSegment) {  // the last one stands for the overflow keys
      prefix = region;
      ++bucket;
    } else if (region_end < size_of(0)) {
      *this = {shard, region_end, 0, 0};
    } else {
      next_shard();
    }
  }
  void next_shard() { *this = {shard + 1, 0, 0, 0}; }

 private:
  static std::uint32_t size_of(unsigned depth) { return 1U << (kPrefixBits - depth); }
};

}  // namespace kvstore::store
