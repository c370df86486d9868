// The background half of Keyspace: work that writes leave for the time after the unlock, and compaction when idle.
#include <array>

#include "store/keyspace.h"
#include "store/shard.h"
#include "store/table.h"

namespace kvstore::store {
namespace {

// How many chunks one visit gives back.
constexpr std::size_t kChunksGiven = 8;
// How much one maintain() does: slices a shard (about 20 microseconds under the lock at a time), and shards.
constexpr int kIdleSlices = 4;
constexpr unsigned kIdleShards = 4;

}  // namespace

// Gives some free blocks back to the pool; true when there are more.
bool Keyspace::give_chunks_of(Shard& shard) {
  std::array<char*, kChunksGiven> chunks;
  std::size_t count = 0;
  bool more = false;
  {
    const base::SpinLockGuard guard(shard.lock);
    for (int db = 0; db < kDatabases; ++db) {
      Table* const table = shard.table(db);
      if (table == nullptr) continue;
      while (count < chunks.size() && table->arena().has_chunk_to_give()) {
        chunks[count++] = table->arena().take_free_chunk();
      }
      more |= table->arena().has_chunk_to_give();
    }
    const std::uint32_t others = shard.chores.load(std::memory_order_relaxed) & Shard::kHolesToCompact;
    shard.chores.store(others | (more ? Shard::kChunksToGive : 0), std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < count; ++i) pool_.give(chunks[i]);
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
    pool_.prepare();
    more |= give_chunks_of(shard);
  }
  return more;
}

}  // namespace kvstore::store
