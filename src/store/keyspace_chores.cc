// The background half of Keyspace: work that writes leave for the time after the unlock, and compaction when idle.
#include <algorithm>
#include <array>
#include <utility>

#include "store/keyspace.h"
#include "store/shard.h"
#include "store/table.h"

namespace kvstore::store {
namespace {

// How many blocks (64 KiB each) one visit gives back.
constexpr std::size_t kBlocksReleased = 8;
// How much one maintain() does: slices a shard (about 20 microseconds under the lock at a time), and shards.
constexpr int kIdleSlices = 4;
constexpr unsigned kIdleShards = 4;

}  // namespace

void Keyspace::run_chores(Shard& shard) {
  refill_spares(shard);
  release_pages_of(shard);
}

void Keyspace::refill_spares(Shard& shard) {
  unsigned missing;
  {
    const base::SpinLockGuard guard(shard.lock);
    missing = shard.chunks.missing();
    shard.chores.store(shard.chores.load(std::memory_order_relaxed) & ~(Shard::kSparesMissing | Shard::kPagesToRelease),
                       std::memory_order_relaxed);
  }
  for (; missing > 0; --missing) {
    PageChunk chunk = PageChunk::map();
    const base::SpinLockGuard guard(shard.lock);
    chunk = shard.chunks.give(std::move(chunk));  // one too many is unmapped below, after the unlock
  }
}

// Gives back the pages of some free blocks; true when there are more. The blocks are out of use meanwhile, and the
// reference to the table keeps a flush from unmapping them.
bool Keyspace::release_pages_of(Shard& shard) {
  bool more = false;
  for (int db = 0; db < kDatabases; ++db) {
    std::shared_ptr<Table> table;
    std::array<Arena::Handle, kBlocksReleased> blocks;
    std::array<char*, kBlocksReleased> pages;
    std::size_t count = 0;
    {
      const base::SpinLockGuard guard(shard.lock);
      table = shard.tables[static_cast<std::size_t>(db)];
      if (table == nullptr) continue;
      while (count < blocks.size() && table->arena().has_pages_to_release()) {
        blocks[count] = table->arena().take_dirty_block();
        pages[count] = table->arena().at(blocks[count]);
        ++count;
      }
    }
    if (count == 0) continue;
    for (std::size_t i = 0; i < count; ++i) release_pages(pages[i], Arena::kBlockBytes);
    const base::SpinLockGuard guard(shard.lock);
    for (std::size_t i = 0; i < count; ++i) table->arena().put_clean_block(blocks[i]);
    if (table->arena().has_pages_to_release()) {
      shard.chores.store(shard.chores.load(std::memory_order_relaxed) | Shard::kPagesToRelease,
                         std::memory_order_relaxed);
      more = true;
    }
  }
  return more;
}

// Some slices of compaction for one shard; true when there is more to do.
bool Keyspace::compact_idle(Shard& shard) {
  bool more = false;
  for (int slice = 0; slice < kIdleSlices; ++slice) {
    const base::SpinLockGuard guard(shard.lock);
    more = false;
    for (int db = 0; db < kDatabases; ++db) {
      Table* table = shard.table(db);
      if (table == nullptr || !table->wants_compaction(Table::kHolesWhenIdle)) continue;
      table->compact();
      more |= table->wants_compaction(Table::kHolesWhenIdle);
    }
    if (!more) {
      shard.chores.store(shard.chores.load(std::memory_order_relaxed) & ~Shard::kHolesToCompact,
                         std::memory_order_relaxed);
      break;
    }
  }
  return more;
}

bool Keyspace::maintain() {
  bool more = false;
  unsigned worked = 0;
  for (unsigned i = 0; i < shard_count_; ++i) {
    const unsigned index = maintain_next_.fetch_add(1, std::memory_order_relaxed) % shard_count_;
    Shard& shard = shards_[index];
    if (shard.chores.load(std::memory_order_relaxed) == 0) continue;
    if (worked == kIdleShards) return true;
    ++worked;
    more |= compact_idle(shard);
    refill_spares(shard);
    more |= release_pages_of(shard);
  }
  return more;
}

}  // namespace kvstore::store
