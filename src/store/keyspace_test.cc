// Keyspace against a model of maps, and the rules that single operations promise.
#include "store/keyspace.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/store_for_tests.h"

namespace kvstore::store {
namespace {

using Model = std::array<std::map<std::string, std::string>, 3>;

std::size_t pick_size() {
  return *rc::gen::weightedOneOf<std::size_t>({{4, rc::gen::inRange<std::size_t>(0, 64)},
                                               {3, rc::gen::inRange<std::size_t>(200, 700)},
                                               {2, rc::gen::inRange<std::size_t>(700, kLargeValueBytes)},
                                               {2, rc::gen::inRange<std::size_t>(kLargeValueBytes - 2, 20 * 1024)}});
}

std::string pick_key() {
  const int number = *rc::gen::inRange(0, 60);
  // Some keys around the sizes where the record's layout changes.
  if (number < 4) return std::string(static_cast<std::size_t>(252 + number), 'k');
  if (number < 8) return std::string(static_cast<std::size_t>(4096 - 6 + number), 'k');
  if (number == 8) return "";
  return "key:" + std::to_string(number);
}

void step(Store& store, Model& model, unsigned seed) {
  const int db = *rc::gen::inRange(0, 3);
  auto& expected = model[static_cast<std::size_t>(db)];
  const std::string key = pick_key();
  switch (*rc::gen::weightedElement<int>({{40, 0}, {20, 1}, {15, 2}, {8, 3}, {1, 4}, {1, 5}, {1, 6}, {3, 7}})) {
    case 0: {
      const std::string value = make_value(pick_size(), seed);
      store.set(db, key, value);
      expected[key] = value;
      return;
    }
    case 1:
      RC_ASSERT(store.erase(db, key) == (expected.erase(key) == 1));
      return;
    case 2: {
      if (!expected.contains(key)) return;
      const std::size_t size = pick_size();
      store.resize(db, key, size, 'X');
      expected[key].resize(size, '\0');
      if (size > 0) expected[key].back() = 'X';
      return;
    }
    case 3: {
      if (!expected.contains(key)) return;
      const int to_db = *rc::gen::inRange(0, 3);
      const std::string to = pick_key();
      store.copy(db, key, to_db, to);
      model[static_cast<std::size_t>(to_db)][to] = std::string(expected[key]);
      return;
    }
    case 4:
      store.keyspace.flush(db);
      expected.clear();
      return;
    case 5:
      store.keyspace.flush_all();
      model = {};
      return;
    case 6:
      store.keyspace.swap(db, (db + 1) % 3);
      std::swap(model[static_cast<std::size_t>(db)], model[static_cast<std::size_t>((db + 1) % 3)]);
      return;
    default:
      store.keyspace.maintain();
  }
}

TEST(Keyspace, BehavesLikeAMapOfStrings) {
  EXPECT_TRUE(rc::check([] {
    Store store(with_shards(*rc::gen::element(1U, 2U, 7U)));
    Model model;
    const int steps = *rc::gen::inRange(0, 400);
    for (int i = 0; i < steps; ++i) step(store, model, static_cast<unsigned>(i));
    for (int db = 0; db < 3; ++db) {
      const auto& expected = model[static_cast<std::size_t>(db)];
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

  store.resize(1, "b", 50'000, '!');
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
  store.resize(0, "key", 20'000, '!');
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
      const char* bytes = store.keyspace.resize(0, key, size, context);
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
  store.keyspace.flush(3);
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
