#include "durability/rdb_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "durability/rdb_for_tests.h"
#include "store/store_for_tests.h"

namespace kvstore::durability {
namespace {

using store::make_value;
using store::Store;
using store::with_shards;
using ::testing::HasSubstr;

// `keys` keys of mixed sizes over four databases, some values large.
std::string mixed_file(unsigned keys) {
  RdbBuilder file;
  file.aux("kvstore-lsn", "4711").aux("kvstore-keys", std::to_string(keys));
  for (unsigned i = 0; i < keys; ++i) {
    if (i % 100 == 0) file.select(static_cast<int>(i / 100 % 4));
    const std::size_t size = i % 500 == 499 ? 20'000 + i : i % 60;
    file.key("key:" + std::to_string(i), make_value(size, i));
  }
  return file.end();
}

RdbKeys contents(Store& store) {
  RdbKeys keys;
  for (int db = 0; db < store::Keyspace::kDatabases; ++db) {
    for (auto& [key, value] : store.contents(db, 1'000)) keys[{db, key}] = value;
  }
  return keys;
}

TEST(RdbLoader, LoadsEveryKeyWithAnyNumberOfThreads) {
  const std::string file = mixed_file(30'000);
  const RdbKeys expected = read_rdb(file).keys;
  ASSERT_EQ(expected.size(), 30'000U);
  for (const unsigned threads : {0U, 1U, 3U, 100U}) {
    Store store(with_shards(16));
    RdbBytesSource source(file);
    const Result<RdbLoaded> loaded =
        load_rdb(source, store.keyspace, {.now_ms = 0, .threads = threads, .progress = {}});
    ASSERT_TRUE(loaded.ok()) << loaded.status().message();
    EXPECT_EQ(loaded.value().keys, 30'000U);
    EXPECT_EQ(loaded.value().info.lsn, 4711U);
    EXPECT_TRUE(contents(store) == expected) << threads << " threads";
  }
}

TEST(RdbLoader, LoadsKeysTooLargeForABatch) {
  RdbBuilder file;
  RdbKeys expected;
  for (unsigned i = 0; i < 20; ++i) {
    const std::string key = make_value(200'000 + i, i);
    file.key(key, make_value(i * 30'000, i));
    expected[{0, key}] = make_value(i * 30'000, i);
  }
  const std::string bytes = file.end();
  RdbBytesSource source(bytes);
  Store store(with_shards(4));
  ASSERT_TRUE(load_rdb(source, store.keyspace, {}).ok());
  EXPECT_TRUE(contents(store) == expected);
}

TEST(RdbLoader, RefusesAKeyThatComesTwice) {
  const std::string file =
      RdbBuilder().key("a", "1").key("b", "2").select(1).key("a", "3").select(0).key("a", "4").end();
  RdbBytesSource source(file);
  Store store(with_shards(4));
  const Result<RdbLoaded> loaded = load_rdb(source, store.keyspace, {});
  EXPECT_EQ(loaded.status().code(), StatusCode::kCorruption);
  EXPECT_EQ(loaded.status().message(), "test.rdb: 1 keys are in the file more than once");
}

TEST(RdbLoader, SaysWhyItStopped) {
  const std::string whole = mixed_file(20'000);
  for (const std::size_t size : {std::size_t{3}, std::size_t{100}, whole.size() / 2, whole.size() - 1}) {
    RdbBytesSource source(std::string_view(whole).substr(0, size));
    Store store(with_shards(16));
    const Result<RdbLoaded> loaded = load_rdb(source, store.keyspace, {});
    EXPECT_EQ(loaded.status().code(), StatusCode::kCorruption);
    EXPECT_THAT(loaded.status().message(), HasSubstr("test.rdb, offset "));
  }
}

TEST(RdbLoader, ReportsProgressUpToTheEnd) {
  const std::string file = mixed_file(20'000);
  std::vector<RdbProgress> reports;
  RdbBytesSource source(file, 10'000);
  Store store(with_shards(16));
  ASSERT_TRUE(load_rdb(source, store.keyspace,
                       {.now_ms = 0, .threads = 2, .progress = [&](const RdbProgress& p) { reports.push_back(p); }})
                  .ok());
  ASSERT_GT(reports.size(), 2U);
  for (std::size_t i = 1; i < reports.size(); ++i) {
    EXPECT_GE(reports[i].keys, reports[i - 1].keys);
    EXPECT_GE(reports[i].bytes_done, reports[i - 1].bytes_done);
    EXPECT_EQ(reports[i].bytes_total, file.size());
  }
  EXPECT_EQ(reports.back().keys, 20'000U);
  EXPECT_EQ(reports.back().bytes_done, file.size());
}

TEST(RdbLoader, CountsWhatExpired) {
  const std::string file = RdbBuilder().raw(std::string("\xfd\x0a\x00\x00\x00", 5)).key("a", "1").key("b", "2").end();
  RdbBytesSource source(file);
  Store store(with_shards(4));
  const Result<RdbLoaded> loaded =
      load_rdb(source, store.keyspace, {.now_ms = 1'000'000, .threads = 1, .progress = {}});
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded.value().keys, 1U);
  EXPECT_EQ(loaded.value().keys_expired, 1U);
  EXPECT_EQ(store.get(0, "b"), "2");
}

}  // namespace
}  // namespace kvstore::durability
