// Bucket and Segment: where the index keeps its handles.
//
// A bucket is one 64-byte cache line:
//   byte  0..3   meta, from bit 0: 4 bits spare | 12 bits reserved: slot has a time to live |
//                8 bits snapshot epoch | 8 bits spare. Spare and reserved bits are 0.
//   byte  4..15  12 tags; 0 = the slot is empty
//   byte 16..63  12 record handles of 32 bits
// One 16-byte compare finds the slots whose tag matches; a record is read only for those.
//
// Snapshot epoch: when it is not the index's, a snapshot has yet to read the bucket as it is (index.h).
//
// A segment is 64 buckets in one 4 KiB page.
//
// Thread rule: guarded by the shard's lock.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/assert.h"
#include "store/hash_bits.h"

namespace kvstore::store {

struct alignas(64) Bucket {
  static constexpr unsigned kSlots = 12;
  static constexpr unsigned kAllSlots = (1U << kSlots) - 1;
  static constexpr unsigned kEpochShift = 16;
  static constexpr std::uint32_t kEpochMask = 0xff << kEpochShift;

  std::uint32_t meta;
  std::array<std::uint8_t, kSlots> tags;
  std::array<std::uint32_t, kSlots> handles;

  // The slots with this tag, as bits 4 to 15 (what bits 0 to 3 say means nothing): bit b stands for the tag in byte b.
  [[nodiscard]] unsigned match_bytes(unsigned tag) const {
#if defined(__SSE2__)
    const __m128i line = _mm_load_si128(reinterpret_cast<const __m128i*>(this));
    const __m128i equal = _mm_cmpeq_epi8(line, _mm_set1_epi8(static_cast<char>(tag)));
    return static_cast<unsigned>(_mm_movemask_epi8(equal));
#else
    unsigned slots = 0;
    for (unsigned slot = 0; slot < kSlots; ++slot) slots |= static_cast<unsigned>(tags[slot] == tag) << slot;
    return slots << 4;
#endif
  }
  // The same as bits 0 to 11. Tag 0 finds the empty ones.
  [[nodiscard]] unsigned match(unsigned tag) const { return match_bytes(tag) >> 4; }
  [[nodiscard]] unsigned used() const { return kSlots - static_cast<unsigned>(std::popcount(match(0))); }

  // Precondition: used() < kSlots.
  void put(unsigned tag, std::uint32_t handle) {
    const unsigned empty = match(0);
    KV_DCHECK(empty != 0);
    const auto slot = static_cast<unsigned>(std::countr_zero(empty));
    tags[slot] = static_cast<std::uint8_t>(tag);
    handles[slot] = handle;
  }

  [[nodiscard]] std::uint8_t epoch() const { return static_cast<std::uint8_t>(meta >> kEpochShift); }
  void set_epoch(std::uint8_t epoch) { meta = (meta & ~kEpochMask) | std::uint32_t{epoch} << kEpochShift; }
};

struct alignas(4096) Segment {
  std::array<Bucket, kBucketsPerSegment> buckets;
};

static_assert(sizeof(Bucket) == 64 && offsetof(Bucket, tags) == 4 && offsetof(Bucket, handles) == 16);
static_assert(sizeof(Segment) == 4096);

}  // namespace kvstore::store
