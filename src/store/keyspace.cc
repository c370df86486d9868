#include "store/keyspace.h"

#include <utility>

#include "base/assert.h"
#include "store/shard.h"
#include "store/table.h"

namespace kvstore::store {

Keyspace::Keyspace(const Options& options)
    : hasher_(options.hash_secret),
      rehash_for_test_(options.rehash_for_test),
      shard_count_(options.shards),
      map_(std::make_unique<ShardMap>(options.shards)),
      shards_(std::make_unique<Shard[]>(options.shards)) {
  KV_ASSERT(options.shards >= 1 && options.shards <= ShardSet::kShardsMax);
}

Keyspace::~Keyspace() = default;

unsigned Keyspace::shards() const { return shard_count_; }

unsigned Keyspace::shard_of(std::uint64_t hash) const { return (*map_)(hash); }

// The analysis cannot follow a lock across these functions; those that need it assert that it is held.
void Keyspace::lock(unsigned shard) KV_NO_THREAD_SAFETY_ANALYSIS { shards_[shard].lock.lock(); }

void Keyspace::unlock(unsigned shard) KV_NO_THREAD_SAFETY_ANALYSIS { shards_[shard].lock.unlock(); }

void Keyspace::lock(const ShardSet& shards) {
  shards.for_each([this](unsigned shard) { lock(shard); });
}

void Keyspace::unlock(const ShardSet& shards) {
  shards.for_each([this](unsigned shard) { unlock(shard); });
}

// Both take the lock for a moment: without it a table might be freed, or its directory replaced, under the reader. The
// lock's line has to come to this core for the command itself anyway.
void Keyspace::prefetch_bucket(int db, std::uint64_t hash) {
  Shard& shard = shards_[shard_of(hash)];
  const base::SpinLockGuard guard(shard.lock);
  if (const Table* table = shard.table(db)) table->index().prefetch_bucket(hash);
}

void Keyspace::prefetch_record(int db, std::uint64_t hash) {
  Shard& shard = shards_[shard_of(hash)];
  const base::SpinLockGuard guard(shard.lock);
  if (const Table* table = shard.table(db)) table->index().prefetch_records(hash);
}

ValueView Keyspace::find(int db, const Key& key) const {
  const Shard& shard = shards_[shard_of(key.hash)];
  shard.lock.assert_held();
  const Table* table = shard.table(db);
  return table == nullptr ? ValueView{} : table->find(key);
}

void Keyspace::set(int db, const Key& key, ValueType type, NewValue value, WriteContext& context) {
  Shard& shard = shards_[shard_of(key.hash)];
  shard.lock.assert_held();
  if (shard.table(db) == nullptr) {
    shard.tables[static_cast<std::size_t>(db)] =
        std::make_shared<Table>(Rehash{&hasher_, rehash_for_test_}, shard.chunks);
  }
  if (shard.table(db)->set(key, type, std::move(value), context)) shard.add_to_count(db, 1);
  after_write(shard, db);
}

char* Keyspace::resize(int db, const Key& key, std::size_t size, WriteContext& context) {
  Shard& shard = shards_[shard_of(key.hash)];
  shard.lock.assert_held();
  KV_ASSERT(shard.table(db) != nullptr);
  // Compaction first: the bytes returned must stay where they are.
  after_write(shard, db);
  return shard.table(db)->resize(key, size, context);
}

bool Keyspace::erase(int db, const Key& key, WriteContext& context) {
  Shard& shard = shards_[shard_of(key.hash)];
  shard.lock.assert_held();
  Table* table = shard.table(db);
  if (table == nullptr || !table->erase(key, context)) return false;
  shard.add_to_count(db, static_cast<std::size_t>(-1));
  after_write(shard, db);
  return true;
}

void Keyspace::copy(int from_db, const Key& from, int to_db, const Key& to, WriteContext& context) {
  const ValueView value = find(from_db, from);
  KV_ASSERT(value);
  if (from_db == to_db && from.bytes == to.bytes) return;
  // A large block is shared, and copied only when one of the two is written (Table::resize). The bytes of a small one
  // stay where they are while the other record is written: compaction comes last.
  NewValue copied = value.block != nullptr ? NewValue(base::SharedBytesRef::share(value.block)) : NewValue(value.bytes);
  set(to_db, to, value.type, std::move(copied), context);
}

void Keyspace::after_write(Shard& shard, int db) {
  shard.lock.assert_held();
  Table& table = *shard.table(db);
  if (table.wants_compaction(Table::kHolesAtWrite)) table.compact();
  const std::uint32_t chores = (shard.chunks.missing() > 0 ? Shard::kSparesMissing : 0) |
                               (table.arena().has_pages_to_release() ? Shard::kPagesToRelease : 0) |
                               (table.wants_compaction(Table::kHolesWhenIdle) ? Shard::kHolesToCompact : 0);
  if (chores != 0) {
    shard.chores.store(shard.chores.load(std::memory_order_relaxed) | chores, std::memory_order_relaxed);
  }
}

}  // namespace kvstore::store
