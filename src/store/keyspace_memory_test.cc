// What keys cost in memory: bytes a key, and holes that stay few under churn. Counted in bytes, not measured in time.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>

#include "store/store_for_tests.h"
#include "store/table.h"

namespace kvstore::store {
namespace {

std::string sixteen_bytes(unsigned i) {
  std::string key(16, '0');
  std::snprintf(key.data(), key.size() + 1, "key:%012u", i);
  return key;
}

// Index and records of 16-byte keys with 32-byte values: 60.7 bytes are expected, whatever the number of keys.
TEST(Memory, ASmallKeyCostsAtMost64BytesAtAnyNumberOfKeys) {
  Store store(with_shards(16));
  const std::string value(32, 'v');
  unsigned keys = 0;
  // Half octaves: a table whose shards all doubled at once would swing between 58 and 62 bytes.
  for (const unsigned target : {100'000U, 141'000U, 200'000U, 283'000U, 400'000U}) {
    for (; keys < target; ++keys) store.set(0, sixteen_bytes(keys), value);
    const KeyspaceStats stats = store.keyspace.stats();
    EXPECT_EQ(stats.keys, target);
    EXPECT_EQ(stats.record_bytes, target * 52U);
    const double bytes = static_cast<double>(stats.index_bytes + stats.record_bytes + stats.record_free_bytes);
    EXPECT_LE(bytes / target, 62.0) << target << " keys";
  }
}

TEST(Memory, OverwritingWithTheSameSizeMakesNoHoles) {
  Store store(with_shards(4));
  for (unsigned i = 0; i < 20'000; ++i) store.set(0, sixteen_bytes(i), std::string(32, 'a'));
  const std::size_t holes = store.keyspace.stats().record_free_bytes;
  for (unsigned i = 0; i < 20'000; ++i) store.set(0, sixteen_bytes(i), std::string(33, 'b'));
  EXPECT_EQ(store.keyspace.stats().record_free_bytes, holes);
}

// Values of ever-changing sizes: compaction at the writes themselves keeps holes to an eighth and a little.
TEST(Memory, HolesStayFewUnderChurn) {
  Store store(with_shards(2));
  std::mt19937 random(1);
  std::size_t worst = 0;
  for (unsigned i = 0; i < 300'000; ++i) {
    // The sizes drift, so that holes of earlier sizes are never asked for again.
    const std::size_t size = 20 + i / 1'000 + random() % 100;
    store.set(0, sixteen_bytes(random() % 20'000), std::string(size, 'v'));
    if (i % 1'000 != 0) continue;
    const KeyspaceStats stats = store.keyspace.stats();
    const std::size_t allowed = stats.record_bytes / Table::kHolesAtWrite;
    worst = std::max(worst, stats.record_free_bytes - std::min(stats.record_free_bytes, allowed));
  }
  EXPECT_LE(worst, 2 * 128U * 1024);  // for each shard: what is ignored, and a block in work
  while (store.keyspace.maintain()) {
  }
  const KeyspaceStats stats = store.keyspace.stats();
  EXPECT_LE(stats.record_free_bytes, stats.record_bytes / Table::kHolesWhenIdle + 2 * 64U * 1024);
}

TEST(Memory, ErasingMostKeysGivesTheirRecordsBack) {
  Store store(with_shards(2));
  for (unsigned i = 0; i < 100'000; ++i) store.set(0, sixteen_bytes(i), std::string(100, 'v'));
  for (unsigned i = 0; i < 100'000; ++i) {
    if (i % 20 != 0) store.erase(0, sixteen_bytes(i));
  }
  while (store.keyspace.maintain()) {
  }
  const KeyspaceStats stats = store.keyspace.stats();
  EXPECT_EQ(stats.keys, 5'000U);
  EXPECT_EQ(stats.record_bytes, 5'000U * 120);
  EXPECT_LE(stats.record_free_bytes, 2 * 128U * 1024);
  for (unsigned i = 0; i < 100'000; i += 20) ASSERT_EQ(store.get(0, sixteen_bytes(i)), std::string(100, 'v'));
}

TEST(Memory, FlushGivesEverythingBack) {
  Store store(with_shards(2));
  for (unsigned i = 0; i < 10'000; ++i) store.set(i % 16 == 0 ? 5 : 0, sixteen_bytes(i), "value");
  store.flush_all();
  const KeyspaceStats stats = store.keyspace.stats();
  EXPECT_EQ(stats.keys + stats.index_bytes + stats.record_bytes + stats.record_free_bytes, 0U);
}

}  // namespace
}  // namespace kvstore::store
