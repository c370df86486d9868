// Arena: the records of one table, addressed by 32-bit handles (offset / 4, so up to 16 GiB).
//
// Memory comes in blocks, a chunk of the pool each. New records go to the open block one after the other. A freed
// record becomes a hole, kept in a free list of its size class; a hole is reused for a record of its size, or cut when
// the open block is full. What reuse does not catch, compaction does: it empties one block at a time (the victim) by
// moving its records elsewhere, a few at each write, so that no write pays for much.
//
// A block is tiled by records and holes, so it can be walked from its start:
//   hole, byte 0      0, or 8 when it is in a free list (a record's type bits are never 0)
//         byte 1..3   size in granules of 4 bytes
//         byte 4..7   next hole of the class       } only in a free list; the first hole's `previous` is not kept
//         byte 8..11  previous hole of the class   }
// The open block is tiled up to where it is filled.
//
// Thread rule: guarded by the shard's lock. Giving free blocks back to the pool is left to the caller, outside it.
// Invariants:
//   1. live bytes of a block = sum of its records' allocation sizes; live_bytes_ = sum over the blocks.
//   2. The victim has no hole in a free list that was walked over, and nothing is allocated in it once all were.
//   3. capacity_ - live_bytes_ = bytes in holes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/assert.h"
#include "store/page_pool.h"
#include "store/record.h"
#include "store/size_class.h"

namespace kvstore::store {

class Arena {
 public:
  using Handle = std::uint32_t;
  static constexpr Handle kNone = ~Handle{0};
  static constexpr std::size_t kBlockBytes = PagePool::kChunkBytes;

  // How much one compaction slice may do: records, and bytes (the last record may exceed them).
  static constexpr unsigned kSliceRecords = 16;
  static constexpr std::size_t kSliceBytes = 8 * 1024;

  struct Item {
    Handle handle;
    std::size_t bytes;
    bool hole;
  };

  explicit Arena(PagePool& pool);
  ~Arena();  // with no lock held
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  [[nodiscard]] char* at(Handle handle) const {
    return memory_[handle >> kBlockShift] + std::size_t{handle & kBlockMask} * kGranuleBytes;
  }

  // `bytes` is an allocation_size(). The memory is uninitialised: write a record there at once.
  [[nodiscard]] Handle allocate(std::size_t bytes);
  void free(Handle handle, std::size_t bytes);

  [[nodiscard]] std::size_t live_bytes() const { return live_bytes_; }
  [[nodiscard]] std::size_t hole_bytes() const { return capacity_ - live_bytes_; }

  // Holes worth compacting: more than one `fraction`-th of the live bytes and more than a block's worth or so.
  [[nodiscard]] bool wants_compaction(unsigned fraction) const {
    return hole_bytes() > live_bytes_ / fraction + kHolesIgnored && hole_bytes() > futile_below_;
  }
  // Moves a few records out of the victim. Calls announce(i, from) for each, so that what relocating needs can be
  // fetched, then relocate(i, from, to) for each, when its bytes are in both places. i counts from 0.
  template <typename Announce, typename Relocate>
  void compact(Announce announce, Relocate relocate);

  // Free blocks should go back to the pool.
  [[nodiscard]] bool has_chunk_to_give() const { return !free_blocks_.empty(); }
  // The memory of such a block, for PagePool::give(). Precondition: has_chunk_to_give().
  [[nodiscard]] char* take_free_chunk();

  // Calls visit(Item) for everything in every block, and checks the invariants. For tests.
  template <typename Visit>
  void check(Visit visit) const;

 private:
  static constexpr unsigned kBlockShift = 14;
  static constexpr unsigned kBlockGranules = 1U << kBlockShift;
  static constexpr unsigned kBlockMask = kBlockGranules - 1;
  static constexpr std::size_t kBlocksMax = std::size_t{1} << (32 - kBlockShift);
  static constexpr std::size_t kHolesIgnored = 32 * 1024;
  static constexpr std::uint32_t kInFreeList = 8;
  static constexpr unsigned kItemsPerSlice = 64;
  static constexpr unsigned kBlocksExamined = 64;
  static_assert(kBlockBytes == kBlockGranules * kGranuleBytes);

  enum class BlockState : std::uint8_t { kFree, kOpen, kClosed, kVictim };  // free: with memory or without
  struct Block {
    std::uint32_t live = 0;
    BlockState state = BlockState::kFree;
  };

  static std::uint32_t load(const char* at) {
    std::uint32_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
  }
  static void store(char* at, std::uint32_t word) { std::memcpy(at, &word, sizeof word); }
  static unsigned block_of(Handle handle) { return handle / kBlockGranules; }
  static Handle block_start(unsigned block) { return block * kBlockGranules; }
  static std::uint32_t granules(std::size_t bytes) { return static_cast<std::uint32_t>(bytes / kGranuleBytes); }

  [[nodiscard]] Item item_at(Handle handle) const;

  Handle bump(std::size_t bytes) {
    const Handle handle = open_next_;
    open_next_ += granules(bytes);
    capacity_ += bytes;
    return handle;
  }
  Handle allocate_slow(std::size_t bytes);
  Handle take_hole(unsigned size_class, std::size_t bytes);
  void add_hole(Handle handle, std::size_t bytes);
  void unlink_hole(Handle handle, std::size_t bytes);
  [[nodiscard]] unsigned first_class_from(unsigned size_class) const;
  void open_block();
  [[nodiscard]] unsigned add_block();

  void close_open_block();
  bool choose_victim();
  bool unlink_victim_holes();
  void finish_victim();

  std::vector<char*> memory_;  // of each block; null: it was given back
  Handle open_next_ = 0;       // the open block's free part; equal when there is none
  Handle open_end_ = 0;
  std::size_t capacity_ = 0;
  std::size_t live_bytes_ = 0;
  std::vector<Block> blocks_;
  Handle victim_next_ = kNone;  // how far the records were moved out
  Handle victim_unlink_ = 0;    // how far the holes were taken out of the free lists
  Handle victim_end_ = 0;
  unsigned victim_cursor_ = 0;
  unsigned blocks_refused_ = 0;   // looked at in a row without finding a victim
  std::size_t victim_cost_ = 0;   // capacity that moving the victim's records took
  std::size_t futile_below_ = 0;  // compaction gained nothing with this many bytes in holes: wait for more
  std::array<std::uint64_t, (kSizeClasses + 63) / 64> classes_with_holes_{};
  std::array<Handle, kSizeClasses> holes_;
  std::vector<unsigned> free_blocks_;    // with memory
  std::vector<unsigned> absent_blocks_;  // without
  PagePool& pool_;
};

template <typename Announce, typename Relocate>
void Arena::compact(Announce announce, Relocate relocate) {
  if (victim_next_ == kNone && !choose_victim()) return;
  if (!unlink_victim_holes()) return;
  std::array<Item, kSliceRecords> slice;
  unsigned count = 0;
  std::size_t bytes = 0;
  for (unsigned items = 0; victim_next_ < victim_end_ && items < kItemsPerSlice; ++items) {
    const Item item = item_at(victim_next_);
    if (!item.hole) {
      if (count == kSliceRecords || bytes >= kSliceBytes) break;
      announce(count, item.handle);
      slice[count++] = item;
      bytes += item.bytes;
    }
    victim_next_ += granules(item.bytes);
  }
  for (unsigned i = 0; i < count; ++i) {
    const Item& item = slice[i];
    const std::size_t capacity_before = capacity_;
    const Handle to = allocate(item.bytes);
    victim_cost_ += capacity_ - capacity_before;
    std::memcpy(at(to), at(item.handle), item.bytes);
    relocate(i, item.handle, to);
    free(item.handle, item.bytes);
  }
  if (victim_next_ == victim_end_) finish_victim();
}

template <typename Visit>
void Arena::check(Visit visit) const {
  std::size_t live_total = 0;
  std::size_t hole_total = 0;
  for (unsigned block = 0; block < blocks_.size(); ++block) {
    if (blocks_[block].state == BlockState::kFree) continue;
    const Handle end = blocks_[block].state == BlockState::kOpen ? open_next_ : block_start(block) + kBlockGranules;
    std::size_t live = 0;
    for (Handle handle = block_start(block); handle < end;) {
      const Item item = item_at(handle);
      (item.hole ? hole_total : live) += item.bytes;
      visit(item);
      handle += granules(item.bytes);
      KV_ASSERT(handle <= end);
    }
    KV_ASSERT(live == blocks_[block].live);
    live_total += live;
  }
  KV_ASSERT(live_total == live_bytes_);
  KV_ASSERT(hole_total == hole_bytes());
}

}  // namespace kvstore::store
