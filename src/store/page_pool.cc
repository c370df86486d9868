#include "store/page_pool.h"

#include <sys/mman.h>

#include <bit>
#include <utility>

#include "base/assert.h"

namespace kvstore::store {
namespace {

std::size_t offset_in_region(const char* memory) {
  return reinterpret_cast<std::uintptr_t>(memory) % PagePool::kRegionBytes;
}

char* map(std::size_t bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  KV_ASSERT(memory != MAP_FAILED);
  return static_cast<char*>(memory);
}

void unmap(char* memory, std::size_t bytes) {
  if (bytes > 0) KV_ASSERT(munmap(memory, bytes) == 0);
}

// Maps a region aligned to its size. Ordinary pages are filled in by the system as they are touched, a huge page here;
// if the system has none to give, the region is made of ordinary pages after all.
char* map_region(bool huge) {
  char* region = map(PagePool::kRegionBytes);  // often aligned, next to the last one
  if (offset_in_region(region) != 0) {
    unmap(region, PagePool::kRegionBytes);
    region = map(2 * PagePool::kRegionBytes);
    const std::size_t before = (PagePool::kRegionBytes - offset_in_region(region)) % PagePool::kRegionBytes;
    unmap(region, before);
    region += before;
    unmap(region + PagePool::kRegionBytes, PagePool::kRegionBytes - before);
  }
  // Fails only on kernels without huge pages, which do neither.
  static_cast<void>(madvise(region, PagePool::kRegionBytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
  if (huge) *static_cast<volatile char*>(region) = 0;
  return region;
}

char* region_of(char* chunk) { return chunk - offset_in_region(chunk); }

}  // namespace

PagePool::~PagePool() {
  for (char* const chunk : warm_) mark_ready(chunk);
  for (const auto& [memory, region] : regions_) {
    KV_ASSERT(region.ready == kAllReady);
    unmap(memory, kRegionBytes);
  }
}

void PagePool::add_region(char* memory, bool huge) {
  regions_.emplace(memory, Region{huge});
  regions_with_ready_.insert(memory);
  chunks_ready_.store(chunks_ready_.load(std::memory_order_relaxed) + kChunksPerRegion, std::memory_order_relaxed);
}

char* PagePool::take() {
  const base::SpinLockGuard guard(lock_);
  if (!warm_.empty()) {
    char* const chunk = warm_.back();
    warm_.pop_back();
    return chunk;
  }
  if (regions_with_ready_.empty()) add_region(map_region(false), false);
  const auto region = regions_with_ready_.begin();
  ReadyChunks& ready = regions_.at(*region).ready;
  char* const chunk = *region + kChunkBytes * static_cast<unsigned>(std::countr_zero(ready));
  ready &= ready - 1;
  if (ready == 0) regions_with_ready_.erase(region);
  chunks_ready_.store(chunks_ready_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  return chunk;
}

void PagePool::give(char* chunk) {
  char* const memory = region_of(chunk);
  bool was_huge;
  {
    const base::SpinLockGuard guard(lock_);
    if (warm_.size() < kWarmMax) return warm_.push_back(chunk);
    was_huge = std::exchange(regions_.at(memory).huge, false);
  }
  // Refusals cost memory, not correctness: nobody relies on zeros. Without the first the system would make the region
  // huge again some seconds later, and fill what was given back.
  if (was_huge) static_cast<void>(madvise(memory, kRegionBytes, MADV_NOHUGEPAGE));
  static_cast<void>(madvise(chunk, kChunkBytes, MADV_DONTNEED));
  {
    const base::SpinLockGuard guard(lock_);
    const std::size_t chunks_ready = chunks_ready_.load(std::memory_order_relaxed) + 1;
    if (mark_ready(chunk) != kAllReady || chunks_ready < kChunksReady + kChunksPerRegion) {
      chunks_ready_.store(chunks_ready, std::memory_order_relaxed);
      return;
    }
    regions_.erase(memory);
    regions_with_ready_.erase(memory);
    chunks_ready_.store(chunks_ready - kChunksPerRegion, std::memory_order_relaxed);
  }
  unmap(memory, kRegionBytes);
}

PagePool::ReadyChunks PagePool::mark_ready(char* chunk) {
  char* const memory = region_of(chunk);
  regions_with_ready_.insert(memory);
  return regions_.at(memory).ready |= ReadyChunks{1} << static_cast<unsigned>((chunk - memory) / kChunkBytes);
}

void PagePool::prepare() {
  if (!wants_chunks()) return;
  const bool first = !preparing_.exchange(true, std::memory_order_relaxed);
  if (!first && chunks_ready_.load(std::memory_order_relaxed) >= kChunksLow) return;
  bool wanted;
  bool huge;
  {
    const base::SpinLockGuard guard(lock_);
    wanted = wants_chunks();
    huge = first && wants_huge_pages();
  }
  if (wanted) {
    char* const memory = map_region(huge);
    const base::SpinLockGuard guard(lock_);
    add_region(memory, huge);
  }
  if (first) preparing_.store(false, std::memory_order_relaxed);
}

}  // namespace kvstore::store
