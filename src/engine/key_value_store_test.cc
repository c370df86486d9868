// Tests of the embedded library through its public header alone.
#include "kvstore/key_value_store.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace kvstore {
namespace {

Options with_shards(unsigned shards) {
  Options options;
  options.shards = shards;
  return options;
}

std::unique_ptr<KeyValueStore> open_store(unsigned shards = 8) {
  auto opened = KeyValueStore::open(with_shards(shards));
  EXPECT_TRUE(opened.ok()) << opened.status().message();
  return std::move(opened).value();
}

std::map<std::string, std::string> content_of(const KeyValueStore& store) {
  std::map<std::string, std::string> content;
  store.for_each([&](std::string_view key, std::string_view value) {
    EXPECT_TRUE(content.emplace(key, value).second) << "visited twice while nothing was written: " << key;
    return true;
  });
  return content;
}

TEST(KeyValueStoreTest, OptionsOutOfRangeAreRefusedByName) {
  for (unsigned shards : {0U, 257U, 1'000'000U}) {
    const auto opened = KeyValueStore::open(with_shards(shards));
    ASSERT_FALSE(opened.ok()) << shards;
    EXPECT_EQ(opened.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(opened.status().message(), "shards must be 1 to 256, not " + std::to_string(shards));
  }
  for (unsigned shards : {1U, 2U, 3U, 63U, 64U, 256U}) {
    auto store = open_store(shards);
    for (int i = 0; i < 2'000; ++i) ASSERT_TRUE(store->set("key" + std::to_string(i), std::to_string(i)).ok());
    for (int i = 0; i < 2'000; ++i) ASSERT_EQ(store->get("key" + std::to_string(i)), std::to_string(i));
    EXPECT_EQ(store->size(), 2'000U);
  }
}

TEST(KeyValueStoreTest, SetGetReplaceErase) {
  auto store = open_store();
  EXPECT_EQ(store->get("k"), std::nullopt);
  EXPECT_FALSE(store->contains("k"));
  EXPECT_FALSE(store->erase("k").value());
  EXPECT_TRUE(store->set("k", "1").ok());
  EXPECT_EQ(store->get("k"), "1");
  EXPECT_TRUE(store->set("k", "second").ok());
  EXPECT_EQ(store->get("k"), "second");
  EXPECT_TRUE(store->contains("k"));
  EXPECT_EQ(store->size(), 1U);
  EXPECT_TRUE(store->erase("k").value());
  EXPECT_FALSE(store->erase("k").value());
  EXPECT_EQ(store->get("k"), std::nullopt);
  EXPECT_EQ(store->size(), 0U);
}

TEST(KeyValueStoreTest, GetIntoAStringLeavesItAloneWhenTheKeyIsMissing) {
  auto store = open_store();
  ASSERT_TRUE(store->set("k", "value").ok());
  std::string value = "before";
  EXPECT_FALSE(store->get("missing", value));
  EXPECT_EQ(value, "before");
  EXPECT_TRUE(store->get("k", value));
  EXPECT_EQ(value, "value");
  std::string same = "k";  // the key lives in the string that takes the value
  EXPECT_TRUE(store->get(same, same));
  EXPECT_EQ(same, "value");
}

TEST(KeyValueStoreTest, EveryByteAndEmptinessAreAllowed) {
  auto store = open_store();
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes.push_back(static_cast<char>(i));
  const std::vector<std::string> keys = {
      "", std::string(1, '\0'), std::string(2, '\0'), std::string("a\0b", 3), "a", all_bytes};
  for (const std::string& key : keys) {
    ASSERT_TRUE(store->set(key, "value of " + key).ok());
  }
  for (const std::string& key : keys) EXPECT_EQ(store->get(key), "value of " + key);
  EXPECT_EQ(store->size(), keys.size());
  EXPECT_EQ(content_of(*store).size(), keys.size());
  ASSERT_TRUE(store->set("a", "").ok());
  EXPECT_EQ(store->get("a"), "");
  ASSERT_TRUE(store->set("", "").ok());
  EXPECT_EQ(store->get(std::string_view()), "");
  ASSERT_TRUE(store->set(std::string_view(), std::string_view()).ok());
  EXPECT_EQ(store->get(""), "");
  EXPECT_TRUE(store->erase(std::string_view()).value());
  ASSERT_TRUE(store->set("", "").ok());
  ASSERT_TRUE(store->set("all", all_bytes).ok());
  EXPECT_EQ(store->get("all"), all_bytes);
  EXPECT_TRUE(store->erase("").value());
  EXPECT_FALSE(store->contains(""));
}

TEST(KeyValueStoreTest, ValuesOfEverySizeComeBackWhole) {
  auto store = open_store();
  for (std::size_t size : {0UL, 1UL, 63UL, 64UL, 65UL, 127UL, 128UL, 255UL, 256UL, 4'096UL, 8'191UL, 8'192UL, 8'193UL,
                           65'536UL, 1UL << 20, 20UL << 20}) {
    std::string value(size, '\0');
    for (std::size_t i = 0; i < size; ++i) value[i] = static_cast<char>(i * 131 + i / 251);
    ASSERT_TRUE(store->set("same", value).ok());
    ASSERT_TRUE(store->get("same") == value) << size;
    ASSERT_TRUE(store->set("own" + std::to_string(size), value).ok());
  }
  for (const auto& [key, value] : content_of(*store)) {
    if (key != "same") {
      EXPECT_EQ(key, "own" + std::to_string(value.size()));
    }
  }
}

TEST(KeyValueStoreTest, LongKeysWork) {
  auto store = open_store();
  std::vector<std::string> keys;
  for (std::size_t size : {250UL, 254UL, 255UL, 256UL, 4'096UL, 8'192UL, 100'000UL, 3UL << 20}) {
    keys.emplace_back(size, 'k');
    ASSERT_TRUE(store->set(keys.back(), std::to_string(size)).ok());
  }
  for (const std::string& key : keys) EXPECT_EQ(store->get(key), std::to_string(key.size()));
  EXPECT_EQ(content_of(*store).size(), keys.size());
  for (const std::string& key : keys) EXPECT_TRUE(store->erase(key).value());
  EXPECT_EQ(store->size(), 0U);
}

TEST(KeyValueStoreTest, KeysAndValuesOverTheLimitAreRefusedByName) {
  constexpr std::size_t kTooMany = (std::size_t{512} << 20) + 1;
  // Address space that is never touched: the store must refuse by the size alone.
  void* memory = mmap(nullptr, kTooMany, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const std::string_view huge(static_cast<const char*>(memory), kTooMany);
  auto store = open_store();
  const Status key_status = store->set(huge, "value");
  EXPECT_EQ(key_status.code(), StatusCode::kTooLarge);
  EXPECT_EQ(key_status.message(), "the key has 536870913 bytes; the limit is 536870912 bytes");
  const Status value_status = store->set("key", huge);
  EXPECT_EQ(value_status.code(), StatusCode::kTooLarge);
  EXPECT_EQ(value_status.message(), "the value has 536870913 bytes; the limit is 536870912 bytes");
  EXPECT_EQ(store->size(), 0U);
  munmap(memory, kTooMany);
}

TEST(KeyValueStoreTest, AKeyOverTheLimitIsNeverThere) {
  constexpr std::size_t kTooMany = (std::size_t{512} << 20) + 1;
  void* memory = mmap(nullptr, kTooMany, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const std::string_view huge(static_cast<const char*>(memory), kTooMany);
  auto store = open_store();
  EXPECT_EQ(store->get(huge), std::nullopt);
  EXPECT_FALSE(store->contains(huge));
  EXPECT_FALSE(store->erase(huge).value());
  munmap(memory, kTooMany);
}

TEST(KeyValueStoreTest, ClearEmptiesTheStore) {
  auto store = open_store();
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(store->set("key" + std::to_string(i), std::string(50, 'v')).ok());
  ASSERT_TRUE(store->set("large", std::string(100'000, 'L')).ok());
  ASSERT_TRUE(store->clear().ok());
  EXPECT_EQ(store->size(), 0U);
  EXPECT_TRUE(content_of(*store).empty());
  EXPECT_EQ(store->get("large"), std::nullopt);
  EXPECT_EQ(store->stats().large_value_bytes, 0U);
  ASSERT_TRUE(store->set("again", "1").ok());
  EXPECT_EQ(store->get("again"), "1");
}

TEST(KeyValueStoreTest, StatisticsFollowTheContent) {
  auto store = open_store();
  EXPECT_EQ(store->stats().keys, 0U);
  constexpr std::size_t kKeys = 1'000;
  for (std::size_t i = 0; i < kKeys; ++i)
    ASSERT_TRUE(store->set("key" + std::to_string(i), std::string(100, 'v')).ok());
  ASSERT_TRUE(store->set("large", std::string(1 << 20, 'L')).ok());
  const Stats stats = store->stats();
  EXPECT_EQ(stats.keys, kKeys + 1);
  EXPECT_GE(stats.record_bytes, kKeys * 104);
  EXPECT_GE(stats.large_value_bytes, std::size_t{1} << 20);
  EXPECT_GT(stats.index_bytes, 0U);
  ASSERT_TRUE(store->erase("large").value());
  EXPECT_EQ(store->stats().large_value_bytes, 0U);
}

TEST(KeyValueStoreTest, IterationStopsWhenAsked) {
  auto store = open_store();
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(store->set("key" + std::to_string(i), "v").ok());
  int visited = 0;
  store->for_each([&](std::string_view, std::string_view) { return ++visited < 7; });
  EXPECT_EQ(visited, 7);
}

TEST(KeyValueStoreTest, AVisitorMayUseTheStore) {
  auto store = open_store();
  for (int i = 0; i < 5'000; ++i) ASSERT_TRUE(store->set("key" + std::to_string(i), std::to_string(i)).ok());
  store->for_each([&](std::string_view key, std::string_view value) {
    EXPECT_EQ(store->get(key), value);
    EXPECT_TRUE(store->erase(key).value());
    EXPECT_TRUE(key.starts_with("key") && value.size() < 5) << "the views outlive the erased key";
    return true;
  });
  EXPECT_EQ(store->size(), 0U);
}

// Keys and values far larger than the room an iteration starts with.
TEST(KeyValueStoreTest, IterationMakesRoomForLongKeysAndManyValues) {
  auto store = open_store(1);
  std::map<std::string, std::string> expected;
  for (int i = 0; i < 300; ++i) {
    std::string key = std::to_string(i) + std::string(static_cast<std::size_t>(i) * 700, 'k');
    expected[key] = std::string(static_cast<std::size_t>(i) * 50, 'v');
    ASSERT_TRUE(store->set(key, expected[key]).ok());
  }
  EXPECT_TRUE(content_of(*store) == expected);
}

TEST(KeyValueStoreTest, IterationSeesEveryKeyThatStaysWhileOthersCome) {
  auto store = open_store(4);
  constexpr int kStaying = 2'000;
  for (int i = 0; i < kStaying; ++i) ASSERT_TRUE(store->set("stay" + std::to_string(i), std::to_string(i)).ok());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop.load(); ++i) {
      const std::string key = "come" + std::to_string(i % 40'000);
      EXPECT_TRUE(store->set(key, std::string(static_cast<std::size_t>(i) % 200, 'c')).ok());
      if (i % 3 == 0) EXPECT_TRUE(store->erase("come" + std::to_string((i * 7) % 40'000)).ok());
    }
  });
  for (int round = 0; round < 10; ++round) {
    std::set<std::string, std::less<>> seen;
    store->for_each([&](std::string_view key, std::string_view value) {
      if (key.starts_with("stay")) {
        EXPECT_EQ(key.substr(4), value);
        seen.emplace(key);
      }
      return true;
    });
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(kStaying));
  }
  stop.store(true);
  writer.join();
}

// A value that shows whether it is whole: `key`, a round, and bytes that follow from both.
std::string value_of(const std::string& key, unsigned round) {
  static constexpr std::size_t kSizes[] = {0, 20, 100, 1'000, 8'000, 8'192, 30'000};
  return key + "/" + std::to_string(round) + "/" + std::string(kSizes[round % 7], static_cast<char>('a' + round % 26));
}

bool is_whole(const std::string& key, const std::string& value) {
  if (!value.starts_with(key + "/")) return false;
  const auto round = static_cast<unsigned>(std::stoul(value.substr(key.size() + 1)));
  return value == value_of(key, round);
}

TEST(KeyValueStoreTest, ThreadsNeverSeeATornOrForeignValue) {
  auto store = open_store(4);
  constexpr unsigned kThreads = 4;
  constexpr unsigned kRounds = 6'000;
  std::atomic<unsigned> damaged{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::string value;
      for (unsigned i = 0; i < kRounds; ++i) {
        const std::string key = "key" + std::to_string((i * 7 + t * 13) % 50);
        const unsigned action = (i + t) % 8;
        if (action < 3) {
          EXPECT_TRUE(store->set(key, value_of(key, i)).ok());
        } else if (action == 3) {
          EXPECT_TRUE(store->erase(key).ok());
        } else if (store->get(key, value) && !is_whole(key, value)) {
          damaged.fetch_add(1);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(damaged.load(), 0U);
  for (const auto& [key, value] : content_of(*store)) EXPECT_TRUE(is_whole(key, value)) << key;
}

TEST(KeyValueStoreTest, EachThreadFindsWhatItWroteWhileTheStoreGrows) {
  auto store = open_store(4);
  constexpr int kKeys = 20'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string prefix = std::to_string(t) + ":";
      for (int i = 0; i < kKeys; ++i) {
        EXPECT_TRUE(store->set(prefix + std::to_string(i), std::to_string(i)).ok());
        if (i % 4 == 0 && i > 0) {
          EXPECT_TRUE(store->erase(prefix + std::to_string(i / 4 * 2 + 1)).value());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 4; ++t) {
    for (int i = 0; i < kKeys; i += 2) {
      EXPECT_EQ(store->get(std::to_string(t) + ":" + std::to_string(i)), std::to_string(i));
    }
  }
}

TEST(KeyValueStoreTest, ABatchIsAppliedInItsOrder) {
  auto store = open_store();
  ASSERT_TRUE(store->set("gone", "1").ok());
  WriteBatch batch;
  batch.set("a", "first");
  batch.set("b", std::string(20'000, 'b'));
  batch.set("a", "second");
  batch.erase("gone");
  batch.set("short", "lived");
  batch.erase("short");
  batch.erase("never there");
  batch.set("", "the empty key");
  EXPECT_EQ(batch.size(), 8U);
  ASSERT_TRUE(store->write(batch).ok());
  EXPECT_EQ(content_of(*store), (std::map<std::string, std::string>{
                                    {"", "the empty key"}, {"a", "second"}, {"b", std::string(20'000, 'b')}}));
  batch.clear();
  EXPECT_EQ(batch.size(), 0U);
  ASSERT_TRUE(store->write(batch).ok()) << "nothing to do is done";
  EXPECT_EQ(store->size(), 3U);
}

// Whoever wrote last wrote all of them.
TEST(KeyValueStoreTest, BatchesOfOneSetOfKeysDoNotMix) {
  auto store = open_store();
  const std::vector<std::string> keys = {"a", "b", "c", "d", "e", "f"};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 3'000; ++i) {
        WriteBatch batch;
        for (const std::string& key : keys) batch.set(key, std::to_string(t) + ":" + std::to_string(i));
        EXPECT_TRUE(store->write(batch).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& key : keys) EXPECT_EQ(store->get(key), store->get("a"));
}

TEST(KeyValueStoreTest, AStoreInMemorySaysWhatItCannotDo) {
  auto store = open_store();
  EXPECT_TRUE(store->sync().ok());
  EXPECT_TRUE(store->status().ok());
  EXPECT_EQ(store->snapshot().code(), StatusCode::kInvalidArgument);
}

// A sequence of random operations leaves the store and a std::map with the same content, and they agree on the way.
TEST(KeyValueStoreTest, BehavesAsAMap) {
  const bool ok = rc::check("store == map", [] {
    auto store = open_store(*rc::gen::element(1U, 2U, 8U));
    std::map<std::string, std::string> model;
    const auto operations = *rc::gen::inRange(0, 400);
    for (int i = 0; i < operations; ++i) {
      const std::string key = *rc::gen::oneOf(rc::gen::container<std::string>(rc::gen::arbitrary<char>()),
                                              rc::gen::element<std::string>("", "a", "b", "c", "d", "e"));
      switch (*rc::gen::inRange(0, 12)) {
        case 0:
          RC_ASSERT(store->erase(key).value() == (model.erase(key) == 1));
          break;
        case 1:
          RC_ASSERT(store->contains(key) == model.contains(key));
          break;
        case 2:
        case 3: {
          const auto found = model.find(key);
          RC_ASSERT(store->get(key) == (found == model.end() ? std::nullopt : std::optional(found->second)));
          break;
        }
        case 4:
          if (*rc::gen::inRange(0, 20) == 0) {
            RC_ASSERT(store->clear().ok());
            model.clear();
          }
          break;
        default: {
          const auto size = *rc::gen::element<std::size_t>(0, 1, 5, 50, 51, 52, 300, 8'191, 8'192, 10'000);
          const std::string value(size, *rc::gen::arbitrary<char>());
          RC_ASSERT(store->set(key, value).ok());
          model[key] = value;
        }
      }
      RC_ASSERT(store->size() == model.size());
    }
    RC_ASSERT(content_of(*store) == model);
  });
  EXPECT_TRUE(ok);
}

}  // namespace
}  // namespace kvstore
