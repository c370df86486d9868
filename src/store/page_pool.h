// PagePool: the memory of all tables of a keyspace, in chunks of 64 KiB cut from regions of 2 MiB.
//
// Arenas and indexes take a chunk when they need one and give it back when they are done with it; whose it was before
// does not matter. All shards cut from the same regions, so that a region can be one huge page, which the processor
// finds with fewer page walks, and is yet hardly ever half used: what a shard wastes is the rest of its last chunks.
// While the pool is small that rest counts for more than the walks, and regions are made of ordinary pages, which cost
// memory only once they are touched (docs/decisions/huge-pages.md).
//
// Regions are mapped ahead of need, and huge pages filled in, by prepare(), outside all locks. Only when all chunks
// that were ready are used up between two calls does take() map a region, under its caller's locks.
//
// Thread rule: any thread. The lock is a leaf under the shards' locks, held for a lookup among the regions (and, see
// above, rarely to map one).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "base/spin_lock.h"
#include "base/thread_annotations.h"

namespace kvstore::store {

class PagePool {
 public:
  static constexpr std::size_t kChunkBytes = std::size_t{64} << 10;
  static constexpr std::size_t kRegionBytes = std::size_t{2} << 20;  // a huge page of x86-64 and most of ARM64
  static constexpr unsigned kChunksPerRegion = kRegionBytes / kChunkBytes;
  // Regions are made of ordinary pages up to here: the last chunks of 64 shards waste 4 MiB, 4 % of it.
  static constexpr std::size_t kSmallPagesBytes = std::size_t{96} << 20;
  // Chunks given back that keep their pages: values that change their sizes free blocks and take others all the time.
  static constexpr unsigned kWarmMax = 32;
  // prepare() is wanted when fewer chunks than this are ready.
  static constexpr unsigned kChunksReady = kChunksPerRegion / 2;

  PagePool() { warm_.reserve(kWarmMax); }
  // Precondition: all chunks are back.
  ~PagePool();
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  // A chunk, aligned to its size; what it holds is unspecified. Ends the process when the system has no memory left:
  // nothing could be stored any more.
  [[nodiscard]] char* take();
  // Gives a chunk back, and its pages to the system, but for a few that the next take() gets. Call it with no lock
  // held.
  void give(char* chunk);

  [[nodiscard]] bool wants_chunks() const { return chunks_ready_.load(std::memory_order_relaxed) < kChunksReady; }
  // Maps a region when wants_chunks(). Call it with no lock held.
  void prepare();

 private:
  // Which chunks of a region are ready to be taken, a bit each.
  using ReadyChunks = std::uint32_t;
  static constexpr ReadyChunks kAllReady = ~ReadyChunks{0};
  static_assert(kChunksPerRegion == 32);
  struct Region {
    bool huge;  // still asks for a huge page
    ReadyChunks ready = kAllReady;
  };
  // With fewer chunks than this a second thread maps a region while the first still waits for a huge page.
  static constexpr unsigned kChunksLow = kChunksReady / 4;
  // The system maps from high addresses to low ones. The oldest first, so that the newest come to be all ready.
  using OldestFirst = std::greater<>;

  [[nodiscard]] bool wants_huge_pages() const KV_REQUIRES(lock_) {
    return regions_.size() * kRegionBytes >= kSmallPagesBytes;
  }
  void add_region(char* memory, bool huge) KV_REQUIRES(lock_);
  // Returns which chunks of its region are ready now.
  ReadyChunks mark_ready(char* chunk) KV_REQUIRES(lock_);

  base::SpinLock lock_;
  std::map<char*, Region, OldestFirst> regions_ KV_GUARDED_BY(lock_);
  std::set<char*, OldestFirst> regions_with_ready_ KV_GUARDED_BY(lock_);
  std::vector<char*> warm_ KV_GUARDED_BY(lock_);  // not among the ready ones; taken first
  std::atomic<std::size_t> chunks_ready_{0};      // relaxed everywhere: written under lock_, read as a hint
  std::atomic<bool> preparing_{false};  // relaxed everywhere: a thread is at it; keeps others from the same work
};

}  // namespace kvstore::store
