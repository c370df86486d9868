// Shard: the lock of one slice of hash space, and the tables under it.
//
// Thread rule: everything but the atomics is guarded by `lock`. The atomics are written under it, and read without.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/assert.h"
#include "base/spin_lock.h"
#include "base/thread_annotations.h"
#include "store/table.h"

namespace kvstore::store {

// Logical databases, as SELECT numbers them.
inline constexpr int kDatabases = 16;

// 128 bytes: neighbouring cache lines are fetched in pairs.
struct alignas(128) Shard {
  // Work left for after the unlock (bits of `chores`).
  static constexpr std::uint32_t kChunksToGive = 1;
  static constexpr std::uint32_t kHolesToCompact = 2;

  base::SpinLock lock;
  // relaxed everywhere: a hint; whoever acts on it takes the lock and looks again.
  std::atomic<std::uint32_t> chores{0};
  // shared: a snapshot keeps a table that is dropped under way.
  std::array<std::shared_ptr<Table>, kDatabases> tables KV_GUARDED_BY(lock);
  // Behind the last sealed change in this shard.
  Lsn last_lsn KV_GUARDED_BY(lock) = 0;
  // relaxed everywhere: each is a plain count, read as it is at some moment.
  std::array<std::atomic<std::size_t>, kDatabases> counts{};

  [[nodiscard]] Table* table(int db) const KV_REQUIRES(lock) {
    KV_DCHECK(db >= 0 && db < kDatabases);
    return tables[static_cast<std::size_t>(db)].get();
  }
  // A plain add: the lock keeps other writers away.
  void add_to_count(int db, std::size_t change) KV_REQUIRES(lock) {
    std::atomic<std::size_t>& count = counts[static_cast<std::size_t>(db)];
    count.store(count.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
  }
  // LSNs are given out under the lock, so they ascend; 0, nothing was told, changes nothing.
  void note(Lsn lsn) KV_REQUIRES(lock) {
    KV_DCHECK(lsn == 0 || lsn > last_lsn);
    if (lsn != 0) last_lsn = lsn;
  }
  [[nodiscard]] std::size_t count(int db) const {
    return counts[static_cast<std::size_t>(db)].load(std::memory_order_relaxed);
  }
};

}  // namespace kvstore::store
