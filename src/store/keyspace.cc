#include "store/keyspace.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/seeded_bug.h"
#include "store/shard.h"
#include "store/table.h"

namespace kvstore::store {

Keyspace::Keyspace(const Options& options)
    : hasher_(options.hash_secret),
      rehash_for_test_(options.rehash_for_test),
      shard_count_(options.shards),
      map_(options.shards),
      shards_(std::make_unique<Shard[]>(options.shards)) {
  KV_ASSERT(options.shards >= 1 && options.shards <= ShardSet::kShardsMax);
}

Keyspace::~Keyspace() = default;

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

void Keyspace::set(int db, const Key& key, ValueType type, NewValue&& value, WriteContext& context) {
  Shard& shard = shards_[shard_of(key.hash)];
  shard.lock.assert_held();
  if (shard.table(db) == nullptr) {
    shard.tables[static_cast<std::size_t>(db)] = std::make_shared<Table>(Rehash{&hasher_, rehash_for_test_}, pool_);
  }
  const Table& table = *shard.table(db);
  const Table::Written written = shard.table(db)->set(key, type, std::move(value), context);
  if (written.is_new) shard.add_to_count(db, 1);
  context.tell([&](MutationSink& sink) { sink.on_set(db, key.bytes, table.record(written.handle).value()); });
  // What is overwritten in place leaves nothing to do: no holes, no pages.
  if (!written.in_place) after_write(shard, db);
}

void Keyspace::splice(int db, const Key& key, std::size_t offset, std::size_t size, std::string_view bytes,
                      WriteContext& context) {
  Shard& shard = shards_[shard_of(key.hash)];
  shard.lock.assert_held();
  KV_ASSERT(shard.table(db) != nullptr);
  const ValueView value = shard.table(db)->splice(key, offset, size, bytes, context);
  context.tell([&](MutationSink& sink) {
    if (value.block != nullptr) {
      sink.on_splice(db, key.bytes, offset, size, bytes);
    } else {
      sink.on_set(db, key.bytes, value);
    }
  });
  after_write(shard, db);
}

bool Keyspace::erase(int db, const Key& key, WriteContext& context) {
  Shard& shard = shards_[shard_of(key.hash)];
  shard.lock.assert_held();
  Table* table = shard.table(db);
  if (table == nullptr || !table->erase(key, context)) return false;
  shard.add_to_count(db, static_cast<std::size_t>(-1));
  context.tell([&](MutationSink& sink) { sink.on_erase(db, key.bytes); });
  after_write(shard, db);
  return true;
}

void Keyspace::copy(int from_db, const Key& from, int to_db, const Key& to, WriteContext& context) {
  const ValueView value = find(from_db, from);
  KV_ASSERT(value);
  if (from_db == to_db && from.bytes == to.bytes) return;
  // A large block is shared, and copied only when one of the two is written (Table::splice). The bytes of a small one
  // stay where they are while the other record is written: compaction comes last.
  NewValue copied = value.block != nullptr ? NewValue(base::SharedBytesRef::share(value.block)) : NewValue(value.bytes);
  set(to_db, to, value.type, std::move(copied), context);
}

Lsn Keyspace::seal(unsigned shard, WriteContext& context) {
  Shard& sealed = shards_[shard];
  sealed.lock.assert_held();
  sealed.note(context.seal());
  return sealed.last_lsn;
}

Lsn Keyspace::seal(const ShardSet& shards, WriteContext& context) {
  const Lsn lsn = context.seal();
  Lsn last = 0;
  shards.for_each([&](unsigned shard) {
    Shard& sealed = shards_[shard];
    sealed.lock.assert_held();
    sealed.note(lsn);
    last = KV_SEEDED_BUG(reads_do_not_wait) ? lsn : std::max(last, sealed.last_lsn);
  });
  return last;
}

void Keyspace::after_write(Shard& shard, int db) {
  shard.lock.assert_held();
  Table& table = *shard.table(db);
  if (table.wants_compaction(Table::kHolesAtWrite)) table.compact();
  const std::uint32_t chores = (table.arena().has_chunk_to_give() ? Shard::kChunksToGive : 0) |
                               (table.wants_compaction(Table::kHolesWhenIdle) ? Shard::kHolesToCompact : 0);
  if (chores != 0) {
    shard.chores.store(shard.chores.load(std::memory_order_relaxed) | chores, std::memory_order_relaxed);
  }
}

}  // namespace kvstore::store
