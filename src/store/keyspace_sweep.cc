// The part of Keyspace that concerns many keys at once: counts, flush, swap, scan, random key, statistics.
#include <random>
#include <utility>
#include <vector>

#include "base/seeded_bug.h"
#include "store/keyspace.h"
#include "store/scan_cursor.h"
#include "store/shard.h"
#include "store/table.h"

namespace kvstore::store {
namespace {

// Buckets that a scan visits in one hold of a lock: some 150 keys.
constexpr unsigned kBucketsPerHold = 16;
// A scan call gives up after this many buckets for each key it was asked for, when most are empty.
constexpr std::size_t kBucketsPerKey = 10;
constexpr std::size_t kBucketsMin = 640;

// Random tries for a key before searching in order: enough for tables down to some percent full.
constexpr int kRandomTries = 256;
constexpr int kTriesPerHold = 32;

std::uint64_t random_bits() {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return generator();
}

}  // namespace

// All locks, in order. The analysis cannot follow a loop of locks.
void Keyspace::lock_all() KV_NO_THREAD_SAFETY_ANALYSIS {
  for (unsigned i = 0; i < shard_count_; ++i) shards_[i].lock.lock();
}

void Keyspace::unlock_all() KV_NO_THREAD_SAFETY_ANALYSIS {
  for (unsigned i = 0; i < shard_count_; ++i) shards_[i].lock.unlock();
}

void Keyspace::seal_all(WriteContext& context) {
  const Lsn lsn = context.seal();
  for (unsigned i = 0; i < shard_count_; ++i) {
    shards_[i].lock.assert_held();
    shards_[i].note(lsn);
  }
}

std::size_t Keyspace::size(int db) const {
  std::size_t keys = 0;
  for (unsigned i = 0; i < shard_count_; ++i) keys += shards_[i].count(db);
  return keys;
}

void Keyspace::flush(int db, WriteContext& context) {
  std::vector<std::shared_ptr<Table>> dropped;  // freed at the end, with no lock held
  dropped.reserve(shard_count_);
  lock_all();
  for (unsigned i = 0; i < shard_count_; ++i) {
    Shard& shard = shards_[i];
    shard.lock.assert_held();
    dropped.push_back(std::exchange(shard.tables[static_cast<std::size_t>(db)], nullptr));
    shard.add_to_count(db, std::size_t{0} - shard.count(db));
  }
  context.tell([db](MutationSink& sink) { sink.on_flush(db); });
  seal_all(context);
  unlock_all();
}

void Keyspace::flush_all(WriteContext& context) {
  std::vector<std::shared_ptr<Table>> dropped;
  dropped.reserve(std::size_t{shard_count_} * kDatabases);
  lock_all();
  for (unsigned i = 0; i < shard_count_; ++i) {
    Shard& shard = shards_[i];
    shard.lock.assert_held();
    for (int db = 0; db < kDatabases; ++db) {
      dropped.push_back(std::exchange(shard.tables[static_cast<std::size_t>(db)], nullptr));
      shard.add_to_count(db, std::size_t{0} - shard.count(db));
    }
  }
  if (!KV_SEEDED_BUG(flush_not_told)) context.tell([](MutationSink& sink) { sink.on_flush(-1); });
  seal_all(context);
  unlock_all();
}

void Keyspace::swap(int a, int b, WriteContext& context) {
  if (a == b) return;
  lock_all();
  for (unsigned i = 0; i < shard_count_; ++i) {
    Shard& shard = shards_[i];
    shard.lock.assert_held();
    std::swap(shard.tables[static_cast<std::size_t>(a)], shard.tables[static_cast<std::size_t>(b)]);
    const std::size_t difference = shard.count(b) - shard.count(a);
    shard.add_to_count(a, difference);
    shard.add_to_count(b, std::size_t{0} - difference);
  }
  context.tell([a, b](MutationSink& sink) { sink.on_swap(a, b); });
  seal_all(context);
  unlock_all();
}

std::uint64_t Keyspace::scan(int db, std::uint64_t cursor, std::size_t count, const Visitor& visit) const {
  std::optional<ScanCursor> start = ScanCursor::decode(cursor);
  if (!start) return 0;
  ScanCursor at = *start;
  std::size_t keys = 0;
  std::size_t buckets_left = std::max(kBucketsMin, count * kBucketsPerKey);
  while (at.shard < shard_count_) {
    Shard& shard = shards_[at.shard];
    const base::SpinLockGuard guard(shard.lock);
    const Table* table = shard.table(db);
    if (table == nullptr) {
      at.next_shard();
      continue;
    }
    const unsigned shard_index = at.shard;
    for (unsigned i = 0; i < kBucketsPerHold && at.shard == shard_index; ++i) {
      const unsigned depth = table->index().depth_at(at.prefix);
      if (at.bucket == 0) at.begin_region(depth);
      table->index().visit_bucket(at.prefix, at.bucket, [&](std::uint32_t handle) {
        const Record record = table->record(handle);
        visit(record.key(), record.value());
        ++keys;
      });
      at.advance(depth);
      if (keys >= count || --buckets_left == 0) return at.shard < shard_count_ ? at.encode() : 0;
    }
  }
  return 0;
}

// One key of a shard; every key of its segments has the same chance.
std::optional<std::string> Keyspace::random_key_in(Shard& shard, int db) const {
  for (int tries = 0; tries < kRandomTries;) {
    const base::SpinLockGuard guard(shard.lock);
    const Table* table = shard.table(db);
    if (table == nullptr) return std::nullopt;
    const std::size_t overflow = table->index().overflow_size();
    if (overflow > 0 && random_bits() % shard.count(db) < overflow) {
      return std::string(table->record(table->index().overflow_at(random_bits())).key());
    }
    for (const int end = tries + kTriesPerHold; tries < end; ++tries) {
      const std::uint32_t* handle = table->index().handle_at(random_bits());
      if (handle != nullptr) return std::string(table->record(*handle).key());
    }
  }
  return std::nullopt;
}

std::optional<std::string> Keyspace::random_key(int db) const {
  const std::size_t keys = size(db);
  if (keys == 0) return std::nullopt;
  // A shard, with a chance that goes by its number of keys.
  std::size_t position = random_bits() % keys;
  unsigned chosen = 0;
  while (chosen + 1 < shard_count_ && position >= shards_[chosen].count(db)) position -= shards_[chosen++].count(db);
  if (std::optional<std::string> key = random_key_in(shards_[chosen], db)) return key;

  // Nearly all slots are empty (or the keys just went away): take the next key from a random place on.
  std::optional<std::string> found;
  const Visitor take_first = [&found](std::string_view key, const ValueView&) {
    if (!found) found = key;
  };
  const ScanCursor middle{chosen, static_cast<std::uint32_t>(random_bits() >> (64 - kPrefixBits)), 0, 0};
  for (std::uint64_t start : {middle.encode(), std::uint64_t{0}}) {
    std::uint64_t cursor = start;
    do {
      cursor = scan(db, cursor, 1, take_first);
    } while (cursor != 0 && !found);
    if (found) break;
  }
  return found;
}

KeyspaceStats Keyspace::stats() const {
  KeyspaceStats stats;
  for (unsigned i = 0; i < shard_count_; ++i) {
    Shard& shard = shards_[i];
    const base::SpinLockGuard guard(shard.lock);
    for (int db = 0; db < kDatabases; ++db) {
      const Table* table = shard.table(db);
      if (table == nullptr) continue;
      stats.keys += shard.count(db);
      stats.index_bytes += table->index().bytes();
      stats.record_bytes += table->arena().live_bytes();
      stats.record_free_bytes += table->arena().hole_bytes();
      stats.large_value_bytes += table->large_bytes();
    }
  }
  return stats;
}

}  // namespace kvstore::store
