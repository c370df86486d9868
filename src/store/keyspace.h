// Keyspace: all keys of all 16 logical databases, split over shards that each have one short lock.
//
// Words: a *shard* owns a slice of hash space in every database; a *table* is one database's part of a shard.
//
// Thread rule: the functions under "one key" require that the caller holds the lock of the key's shard; the functions
// under "whole keyspace" take the locks they need themselves, one shard at a time unless they say otherwise, and must
// be called with none held.
//
// Invariants:
//   1. A key lives in the shard its hash names; locks of several shards are taken in ascending order.
//   2. No lock is held for a time that grows with a table or over a system call (but see PagePool::take()).
//   3. Memory that a write frees or replaces and that is large goes to the WriteContext and is freed after the unlock.
//   4. Every change is told to the context's sink under the locks under which it was made, and sealed before they are
//   given up: the order of LSNs is the order of effects, for each key.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "store/key.h"
#include "store/mutation_sink.h"
#include "store/page_pool.h"
#include "store/shard.h"
#include "store/shard_map.h"
#include "store/shard_set.h"
#include "store/value.h"
#include "store/write_context.h"

namespace kvstore::store {

struct KeyspaceStats {
  std::size_t keys = 0;
  std::size_t index_bytes = 0;        // buckets and directories
  std::size_t record_bytes = 0;       // arena bytes in use by records
  std::size_t record_free_bytes = 0;  // arena bytes in holes
  std::size_t large_value_bytes = 0;  // values outside the arenas
};

class Keyspace {
 public:
  static constexpr int kDatabases = store::kDatabases;
  static constexpr std::size_t kKeyBytesMax = std::size_t{512} << 20;
  static constexpr std::size_t kValueBytesMax = std::size_t{512} << 20;

  struct Options {
    unsigned shards = 64;  // 1 to ShardSet::kShardsMax
    base::KeyHasher::Secret hash_secret = base::KeyHasher::random_secret();
    // For tests of colliding keys: what the store hashes with when it hashes a key again. Keys are then built by hand.
    std::uint64_t (*rehash_for_test)(std::string_view) = nullptr;
  };

  explicit Keyspace(const Options& options);
  ~Keyspace();
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;

  [[nodiscard]] Key key(std::string_view bytes) const { return {bytes, hasher_(bytes)}; }
  [[nodiscard]] unsigned shards() const { return shard_count_; }
  [[nodiscard]] unsigned shard_of(std::uint64_t hash) const { return map_(hash); }

  // --- locks -----------------------------------------------------------------------------------------------------
  // The analysis cannot follow a lock across these functions; those that need it assert that it is held.
  void lock(unsigned shard) KV_NO_THREAD_SAFETY_ANALYSIS { shards_[shard].lock.lock(); }
  void unlock(unsigned shard) KV_NO_THREAD_SAFETY_ANALYSIS { shards_[shard].lock.unlock(); }
  void lock(const ShardSet& shards);  // ascending
  void unlock(const ShardSet& shards);
  // Does what writes to this shard left for the time after the unlock: maps what the next inserts will need, and gives
  // back what compaction freed. Call it with no lock held; cheap when nothing is needed.
  void do_chores(unsigned shard) {
    if (pool_.wants_chunks()) pool_.prepare();
    // relaxed: see Shard::chores.
    if ((shards_[shard].chores.load(std::memory_order_relaxed) & Shard::kChunksToGive) != 0) {
      give_chunks_of(shards_[shard]);
    }
  }

  // --- prefetch: hints, no lock needed, never wrong --------------------------------------------------------------
  void prefetch_bucket(int db, std::uint64_t hash);
  void prefetch_record(int db, std::uint64_t hash);

  // --- one key: its shard is locked ------------------------------------------------------------------------------
  // The value, or an empty ValueView. Valid until the shard is unlocked or written.
  [[nodiscard]] ValueView find(int db, const Key& key) const {
    const Shard& shard = shards_[shard_of(key.hash)];
    shard.lock.assert_held();
    const Table* table = shard.table(db);
    return table == nullptr ? ValueView{} : table->find(key);
  }
  // Creates or replaces the key. This and the other writes tell the context's sink their effect.
  void set(int db, const Key& key, ValueType type, NewValue&& value, WriteContext& context);
  // The string at the key gets `size` bytes: those it had, cut or filled with zeros, with `bytes` at `offset`.
  // Precondition: the key is there and holds a string; `bytes` fit, and are not the store's own.
  void splice(int db, const Key& key, std::size_t offset, std::size_t size, std::string_view bytes,
              WriteContext& context);
  // True when the key was there.
  bool erase(int db, const Key& key, WriteContext& context);
  // Copies value and type of `from` (must be there) over `to`. Shards of both are locked. Any type.
  void copy(int from_db, const Key& from, int to_db, const Key& to, WriteContext& context);

  // --- end of a command: its shards are still locked -------------------------------------------------------------
  // Seals what was told to the context's sink, if anything, and returns the LSN a reply must wait for: the one behind
  // every change ever made in these shards, so that a reader of somebody else's write waits for it too.
  [[nodiscard]] Lsn seal(unsigned shard, WriteContext& context);
  [[nodiscard]] Lsn seal(const ShardSet& shards, WriteContext& context);

  // --- whole keyspace: no lock held ------------------------------------------------------------------------------
  [[nodiscard]] std::size_t size(int db) const;
  // Empties one database, or all; atomic (all shards locked for a pointer swap each), memory is freed afterwards.
  // These three are told and sealed as a group of their own: WriteContext::sealed_lsn().
  void flush(int db, WriteContext& context);
  void flush_all(WriteContext& context);
  // Exchanges two databases; atomic.
  void swap(int a, int b, WriteContext& context);
  // Calls `visit` for about `count` keys (at least one bucket, at most `count` + a bucket's worth) starting at
  // `cursor`, under a shard's lock: it must be short and must not touch the keyspace. Returns the next cursor; 0 at the
  // end. A key that is there from the first call to the last is visited at least once, whatever grows meanwhile.
  using Visitor = std::function<void(std::string_view key, const ValueView& value)>;
  std::uint64_t scan(int db, std::uint64_t cursor, std::size_t count, const Visitor& visit) const;
  [[nodiscard]] std::optional<std::string> random_key(int db) const;
  [[nodiscard]] KeyspaceStats stats() const;
  // Does a bounded slice of background work (compaction) on a few shards; true when more is waiting.
  bool maintain();

 private:
  friend class Snapshot;

  void after_write(Shard& shard, int db);
  bool give_chunks_of(Shard& shard);
  bool compact_idle(Shard& shard);
  void seal_all(WriteContext& context);
  void lock_all();
  void unlock_all();
  [[nodiscard]] std::optional<std::string> random_key_in(Shard& shard, int db) const;

  base::KeyHasher hasher_;
  std::uint64_t (*rehash_for_test_)(std::string_view);
  unsigned shard_count_;
  ShardMap map_;
  PagePool pool_;  // before the shards, whose tables give their chunks back to it
  std::unique_ptr<Shard[]> shards_;
  std::atomic<unsigned> maintain_next_{0};  // relaxed: only spreads the work
  std::atomic<bool> snapshot_running_{false};
};

}  // namespace kvstore::store
