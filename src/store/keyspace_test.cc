// Keyspace against a model of maps, and the rules that single operations promise.
#include "store/keyspace.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <optional>
#include <string>
#include <vector>

#include "store/keyspace_model.h"

namespace kvstore::store {
namespace {

TEST(Keyspace, BehavesLikeAMapOfStrings) {
  EXPECT_TRUE(rc::check([] {
    Store store(with_shards(*rc::gen::element(1U, 2U, 7U)));
    KeyspaceModel model;
    const int steps = *rc::gen::inRange(0, 400);
    for (int i = 0; i < steps; ++i) model.step(store, static_cast<unsigned>(i));
    for (int db = 0; db < KeyspaceModel::kDatabases; ++db) {
      const auto& expected = model[db];
      RC_ASSERT(store.keyspace.size(db) == expected.size());
      RC_ASSERT(store.contents(db, 7) == expected);
      for (const auto& [key, value] : expected) RC_ASSERT(store.get(db, key) == value);
      const std::optional<std::string> random = store.keyspace.random_key(db);
      RC_ASSERT(random.has_value() == !expected.empty());
      if (random) RC_ASSERT(expected.contains(*random));
    }
  }));
}

TEST(Keyspace, SharesALargeValueWithACopyUntilOneIsWritten) {
  Store store(with_shards(4));
  const std::string value = make_value(50'000, 1);
  store.set(0, "a", value);
  store.copy(0, "a", 1, "b");
  base::SharedBytes* block = nullptr;
  store.locked("a", [&](const Key& key, WriteContext&) { block = store.keyspace.find(0, key).block; });
  store.locked("b", [&](const Key& key, WriteContext&) { EXPECT_EQ(store.keyspace.find(1, key).block, block); });

  store.splice(1, "b", 49'999, 50'000, "!");
  EXPECT_EQ(store.get(0, "a"), value);
  EXPECT_EQ(store.get(1, "b"), value.substr(0, 49'999) + "!");
}

TEST(Keyspace, DoesNotChangeALargeValueThatAReaderHolds) {
  Store store(with_shards(1));
  const std::string value = make_value(20'000, 2);
  store.set(0, "key", value);
  base::SharedBytesRef held;
  store.locked("key", [&](const Key& key, WriteContext&) {
    held = base::SharedBytesRef::share(store.keyspace.find(0, key).block);
  });
  store.splice(0, "key", 19'999, 20'000, "!");
  store.erase(0, "key");
  store.set(0, "key", "short");
  EXPECT_EQ(held->view(), value);
}

// Growing by one byte at a time must not copy the whole value each time.
TEST(Keyspace, GrowsALargeValueInPlaceMostOfTheTime) {
  Store store(with_shards(1));
  std::size_t size = kLargeValueBytes;
  store.set(0, "key", std::string(size, 'x'));
  int moves = 0;
  const char* last = nullptr;
  for (; size < 5 * kLargeValueBytes; ++size) {
    store.locked("key", [&](const Key& key, WriteContext& context) {
      store.keyspace.splice(0, key, size - 1, size, "y", context);
      const char* bytes = store.keyspace.find(0, key).bytes.data();
      moves += bytes != last ? 1 : 0;
      last = bytes;
    });
  }
  EXPECT_LE(moves, 6);
}

TEST(Keyspace, LeavesLargeBlocksToTheWriteContext) {
  Store store(with_shards(1));
  store.set(0, "key", std::string(100'000, 'x'));
  base::SharedBytesRef held;
  store.locked("key", [&](const Key& key, WriteContext&) {
    held = base::SharedBytesRef::share(store.keyspace.find(0, key).block);
  });
  store.locked("key", [&](const Key& key, WriteContext& context) {
    store.keyspace.erase(0, key, context);
    EXPECT_FALSE(held.unique());  // the context has the other reference
    context.release();
    EXPECT_TRUE(held.unique());
  });
}

TEST(Keyspace, FlushDropsLargeValuesAndLargeKeys) {
  Store store(with_shards(2));
  const std::string large_key(1 << 20, 'k');
  store.set(3, large_key, "value");
  store.set(3, "key", std::string(100'000, 'x'));
  EXPECT_EQ(store.get(3, large_key), "value");
  EXPECT_GT(store.keyspace.stats().large_value_bytes, (1U << 20) + 100'000U);
  base::SharedBytesRef held;
  store.locked("key", [&](const Key& key, WriteContext&) {
    held = base::SharedBytesRef::share(store.keyspace.find(3, key).block);
  });
  store.flush(3);
  EXPECT_TRUE(held.unique());
  EXPECT_EQ(store.keyspace.stats().large_value_bytes, 0U);
  EXPECT_EQ(store.keyspace.size(3), 0U);
}

TEST(Keyspace, EveryShardOfTheMapOwnsAShareOfTheHashes) {
  for (const unsigned shards : {1U, 2U, 3U, 64U, ShardSet::kShardsMax}) {
    const Keyspace keyspace(with_shards(shards));
    std::vector<unsigned> slices(shards);
    unsigned last = 0;
    for (std::uint64_t slice = 0; slice < 4096; ++slice) {
      const unsigned shard = keyspace.shard_of(slice << 52);
      ASSERT_GE(shard, last);
      last = shard;
      ++slices[shard];
    }
    for (unsigned shard = 0; shard < shards; ++shard) EXPECT_GT(slices[shard], 0U) << shard << " of " << shards;
    EXPECT_LE(slices.back(), 2 * slices.front() + 2) << shards;
  }
}

}  // namespace
}  // namespace kvstore::store
