#include "store/arena.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace kvstore::store {

Arena::Arena(PagePool& pool) : pool_(pool) { holes_.fill(kNone); }

Arena::~Arena() {
  for (char* const memory : memory_) {
    if (memory != nullptr) pool_.give(memory);
  }
}

Arena::Item Arena::item_at(Handle handle) const {
  char* at = this->at(handle);
  const std::uint32_t word = load(at);
  if ((word & Record::kTypeMask) == 0) return {handle, std::size_t{word >> 8} * kGranuleBytes, true};
  return {handle, allocation_size(Record(at).shape().bytes()), false};
}

Arena::Handle Arena::allocate(std::size_t bytes) {
  KV_DCHECK(bytes == allocation_size(bytes));
  const unsigned size_class = size_class_of(bytes);
  Handle handle;
  if (holes_[size_class] != kNone) {
    handle = take_hole(size_class, bytes);
  } else if (open_end_ - open_next_ >= granules(bytes)) {
    handle = bump(bytes);
  } else {
    handle = allocate_slow(bytes);
  }
  live_bytes_ += bytes;
  blocks_[block_of(handle)].live += static_cast<std::uint32_t>(bytes);
  return handle;
}

void Arena::free(Handle handle, std::size_t bytes) {
  KV_DCHECK(blocks_[block_of(handle)].live >= bytes);
  live_bytes_ -= bytes;
  blocks_[block_of(handle)].live -= static_cast<std::uint32_t>(bytes);
  add_hole(handle, bytes);
}

// The open block has no room. A larger hole is cut before a new block is begun; its rest must be able to join a list.
Arena::Handle Arena::allocate_slow(std::size_t bytes) {
  const unsigned size_class = first_class_from(size_class_of(bytes + kAllocationMin) + 1);
  if (size_class < kSizeClasses) return take_hole(size_class, bytes);
  open_block();
  return bump(bytes);
}

// Takes the first hole of a class whose holes are at least `bytes` long and returns the rest of it to the lists.
Arena::Handle Arena::take_hole(unsigned size_class, std::size_t bytes) {
  const Handle handle = holes_[size_class];
  const char* at = this->at(handle);
  const std::size_t hole_bytes = std::size_t{load(at) >> 8} * kGranuleBytes;
  KV_DCHECK((load(at) & 0xff) == kInFreeList && hole_bytes >= bytes);
  const Handle next = load(at + 4);
  holes_[size_class] = next;
  if (next == kNone) classes_with_holes_[size_class / 64] &= ~(std::uint64_t{1} << (size_class % 64));
  if (hole_bytes > bytes) add_hole(handle + granules(bytes), hole_bytes - bytes);
  return handle;
}

void Arena::add_hole(Handle handle, std::size_t bytes) {
  char* at = this->at(handle);
  const std::uint32_t size_bits = granules(bytes) << 8;
  // Holes of 4 or 8 bytes have no room for links, and the victim's will be gone soon: only compaction gets them back.
  if (bytes < kAllocationMin || blocks_[block_of(handle)].state == BlockState::kVictim) {
    store(at, size_bits);
    return;
  }
  const unsigned size_class = size_class_of(bytes);
  const Handle next = holes_[size_class];
  store(at, size_bits | kInFreeList);
  store(at + 4, next);
  if (next != kNone) store(this->at(next) + 8, handle);
  holes_[size_class] = handle;
  classes_with_holes_[size_class / 64] |= std::uint64_t{1} << (size_class % 64);
}

void Arena::unlink_hole(Handle handle, std::size_t bytes) {
  char* at = this->at(handle);
  const unsigned size_class = size_class_of(bytes);
  const Handle next = load(at + 4);
  if (holes_[size_class] == handle) {
    holes_[size_class] = next;
    if (next == kNone) classes_with_holes_[size_class / 64] &= ~(std::uint64_t{1} << (size_class % 64));
  } else {
    const Handle previous = load(at + 8);
    store(this->at(previous) + 4, next);
    if (next != kNone) store(this->at(next) + 8, previous);
  }
  store(at, granules(bytes) << 8);
}

// The first class from `size_class` on that has holes; kSizeClasses when there is none.
unsigned Arena::first_class_from(unsigned size_class) const {
  if (size_class >= kSizeClasses) return kSizeClasses;
  unsigned word = size_class / 64;
  std::uint64_t bits = classes_with_holes_[word] & (~std::uint64_t{0} << (size_class % 64));
  while (bits == 0) {
    if (++word == classes_with_holes_.size()) return kSizeClasses;
    bits = classes_with_holes_[word];
  }
  return word * 64 + static_cast<unsigned>(std::countr_zero(bits));
}

// Its rest becomes a hole.
void Arena::close_open_block() {
  if (open_end_ == 0) return;
  blocks_[block_of(open_end_ - 1)].state = BlockState::kClosed;
  const std::size_t rest = std::size_t{open_end_ - open_next_} * kGranuleBytes;
  capacity_ += rest;
  if (rest > 0) add_hole(open_next_, rest);
  open_next_ = open_end_ = 0;
}

// Closes the open block and opens another: a free one, or one with memory from the pool.
void Arena::open_block() {
  close_open_block();
  if (free_blocks_.empty()) free_blocks_.push_back(add_block());
  const unsigned block = free_blocks_.back();
  free_blocks_.pop_back();
  blocks_[block].state = BlockState::kOpen;
  open_next_ = block_start(block);
  open_end_ = open_next_ + kBlockGranules;
}

unsigned Arena::add_block() {
  if (absent_blocks_.empty()) {
    KV_ASSERT(blocks_.size() + 1 < kBlocksMax);  // 16 GiB of small records in one shard: more shards are needed
    absent_blocks_.push_back(static_cast<unsigned>(blocks_.size()));
    blocks_.emplace_back();
    memory_.push_back(nullptr);
  }
  const unsigned block = absent_blocks_.back();
  absent_blocks_.pop_back();
  memory_[block] = pool_.take();
  return block;
}

// Looks at the next few blocks for the one with the fewest live bytes.
bool Arena::choose_victim() {
  const auto count = static_cast<unsigned>(blocks_.size());
  // A block this full is not worth moving.
  std::uint32_t best_live = kBlockBytes - kBlockBytes / 16;
  unsigned best = count;
  for (unsigned examined = 0; examined < kBlocksExamined && examined < count; ++examined) {
    victim_cursor_ = victim_cursor_ + 1 < count ? victim_cursor_ + 1 : 0;
    ++blocks_refused_;
    const Block& block = blocks_[victim_cursor_];
    if (block.state == BlockState::kClosed && block.live < best_live) {
      best = victim_cursor_;
      best_live = block.live;
    }
  }
  if (best == count) {
    if (blocks_refused_ < count) return false;
    // No block is worth it, so the holes are in the open one, or too evenly spread.
    blocks_refused_ = 0;
    const bool in_open_block = open_end_ != 0 && blocks_[block_of(open_end_ - 1)].live < best_live &&
                               std::size_t{open_end_ - open_next_} * kGranuleBytes < kBlockBytes / 2;
    if (in_open_block) {
      close_open_block();
    } else {
      futile_below_ = hole_bytes() + hole_bytes() / 8;
    }
    return false;
  }
  blocks_refused_ = 0;
  blocks_[best].state = BlockState::kVictim;
  victim_next_ = victim_unlink_ = block_start(best);
  victim_end_ = victim_next_ + kBlockGranules;
  victim_cost_ = 0;
  return true;
}

// Takes the victim's holes out of the free lists, a slice at a time; true when all are out.
bool Arena::unlink_victim_holes() {
  for (unsigned items = 0; victim_unlink_ < victim_end_; ++items) {
    if (items == kItemsPerSlice) return false;
    const Item item = item_at(victim_unlink_);
    if (item.hole && (load(at(item.handle)) & kInFreeList) != 0) unlink_hole(item.handle, item.bytes);
    victim_unlink_ += granules(item.bytes);
  }
  return true;
}

void Arena::finish_victim() {
  const unsigned block = block_of(victim_end_ - 1);
  KV_ASSERT(blocks_[block].live == 0);
  blocks_[block].state = BlockState::kFree;
  free_blocks_.push_back(block);
  capacity_ -= kBlockBytes;
  victim_next_ = kNone;
  // When the moved records took about as much as was won (large records that tile a block badly), moving more of them
  // would go on forever for nothing.
  const bool futile = victim_cost_ + kBlockBytes / 32 > kBlockBytes;
  futile_below_ = futile ? hole_bytes() + hole_bytes() / 8 : 0;
}

char* Arena::take_free_chunk() {
  KV_ASSERT(has_chunk_to_give());
  const unsigned block = free_blocks_.back();
  free_blocks_.pop_back();
  absent_blocks_.push_back(block);
  return std::exchange(memory_[block], nullptr);
}

}  // namespace kvstore::store
