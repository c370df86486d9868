// Index: finds the record handle of a key in one table. Extendible hashing: a directory of segments, each of which
// splits alone when it is full, so growth never rehashes the table.
//
//   directory entry, 8 bytes   bits 63..12 segment address (4 KiB aligned) | bit 5 the segment has keys in overflow |
//                              bits 4..0 the segment's depth: how many prefix bits all its keys share
// The directory has 2^depth entries, indexed by the top bits of the key's prefix; a segment of depth d has
// 2^(depth - d) of them.
//
// A key lives in its home bucket or in the other one (hash_bits.h), and never changes bucket number: a split sends the
// keys of bucket i to bucket i of one of the two halves. SCAN relies on that.
//
// Overflow: when both buckets are full and splitting would not help (the segment is nearly empty otherwise, or the
// directory would grow out of proportion: keys with equal or hostile hashes), the key goes to an ordered map, where it
// stays. Such keys are slow, but cost no more memory than they are worth.
//
// Epochs: what a snapshot has read. begin_epoch() makes every bucket and every overflow key unread at once, by counting
// the index's epoch up; reading stamps them with it. The halves of a split inherit the stamp of each bucket, so a walk
// over the buckets meets each key that was there at begin_epoch() in exactly one unread bucket, however the index
// grows. When no snapshot is going on, nothing is unread: a walk always ends, if only to stamp (Snapshot).
//
// Thread rule: guarded by the shard's lock.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/prefetch.h"
#include "store/arena.h"
#include "store/bucket.h"
#include "store/hash_bits.h"
#include "store/page_pool.h"

namespace kvstore::store {

// Hashes the keys of records again when they are moved. The replacement is for tests that need keys to collide.
struct Rehash {
  using Replacement = std::uint64_t (*)(std::string_view);

  const base::KeyHasher* hasher;
  Replacement replacement = nullptr;

  [[nodiscard]] std::uint64_t operator()(std::string_view key) const {
    return replacement == nullptr ? (*hasher)(key) : replacement(key);
  }
};

class Index {
 public:
  // The overflow keys of a segment are visited as one bucket more.
  static constexpr unsigned kOverflowBucket = kBucketsPerSegment;

  // Where a handle is kept; may be assigned to. Valid until the next insert or erase.
  struct Place {
    std::uint32_t* handle = nullptr;
    bool in_overflow = false;
  };

  Index(const Arena& arena, Rehash rehash, PagePool& pool);
  ~Index();  // with no lock held
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  // The first place of this hash for whose handle `matches` returns true.
  template <typename Matches>
  [[nodiscard]] Place find(std::uint64_t hash, Matches matches) const;
  // Precondition: the handle is not there yet; its record is written.
  void insert(std::uint64_t hash, std::uint32_t handle);
  void erase(std::uint64_t hash, Place place);

  // --- walking ---------------------------------------------------------------------------------------------------
  // The depth of the segment that holds this prefix.
  [[nodiscard]] unsigned depth_at(std::uint32_t prefix) const { return entry_of(prefix).depth(); }
  // Calls visit(handle) for the keys of one bucket (up to and including kOverflowBucket) of that segment.
  template <typename Visit>
  void visit_bucket(std::uint32_t prefix, unsigned bucket, Visit visit) const;
  template <typename Visit>
  void visit_all(Visit visit) const;
  // The handle at a random place given by 64 random bits, or nullptr when there is none. Every key in a segment has the
  // same chance; keys in overflow are found through overflow_at().
  [[nodiscard]] const std::uint32_t* handle_at(std::uint64_t random) const;
  [[nodiscard]] std::size_t overflow_size() const { return overflow_ == nullptr ? 0 : overflow_->size(); }
  // Precondition: overflow_size() > 0.
  [[nodiscard]] std::uint32_t overflow_at(std::uint64_t random) const;

  // --- epochs ----------------------------------------------------------------------------------------------------
  // How far a walk over all that is unread has come: behind the last bucket come the overflow keys.
  struct EpochWalk {
    std::uint32_t prefix = 0;  // of the segment; 2^kPrefixBits: all buckets are done
    unsigned bucket = 0;
    std::uint64_t overflow_key = 0;  // those before are done
    bool done = false;
  };
  void begin_epoch() { ++epoch_; }
  // Calls visit(handle) for the unread keys of the next bucket, or of the next overflow keys with equal hashes.
  template <typename Visit>
  void read_next(EpochWalk& walk, Visit visit);
  // Calls visit(handle) for the unread keys of every bucket that a key with this hash can be in, and of the overflow
  // keys with this hash. To be called before any of them changes.
  template <typename Visit>
  void read_places_of(std::uint64_t hash, Visit visit);
  // Asks for the records that the next read_next() will visit.
  void prefetch_next(const EpochWalk& walk) const {
    if (walk.prefix < 1U << kPrefixBits) prefetch_unread(entry_of(walk.prefix).segment()->buckets[walk.bucket]);
  }

  // Asks for the lines a lookup of this hash will read.
  void prefetch_bucket(std::uint64_t hash) const {
    const Bucket* buckets = entry_of(prefix_of(hash)).segment()->buckets.data();
    const unsigned home = home_bucket_of(hash);
    base::prefetch(&buckets[home]);
    base::prefetch(&buckets[other_bucket(home, tag_of(hash))]);
  }
  // Asks for the records that it will compare.
  void prefetch_records(std::uint64_t hash) const {
    static_cast<void>(find_in_segment(*entry_of(prefix_of(hash)).segment(), hash, [this](std::uint32_t handle) {
      const char* const record = arena_.at(handle);
      base::prefetch(record);
      base::prefetch(record + 64);  // most small records end on the next line
      return false;
    }));
  }

  [[nodiscard]] std::size_t bytes() const;

 private:
  static constexpr unsigned kHomeFirst = 8;  // a bucket with fewer keys takes every key it is home to
  static constexpr unsigned kSplitMin = kBucketsPerSegment * Bucket::kSlots / 4;
  static constexpr unsigned kSlotsOfBoth = 0xfff0'fff0;
  static constexpr unsigned kSegmentsPerChunk = PagePool::kChunkBytes / sizeof(Segment);

  class Entry {
   public:
    Entry() = default;
    Entry(Segment* segment, unsigned depth, bool overflow)
        : bits_(reinterpret_cast<std::uintptr_t>(segment) | (overflow ? kOverflow : 0) | depth) {}
    [[nodiscard]] Segment* segment() const { return reinterpret_cast<Segment*>(bits_ & ~std::uintptr_t{4095}); }
    [[nodiscard]] unsigned depth() const { return static_cast<unsigned>(bits_ & 31); }
    [[nodiscard]] bool overflow() const { return (bits_ & kOverflow) != 0; }

   private:
    static constexpr std::uintptr_t kOverflow = 32;
    std::uintptr_t bits_ = 0;
  };
  static_assert(sizeof(Entry) == 8 && kPrefixBits < 32);

  struct OverflowEntry {
    std::uint32_t handle;
    std::uint8_t epoch;
  };
  // Keyed by the hash turned so that the prefix comes first: the keys of a segment are neighbours.
  using Overflow = std::multimap<std::uint64_t, OverflowEntry>;
  static std::uint64_t overflow_key(std::uint64_t hash) { return std::rotl(hash, kShardBits); }
  static std::uint64_t overflow_key(std::uint32_t prefix) { return std::uint64_t{prefix} << (64 - kPrefixBits); }

  [[nodiscard]] const Entry& entry_of(std::uint32_t prefix) const { return directory_[prefix >> shift_]; }
  [[nodiscard]] unsigned depth() const { return kPrefixBits - shift_; }
  [[nodiscard]] std::size_t directory_size() const { return std::size_t{1} << depth(); }

  // Null: not there.
  template <typename Matches>
  [[nodiscard]] static std::uint32_t* find_in_segment(Segment& segment, std::uint64_t hash, Matches matches);
  template <typename Matches>
  [[nodiscard]] Place find_in_overflow(std::uint64_t hash, Matches matches) const;
  Segment* new_segment();
  bool split(std::uint64_t hash);
  void distribute(Segment& from, Segment& to, unsigned hash_bit);
  [[nodiscard]] bool grow_directory();
  // Sets all entries of the segment of depth `depth` that holds this prefix.
  void set_entries(std::uint32_t prefix, Segment* segment, unsigned depth);
  // The overflow keys of that segment.
  [[nodiscard]] std::pair<Overflow::iterator, Overflow::iterator> overflow_range(std::uint32_t prefix,
                                                                                 unsigned depth) const;
  template <typename Visit>
  void read(Bucket& bucket, Visit visit);
  template <typename Visit>
  void read(OverflowEntry& entry, Visit visit);
  void prefetch_unread(const Bucket& bucket) const;

  std::unique_ptr<Entry[]> directory_;
  unsigned shift_ = kPrefixBits;
  unsigned segments_in_last_chunk_ = kSegmentsPerChunk;
  std::uint8_t epoch_ = 0;
  std::size_t segments_ = 0;
  std::vector<char*> chunks_;
  std::unique_ptr<Overflow> overflow_;
  const Arena& arena_;
  Rehash rehash_;
  PagePool& pool_;
};

// Both buckets are always looked at, and which of them holds the key decides no branch: a third of the keys are in
// their other bucket, and a branch mispredicted so often stops the processor until the bucket has come from memory,
// where it would otherwise be at work on the next lookup.
template <typename Matches>
[[gnu::always_inline]] inline std::uint32_t* Index::find_in_segment(Segment& segment, std::uint64_t hash,
                                                                    Matches matches) {
  const unsigned tag = tag_of(hash);
  const unsigned home = home_bucket_of(hash);
  const unsigned other = other_bucket(home, tag);
  Bucket* const buckets = segment.buckets.data();
  // Bits 4 to 15: slots of the home bucket; 20 to 31: of the other one.
  unsigned slots = (buckets[home].match_bytes(tag) | buckets[other].match_bytes(tag) << 16) & kSlotsOfBoth;
  for (; slots != 0; slots &= slots - 1) {
    const auto bit = static_cast<unsigned>(std::countr_zero(slots));
    const unsigned in_other = 0 - (bit >> 4);  // all bits or none
    Bucket& bucket = buckets[home ^ ((home ^ other) & in_other)];
    std::uint32_t* handle = &bucket.handles[(bit & 15) - 4];
    if (matches(*handle)) return handle;
  }
  return nullptr;
}

template <typename Matches>
Index::Place Index::find(std::uint64_t hash, Matches matches) const {
  const Entry entry = entry_of(prefix_of(hash));
  if (std::uint32_t* const handle = find_in_segment(*entry.segment(), hash, matches)) return {handle, false};
  if (!entry.overflow()) [[likely]]
    return {};
  return find_in_overflow(hash, matches);
}

template <typename Matches>
Index::Place Index::find_in_overflow(std::uint64_t hash, Matches matches) const {
  const auto [begin, end] = overflow_->equal_range(overflow_key(hash));
  for (auto it = begin; it != end; ++it) {
    if (matches(it->second.handle)) return {&it->second.handle, true};
  }
  return {};
}

template <typename Visit>
void Index::visit_bucket(std::uint32_t prefix, unsigned bucket, Visit visit) const {
  const Entry& entry = entry_of(prefix);
  if (bucket == kOverflowBucket) {
    if (!entry.overflow()) return;
    const auto [begin, end] = overflow_range(prefix, entry.depth());
    for (auto it = begin; it != end; ++it) visit(it->second.handle);
    return;
  }
  const Bucket& line = entry.segment()->buckets[bucket];
  for (unsigned slots = ~line.match(0) & Bucket::kAllSlots; slots != 0; slots &= slots - 1) {
    visit(line.handles[static_cast<unsigned>(std::countr_zero(slots))]);
  }
}

template <typename Visit>
void Index::read(Bucket& bucket, Visit visit) {
  if (bucket.epoch() == epoch_) return;
  bucket.set_epoch(epoch_);
  for (unsigned slots = ~bucket.match(0) & Bucket::kAllSlots; slots != 0; slots &= slots - 1) {
    visit(bucket.handles[static_cast<unsigned>(std::countr_zero(slots))]);
  }
}

template <typename Visit>
void Index::read(OverflowEntry& entry, Visit visit) {
  if (entry.epoch == epoch_) return;
  entry.epoch = epoch_;
  visit(entry.handle);
}

template <typename Visit>
void Index::read_next(EpochWalk& walk, Visit visit) {
  if (walk.prefix < 1U << kPrefixBits) {
    const Entry entry = entry_of(walk.prefix);
    Segment& segment = *entry.segment();
    const unsigned bucket = walk.bucket++;
    if (walk.bucket < kBucketsPerSegment) {
      prefetch_unread(segment.buckets[walk.bucket]);
    } else {
      // A segment that split under way has left its first half here; the other half comes next.
      walk.bucket = 0;
      walk.prefix += 1U << (kPrefixBits - entry.depth());
    }
    read(segment.buckets[bucket], visit);
    return;
  }
  if (overflow_ == nullptr) {
    walk.done = true;
    return;
  }
  // All keys of one hash at a time: no more than a lookup of one of them walks over.
  auto it = overflow_->lower_bound(walk.overflow_key);
  if (it != overflow_->end()) {
    const std::uint64_t key = it->first;
    for (; it != overflow_->end() && it->first == key; ++it) read(it->second, visit);
    walk.overflow_key = key + 1;
  }
  walk.done = it == overflow_->end();
}

template <typename Visit>
void Index::read_places_of(std::uint64_t hash, Visit visit) {
  const Entry& entry = entry_of(prefix_of(hash));
  const unsigned home = home_bucket_of(hash);
  read(entry.segment()->buckets[home], visit);
  read(entry.segment()->buckets[other_bucket(home, tag_of(hash))], visit);
  if (!entry.overflow()) return;
  const auto [begin, end] = overflow_->equal_range(overflow_key(hash));
  for (auto it = begin; it != end; ++it) read(it->second, visit);
}

template <typename Visit>
void Index::visit_all(Visit visit) const {
  for (std::uint32_t prefix = 0; prefix < 1U << kPrefixBits;) {
    for (unsigned bucket = 0; bucket <= kOverflowBucket; ++bucket) visit_bucket(prefix, bucket, visit);
    prefix += 1U << (kPrefixBits - depth_at(prefix));
  }
}

}  // namespace kvstore::store
