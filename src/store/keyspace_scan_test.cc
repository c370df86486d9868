// The promise of scan(): a key that is there from the first call to the last is visited, whatever happens meanwhile.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/scan_cursor.h"
#include "store/store_for_tests.h"
#include "store/table.h"

namespace kvstore::store {
namespace {

std::string stays(int i) { return "stays:" + std::to_string(i); }

TEST(Scan, VisitsEachKeyOfAQuietTableExactlyOnce) {
  for (const std::size_t count : {1U, 10U, 1'000'000U}) {
    Store store(with_shards(3));
    for (int i = 0; i < 20'000; ++i) store.set(0, stays(i), "value");
    std::map<std::string, int, std::less<>> visits;
    std::uint64_t cursor = 0;
    do {
      std::size_t visited = 0;
      cursor = store.keyspace.scan(0, cursor, count, [&](std::string_view key, const ValueView& value) {
        ++visits[std::string(key)];
        ++visited;
        EXPECT_EQ(value.bytes, "value");
      });
      EXPECT_LT(visited, count + Bucket::kSlots);
      EXPECT_LT(cursor, std::uint64_t{1} << 53);
    } while (cursor != 0);
    EXPECT_EQ(visits.size(), 20'000U);
    for (const auto& [key, times] : visits) ASSERT_EQ(times, 1) << key;
  }
}

TEST(Scan, MissesNothingWhileTheTableGrows) {
  EXPECT_TRUE(rc::check([] {
    Store store(with_shards(*rc::gen::element(1U, 4U)));
    const int kept = *rc::gen::inRange(1, 1'000);
    for (int i = 0; i < kept; ++i) store.set(0, stays(i), "value");
    std::set<std::string, std::less<>> visited;
    std::uint64_t cursor = 0;
    int added = 0;
    do {
      cursor = store.keyspace.scan(0, cursor, *rc::gen::inRange<std::size_t>(1, 60),
                                   [&](std::string_view key, const ValueView&) { visited.emplace(key); });
      const int burst = added < 12'000 ? *rc::gen::inRange(0, 1'000) : 0;
      for (int i = 0; i < burst; ++i) store.set(0, "new:" + std::to_string(added++), "value");
      if (burst % 3 == 0) store.keyspace.maintain();
      for (int i = added - burst; i < added; i += 2) store.erase(0, "new:" + std::to_string(i));
    } while (cursor != 0);
    for (int i = 0; i < kept; ++i) RC_ASSERT(visited.contains(stays(i)));
  }));
}

// Four different hashes only: most keys are in overflow.
std::uint64_t colliding(std::string_view key) {
  return (key.back() & 3ULL) * 0x4000'0000'0000'0101 + 0x0123'4567'89ab'cdef;
}

TEST(Scan, VisitsOverflowKeysAndFindsThem) {
  Keyspace::Options options = with_shards(2);
  options.rehash_for_test = colliding;
  Keyspace keyspace(options);
  WriteContext context;
  std::set<std::string, std::less<>> keys;
  for (int i = 0; i < 500; ++i) keys.insert(stays(i));
  for (const std::string& key : keys) {
    const Key k{key, colliding(key)};
    keyspace.lock(keyspace.shard_of(k.hash));
    keyspace.set(0, k, ValueType::kString, std::string_view(key), context);
    keyspace.unlock(keyspace.shard_of(k.hash));
  }
  std::set<std::string, std::less<>> visited;
  std::uint64_t cursor = 0;
  do {
    cursor = keyspace.scan(0, cursor, 10, [&](std::string_view key, const ValueView& value) {
      EXPECT_TRUE(visited.emplace(key).second);
      EXPECT_EQ(value.bytes, key);
    });
  } while (cursor != 0);
  EXPECT_EQ(visited, keys);

  for (const std::string& key : keys) {
    const Key k{key, colliding(key)};
    keyspace.lock(keyspace.shard_of(k.hash));
    EXPECT_EQ(keyspace.find(0, k).bytes, key);
    EXPECT_TRUE(keyspace.erase(0, k, context));
    EXPECT_FALSE(keyspace.find(0, k));
    keyspace.unlock(keyspace.shard_of(k.hash));
  }
  EXPECT_EQ(keyspace.size(0), 0U);
}

// Any number a client sends: no crash, and the scan still ends.
TEST(Scan, EndsFromAnyCursor) {
  Store store(with_shards(2));
  for (int i = 0; i < 3'000; ++i) store.set(0, stays(i), "value");
  EXPECT_TRUE(rc::check([&store] {
    auto cursor = *rc::gen::arbitrary<std::uint64_t>();
    if (*rc::gen::arbitrary<bool>()) cursor &= (std::uint64_t{1} << 38) - 1;
    int calls = 0;
    do {
      cursor = store.keyspace.scan(0, cursor, 100, [](std::string_view, const ValueView&) {});
      RC_ASSERT(++calls < 1'000);
    } while (cursor != 0);
  }));
}

// A call must not walk a huge empty table to its end for one key.
TEST(Scan, GivesUpForNowInAnEmptyTable) {
  Store store(with_shards(1));
  for (int i = 0; i < 30'000; ++i) store.set(0, stays(i), "value");
  for (int i = 0; i < 30'000; ++i) store.erase(0, stays(i));
  std::uint64_t cursor = 0;
  int calls = 0;
  do {
    cursor = store.keyspace.scan(0, cursor, 10, [](std::string_view, const ValueView&) { FAIL(); });
    ++calls;
  } while (cursor != 0);
  EXPECT_GT(calls, 3);
}

TEST(RandomKey, FindsTheOnlyKeyLeftInALargeTable) {
  Store store(with_shards(2));
  for (int i = 0; i < 30'000; ++i) store.set(0, stays(i), "value");
  for (int i = 0; i < 30'000; ++i) {
    if (i != 777) store.erase(0, stays(i));
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(store.keyspace.random_key(0), stays(777));
  store.erase(0, stays(777));
  EXPECT_EQ(store.keyspace.random_key(0), std::nullopt);
}

TEST(RandomKey, GivesEveryKeyAboutTheSameChance) {
  Store store(with_shards(8));
  constexpr int kKeys = 1'000;
  for (int i = 0; i < kKeys; ++i) store.set(0, stays(i), "value");
  std::map<std::string, int> hits;
  for (int i = 0; i < kKeys * 100; ++i) ++hits[store.keyspace.random_key(0).value()];
  EXPECT_EQ(hits.size(), static_cast<std::size_t>(kKeys));
  // 100 hits a key are expected; seven standard deviations are 70.
  for (const auto& [key, count] : hits) {
    ASSERT_GT(count, 30) << key;
    ASSERT_LT(count, 170) << key;
  }
}

}  // namespace
}  // namespace kvstore::store
