// What writes tell their sink, and which LSN a reply must wait for.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

#include "store/keyspace_model.h"
#include "store/recording_sink.h"

namespace kvstore::store {
namespace {

using Kind = Effect::Kind;

TEST(Sink, WhatItIsToldMakesAnEqualStore) {
  EXPECT_TRUE(rc::check([] {
    RecordingSink sink;
    Store store(with_shards(*rc::gen::element(1U, 5U)), &sink);
    Store second(with_shards(3));
    KeyspaceModel model;
    const int steps = *rc::gen::inRange(0, 300);
    for (int i = 0; i < steps; ++i) model.step(store, static_cast<unsigned>(i));
    for (const Effect& effect : sink.effects) {
      RC_ASSERT(effect.lsn != 0);
      RecordingSink::apply(effect, second);
    }
    for (int db = 0; db < KeyspaceModel::kDatabases; ++db) RC_ASSERT(second.contents(db, 100) == model[db]);
  }));
}

TEST(Sink, ALargeStringIsToldByItsChangeAndASmallOneWhole) {
  RecordingSink sink;
  Store store(with_shards(2), &sink);
  store.set(0, "small", "abc");
  store.splice(0, "small", 3, 6, "def");
  store.set(1, "large", std::string(20'000, 'x'));
  store.splice(1, "large", 20'000, 20'003, "end");
  ASSERT_EQ(sink.effects.size(), 4U);
  EXPECT_EQ(sink.effects[1].kind, Kind::kSet);
  EXPECT_EQ(sink.effects[1].bytes, "abcdef");
  EXPECT_FALSE(sink.effects[1].shared);
  EXPECT_TRUE(sink.effects[2].shared);
  EXPECT_EQ(sink.effects[3].kind, Kind::kSplice);
  EXPECT_EQ(sink.effects[3].bytes, "end");
  EXPECT_EQ(sink.effects[3].offset, 20'000U);
  EXPECT_EQ(sink.effects[3].size, 20'003U);
}

TEST(Sink, IsNotToldOfWhatChangesNothing) {
  RecordingSink sink;
  Store store(with_shards(2), &sink);
  store.set(0, "key", "value");
  ASSERT_EQ(sink.effects.size(), 1U);
  EXPECT_FALSE(store.erase(0, "missing"));
  EXPECT_FALSE(store.erase(1, "key"));
  store.copy(0, "key", 0, "key");
  store.swap(2, 2);
  EXPECT_EQ(store.get(0, "key"), "value");
  EXPECT_EQ(sink.effects.size(), 1U);
}

TEST(Sink, AWriteBecomesTheLastLsnOfItsShardsAndOfNoOther) {
  RecordingSink sink;
  Store store(with_shards(4));
  Keyspace& keyspace = store.keyspace;
  const auto key_of_shard = [&](unsigned shard) {
    for (int i = 0;; ++i) {
      std::string name = "key:" + std::to_string(i);
      if (keyspace.shard_of(keyspace.key(name).hash) == shard) return name;
    }
  };
  const auto last_lsn = [&](std::vector<unsigned> shards) {
    ShardSet set;
    for (const unsigned shard : shards) set.add(shard);
    WriteContext reader(&sink);
    keyspace.lock(set);
    const Lsn lsn = keyspace.seal(set, reader);
    keyspace.unlock(set);
    return lsn;
  };
  const auto write = [&](std::vector<unsigned> shards) {
    ShardSet set;
    for (const unsigned shard : shards) set.add(shard);
    WriteContext context(&sink);
    keyspace.lock(set);
    for (const unsigned shard : shards) {
      const std::string name = key_of_shard(shard);
      keyspace.set(0, keyspace.key(name), ValueType::kString, std::string_view("v"), context);
    }
    const Lsn lsn = keyspace.seal(set, context);
    keyspace.unlock(set);
    EXPECT_EQ(context.sealed_lsn(), lsn);
    return lsn;
  };

  EXPECT_EQ(last_lsn({0, 1, 2, 3}), 0U);
  const Lsn first = write({1});
  EXPECT_GT(first, 0U);
  const Lsn second = write({0, 2});
  EXPECT_GT(second, first);
  EXPECT_EQ(last_lsn({0}), second);
  EXPECT_EQ(last_lsn({1}), first);
  EXPECT_EQ(last_lsn({2}), second);
  EXPECT_EQ(last_lsn({3}), 0U);
  EXPECT_EQ(last_lsn({1, 3}), first);
  EXPECT_EQ(last_lsn({1, 2}), second);

  const auto whole = [&](auto action) {
    WriteContext context(&sink);
    action(context);
    for (unsigned shard = 0; shard < 4; ++shard) EXPECT_EQ(last_lsn({shard}), context.sealed_lsn());
    return context.sealed_lsn();
  };
  const Lsn flushed = whole([&](WriteContext& context) { keyspace.flush(3, context); });
  const Lsn swapped = whole([&](WriteContext& context) { keyspace.swap(0, 1, context); });
  const Lsn flushed_all = whole([&](WriteContext& context) { keyspace.flush_all(context); });
  EXPECT_GT(flushed, second);
  EXPECT_GT(swapped, flushed);
  EXPECT_GT(flushed_all, swapped);
}

// MSET and RENAME are one group: all of it survives a crash, or none.
TEST(Sink, SealsAllThatOneCommandToldAsOneGroup) {
  RecordingSink sink;
  Store store(with_shards(1), &sink);
  store.set(0, "a", "1");
  WriteContext context(&sink);
  store.keyspace.lock(0);
  store.keyspace.copy(0, store.keyspace.key("a"), 0, store.keyspace.key("b"), context);
  EXPECT_TRUE(store.keyspace.erase(0, store.keyspace.key("a"), context));
  const Lsn lsn = store.keyspace.seal(0, context);
  EXPECT_EQ(store.keyspace.seal(0, context), lsn);  // nothing told since
  store.keyspace.unlock(0);
  ASSERT_EQ(sink.effects.size(), 3U);
  EXPECT_LT(sink.effects[0].lsn, lsn);
  EXPECT_EQ(sink.effects[1].lsn, lsn);
  EXPECT_EQ(sink.effects[2].lsn, lsn);
}

}  // namespace
}  // namespace kvstore::store
