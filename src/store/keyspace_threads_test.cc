// Several threads at once. Most of what could go wrong here shows only under ThreadSanitizer (KVSTORE_SANITIZE=thread).
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "store/store_for_tests.h"

namespace kvstore::store {
namespace {

// A value that shows which key it belongs to and that it is whole.
std::string value_of(const std::string& key, std::size_t size) {
  std::string value = key + ":";
  value.resize(std::max(size, value.size()), key.back());
  return value;
}

bool belongs(std::string_view key, std::string_view value) {
  return value.size() > key.size() && value.substr(0, key.size()) == key &&
         value.back() == (value.size() == key.size() + 1 ? ':' : key.back());
}

// All operations on a small set of keys in two databases.
void work(Store& store, unsigned seed, int steps, std::atomic<int>& wrong) {
  std::mt19937 random(seed);
  for (int i = 0; i < steps; ++i) {
    const int db = static_cast<int>(random() % 2);
    const std::string key = "key:" + std::to_string(random() % 3'000);
    const std::uint64_t hash = store.keyspace.key(key).hash;
    switch (random() % 16) {
      case 0:
        store.erase(db, key);
        break;
      case 1:
        store.keyspace.maintain();
        break;
      case 2:
        store.keyspace.scan(db, std::uint64_t{random()} << 12, 20, [&](std::string_view k, const ValueView& value) {
          // relaxed: read after the threads are joined.
          if (!belongs(k, value.bytes)) wrong.fetch_add(1, std::memory_order_relaxed);
        });
        break;
      case 3:
        static_cast<void>(store.keyspace.random_key(db));
        break;
      case 4:
        if (random() % 500 == 0) store.flush(db);
        if (random() % 500 == 0) store.swap(0, 1);
        if (random() % 100 == 0) static_cast<void>(store.keyspace.stats());
        break;
      case 5:
      case 6:
      case 7:
      case 8: {
        store.keyspace.prefetch_bucket(db, hash);
        store.keyspace.prefetch_record(db, hash);
        const std::optional<std::string> value = store.get(db, key);
        if (value && !belongs(key, *value)) wrong.fetch_add(1, std::memory_order_relaxed);
        break;
      }
      default:
        store.set(db, key, value_of(key, random() % 64 == 0 ? 10'000 : random() % 300));
    }
  }
}

TEST(Threads, SeeWholeValuesOfTheRightKeyThroughEveryOperation) {
  Store store(with_shards(4));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) threads.emplace_back([&, t] { work(store, t + 1, 20'000, wrong); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(std::memory_order_relaxed), 0);
  std::size_t keys = 0;
  for (int db = 0; db < 2; ++db) {
    const auto contents = store.contents(db, 100);
    EXPECT_EQ(contents.size(), store.keyspace.size(db));
    keys += contents.size();
    for (const auto& [key, value] : contents) EXPECT_TRUE(belongs(key, value)) << key;
  }
  EXPECT_EQ(keys, store.keyspace.stats().keys);
}

// Flushes while another thread gives pages of the same tables back to the system: the pages must not be unmapped, or
// given to somebody else, meanwhile.
TEST(Threads, FlushMayMeetThePageRelease) {
  Store store(with_shards(1));
  std::atomic<bool> done{false};
  // relaxed: only ends the loop.
  std::thread helper([&] {
    while (!done.load(std::memory_order_relaxed)) store.keyspace.maintain();
  });
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 3'000; ++i) store.set(0, "key:" + std::to_string(i), std::string(200, 'v'));
    // The erases leave free blocks all along; the flush comes while some are being given back.
    for (int i = 0; i < 3'000 - round * 20; ++i) store.erase(0, "key:" + std::to_string(i));
    store.flush(0);
    for (int i = 0; i < 100; ++i) store.set(0, "after:" + std::to_string(i), "value");
    for (int i = 0; i < 100; ++i) ASSERT_EQ(store.get(0, "after:" + std::to_string(i)), "value");
  }
  done.store(true, std::memory_order_relaxed);
  helper.join();
}

// Two keys that always change together, their shards locked together: a reader that locks both never sees them differ.
TEST(Threads, LocksOfSeveralShardsMakeOneStep) {
  Store store(with_shards(8));
  const Key a = store.keyspace.key("a");
  Key b;
  std::string b_name;
  for (int i = 0; b.bytes.empty() || store.keyspace.shard_of(b.hash) == store.keyspace.shard_of(a.hash); ++i) {
    b_name = "b" + std::to_string(i);
    b = store.keyspace.key(b_name);
  }
  ShardSet both;
  both.add(store.keyspace.shard_of(a.hash));
  both.add(store.keyspace.shard_of(b.hash));
  std::vector<std::thread> threads;
  std::atomic<int> torn{0};
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 3'000; ++i) {
        WriteContext context;
        const std::string value = std::to_string(t * 10'000 + i);
        store.keyspace.lock(both);
        // relaxed: read after the threads are joined.
        if (store.keyspace.find(0, a).bytes != store.keyspace.find(0, b).bytes) {
          torn.fetch_add(1, std::memory_order_relaxed);
        }
        store.keyspace.set(0, a, ValueType::kString, std::string_view(value), context);
        store.keyspace.set(0, b, ValueType::kString, std::string_view(value), context);
        store.keyspace.unlock(both);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(torn.load(std::memory_order_relaxed), 0);
}

}  // namespace
}  // namespace kvstore::store
