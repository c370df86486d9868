#include "store/index.h"

#include <algorithm>
#include <array>
#include <new>

#include "base/assert.h"
#include "store/record.h"

namespace kvstore::store {

Index::Index(const Arena& arena, Rehash rehash, PagePool& pool)
    : directory_(std::make_unique<Entry[]>(1)), arena_(arena), rehash_(rehash), pool_(pool) {
  directory_[0] = Entry(new_segment(), 0, false);
}

Index::~Index() {
  for (char* const chunk : chunks_) pool_.give(chunk);
}

Segment* Index::new_segment() {
  if (segments_in_last_chunk_ == kSegmentsPerChunk) {
    chunks_.push_back(pool_.take());
    segments_in_last_chunk_ = 0;
  }
  ++segments_;
  void* page = chunks_.back() + sizeof(Segment) * segments_in_last_chunk_++;
  return new (page) Segment{};
}

void Index::insert(std::uint64_t hash, std::uint32_t handle) {
  const unsigned tag = tag_of(hash);
  const std::uint32_t prefix = prefix_of(hash);
  do {
    Segment& segment = *entry_of(prefix).segment();
    Bucket& home = segment.buckets[home_bucket_of(hash)];
    const unsigned home_used = home.used();
    if (home_used < kHomeFirst) return home.put(tag, handle);
    Bucket& other = segment.buckets[other_bucket(home_bucket_of(hash), tag)];
    const unsigned other_used = other.used();
    if (home_used <= other_used && home_used < Bucket::kSlots) return home.put(tag, handle);
    if (other_used < Bucket::kSlots) return other.put(tag, handle);
  } while (split(hash));

  const Entry entry = entry_of(prefix);
  if (overflow_ == nullptr) overflow_ = std::make_unique<Overflow>();
  overflow_->emplace(overflow_key(hash), OverflowEntry{handle, epoch_});
  set_entries(prefix, entry.segment(), entry.depth());
}

void Index::erase(std::uint64_t hash, Place place) {
  const Entry entry = entry_of(prefix_of(hash));
  if (place.in_overflow) {
    auto it = overflow_->equal_range(overflow_key(hash)).first;
    while (&it->second.handle != place.handle) ++it;
    overflow_->erase(it);
    set_entries(prefix_of(hash), entry.segment(), entry.depth());
    return;
  }
  Bucket* bucket = &entry.segment()->buckets[home_bucket_of(hash)];
  if (place.handle < bucket->handles.data() || place.handle >= bucket->handles.data() + Bucket::kSlots) {
    bucket = &entry.segment()->buckets[other_bucket(home_bucket_of(hash), tag_of(hash))];
  }
  bucket->tags[static_cast<std::size_t>(place.handle - bucket->handles.data())] = 0;
}

// Splits the segment of this hash in two; false when that would not help.
bool Index::split(std::uint64_t hash) {
  const std::uint32_t prefix = prefix_of(hash);
  const Entry entry = entry_of(prefix);
  Segment& low = *entry.segment();
  unsigned keys = 0;
  for (const Bucket& bucket : low.buckets) keys += bucket.used();
  if (keys < kSplitMin || entry.depth() == kPrefixBits) return false;
  if (entry.depth() == depth() && !grow_directory()) return false;

  const unsigned new_depth = entry.depth() + 1;
  const std::uint32_t prefix_bit = 1U << (kPrefixBits - new_depth);
  Segment* high = new_segment();
  distribute(low, *high, 64 - kShardBits - new_depth);
  set_entries(prefix & ~prefix_bit, &low, new_depth);
  set_entries(prefix | prefix_bit, high, new_depth);
  return true;
}

// Moves the keys with this hash bit set to the same bucket of `to`. Overflow keys stay where they are.
void Index::distribute(Segment& from, Segment& to, unsigned hash_bit) {
  const auto prefetch = [&](unsigned b) {
    if (b >= kBucketsPerSegment) return;
    const Bucket& bucket = from.buckets[b];
    for (unsigned slots = ~bucket.match(0) & Bucket::kAllSlots; slots != 0; slots &= slots - 1) {
      base::prefetch(arena_.at(bucket.handles[static_cast<unsigned>(std::countr_zero(slots))]));
    }
  };
  prefetch(0);
  prefetch(1);
  for (unsigned b = 0; b < kBucketsPerSegment; ++b) to.buckets[b].set_epoch(from.buckets[b].epoch());
  for (unsigned b = 0; b < kBucketsPerSegment; ++b) {
    prefetch(b + 2);
    Bucket& bucket = from.buckets[b];
    for (unsigned slots = ~bucket.match(0) & Bucket::kAllSlots; slots != 0; slots &= slots - 1) {
      const auto slot = static_cast<unsigned>(std::countr_zero(slots));
      const std::uint32_t handle = bucket.handles[slot];
      const std::uint64_t hash = rehash_(Record(arena_.at(handle)).key());
      if ((hash >> hash_bit & 1) == 0) continue;
      to.buckets[b].put(bucket.tags[slot], handle);
      bucket.tags[slot] = 0;
    }
  }
}

// Doubles the directory, unless it would be large for the segments there are: only hashes made to collide do that.
bool Index::grow_directory() {
  if (directory_size() * 2 > segments_ * 16 + 64) return false;
  auto larger = std::make_unique_for_overwrite<Entry[]>(directory_size() * 2);
  for (std::size_t i = 0; i < directory_size(); ++i) larger[2 * i] = larger[2 * i + 1] = directory_[i];
  directory_ = std::move(larger);
  --shift_;
  return true;
}

void Index::set_entries(std::uint32_t prefix, Segment* segment, unsigned segment_depth) {
  bool has_overflow = false;
  if (overflow_ != nullptr) {
    const auto [begin, end] = overflow_range(prefix, segment_depth);
    has_overflow = begin != end;
  }
  const std::size_t count = directory_size() >> segment_depth;
  const std::size_t first = (prefix >> shift_) & ~(count - 1);
  std::fill_n(directory_.get() + first, count, Entry(segment, segment_depth, has_overflow));
}

std::pair<Index::Overflow::iterator, Index::Overflow::iterator> Index::overflow_range(std::uint32_t prefix,
                                                                                      unsigned segment_depth) const {
  if (overflow_ == nullptr) return {};
  const std::uint32_t size = 1U << (kPrefixBits - segment_depth);
  const std::uint32_t first = prefix & ~(size - 1);
  const auto begin = overflow_->lower_bound(overflow_key(first));
  return {begin,
          first + size == 1U << kPrefixBits ? overflow_->end() : overflow_->lower_bound(overflow_key(first + size))};
}

const std::uint32_t* Index::handle_at(std::uint64_t random) const {
  const std::size_t position = static_cast<std::size_t>(random >> 40) >> shift_;
  const Entry& entry = directory_[position];
  // A segment with many entries must not be chosen more often than one with a single entry: only its first counts.
  if ((position & ((directory_size() >> entry.depth()) - 1)) != 0) return nullptr;
  const Bucket& bucket = entry.segment()->buckets[random & (kBucketsPerSegment - 1)];
  const auto slot = static_cast<unsigned>((random >> 8 & 0xffff) * Bucket::kSlots >> 16);
  return bucket.tags[slot] != 0 ? &bucket.handles[slot] : nullptr;
}

std::uint32_t Index::overflow_at(std::uint64_t random) const {
  const auto it = overflow_->lower_bound(random);
  return (it != overflow_->end() ? it : overflow_->begin())->second.handle;
}

void Index::prefetch_unread(const Bucket& bucket) const {
  if (bucket.epoch() == epoch_) return;
  for (unsigned slots = ~bucket.match(0) & Bucket::kAllSlots; slots != 0; slots &= slots - 1) {
    const char* record = arena_.at(bucket.handles[static_cast<unsigned>(std::countr_zero(slots))]);
    base::prefetch(record);
    base::prefetch(record + 64);  // most small records end on the next line
  }
}

std::size_t Index::bytes() const {
  constexpr std::size_t kOverflowNode = 56;  // three links, colour, key, handle, allocator's rounding
  return segments_ * sizeof(Segment) + directory_size() * sizeof(Entry) + overflow_size() * kOverflowNode;
}

}  // namespace kvstore::store
