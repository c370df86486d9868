// A snapshot is the state at one instant, each key exactly once, whatever is written while it is read.
#include "store/snapshot.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/bucket.h"
#include "store/keyspace_model.h"
#include "store/saved_keys.h"

namespace kvstore::store {
namespace {

std::string numbered(int i) { return "number:" + std::to_string(i); }

void finish(Snapshot& snapshot) {
  while (snapshot.step()) {
  }
}

std::vector<SavedKeys::Database> databases_of(KeyspaceModel& model) {
  std::vector<SavedKeys::Database> databases;
  for (int db = 0; db < KeyspaceModel::kDatabases; ++db) databases.push_back(model[db]);
  return databases;
}

// 16 hashes, two directory prefixes each with buckets in common: most keys are in overflow, and segments split.
std::uint64_t colliding(std::string_view key) {
  const std::uint64_t number = key.empty() ? 0 : static_cast<unsigned char>(key.back());
  return (number & 3) << 50 | (number >> 2 & 3) << 8 | 0x0123'4000'0000'0077;
}

// Mostly good hashes, so that segments split, and some overflow keys among them.
std::uint64_t partly_colliding(std::string_view key) {
  static const base::KeyHasher hasher{base::KeyHasher::Secret{}};
  const std::uint64_t hash = hasher(key);
  return hash % 8 == 0 ? (hash & 0xc00) << 40 | 0x0123'4000'0000'0077 : hash;
}

class SnapshotProperty {
 public:
  SnapshotProperty()
      : store_([] {
          Keyspace::Options options = with_shards(*rc::gen::element(1U, 2U, 5U));
          options.rehash_for_test =
              *rc::gen::element<std::uint64_t (*)(std::string_view)>(nullptr, nullptr, colliding, partly_colliding);
          return options;
        }()) {}

  void write_some() {
    model_.step(store_, ++seed_);
    if (*rc::gen::inRange(0, 12) == 0) add_many(*rc::gen::inRange(1, 400));
  }
  // New keys, which split segments.
  void add_many(int count) {
    const int db = *rc::gen::inRange(0, KeyspaceModel::kDatabases);
    for (int i = 0; i < count; ++i) {
      const std::string key = numbered(*rc::gen::inRange(0, 1 << 14));
      store_.set(db, key, std::to_string(++seed_));
      model_[db][key] = std::to_string(seed_);
    }
  }
  void take_snapshot() {
    const std::vector<SavedKeys::Database> expected = databases_of(model_);
    SavedKeys saved;
    Snapshot snapshot(store_.keyspace, saved);
    std::size_t total = 0;
    for (const auto& database : expected) total += database.size();
    RC_ASSERT(saved.begun());
    RC_ASSERT(snapshot.keys_total() == total);
    const int writes_a_step = *rc::gen::inRange(0, 6);
    const bool stops_early = *rc::gen::inRange(0, 4) == 0;
    const int steps_max = stops_early ? *rc::gen::inRange(0, 30) : 1 << 30;
    for (int steps = 0; steps < steps_max; ++steps) {
      for (int i = *rc::gen::inRange(0, writes_a_step + 1); i > 0; --i) write_some();
      if (snapshot.step()) continue;
      for (int i = 0; i < 5; ++i) write_some();  // after the end: nothing more is saved
      RC_ASSERT(saved.databases(KeyspaceModel::kDatabases) == expected);
      return;
    }
  }
  void check_content() {
    for (int db = 0; db < KeyspaceModel::kDatabases; ++db) RC_ASSERT(store_.contents(db, 50) == model_[db]);
  }

 private:
  Store store_;
  KeyspaceModel model_;
  unsigned seed_ = 0;
};

TEST(Snapshot, IsTheStateAtTheInstantWithEachKeyOnce) {
  EXPECT_TRUE(rc::check([] {
    SnapshotProperty property;
    property.add_many(*rc::gen::element(0, 50, 800, 3'000));
    for (int round = 0; round < 3; ++round) {
      for (int i = *rc::gen::inRange(0, 40); i > 0; --i) property.write_some();
      property.take_snapshot();
    }
    property.check_content();
  }));
}

TEST(Snapshot, OfAnEmptyKeyspaceSavesNothing) {
  Store store(with_shards(2));
  SavedKeys saved;
  Snapshot snapshot(store.keyspace, saved);
  store.set(0, "late", "value");
  EXPECT_TRUE(saved.begun());
  EXPECT_FALSE(snapshot.step());
  EXPECT_EQ(saved.keys(), 0U);
  EXPECT_EQ(snapshot.keys_total(), 0U);
}

TEST(Snapshot, AWriterSavesAKeyAsItWasAndTheWalkDoesNotSaveItAgain) {
  Store store(with_shards(1));
  store.set(2, "overwritten", "old");
  store.set(2, "erased", "old");
  store.set(2, "spliced", "old");
  store.set(2, "left", "old");
  SavedKeys saved;
  Snapshot snapshot(store.keyspace, saved);
  store.set(2, "overwritten", "new");
  store.erase(2, "erased");
  store.splice(2, "spliced", 0, 5, "new");
  EXPECT_TRUE(saved.saved_by_writer(2, "overwritten"));
  EXPECT_TRUE(saved.saved_by_writer(2, "erased"));
  EXPECT_TRUE(saved.saved_by_writer(2, "spliced"));
  finish(snapshot);
  EXPECT_EQ(saved.databases(3)[2],
            (SavedKeys::Database{{"overwritten", "old"}, {"erased", "old"}, {"spliced", "old"}, {"left", "old"}}));
}

// The tables that a flush drops are saved all the same, and under the database they were in.
TEST(Snapshot, FlushAndSwapDoNotDisturbIt) {
  Store store(with_shards(3));
  KeyspaceModel model;
  for (int i = 0; i < 4'000; ++i) {
    store.set(i % 3, numbered(i), std::to_string(i));
    model[i % 3][numbered(i)] = std::to_string(i);
  }
  SavedKeys saved;
  Snapshot snapshot(store.keyspace, saved);
  ASSERT_TRUE(snapshot.step());
  store.swap(0, 1);
  store.set(0, numbered(1), "other");
  store.flush(1);
  for (int i = 0; i < 500; ++i) store.set(1, numbered(3 * i), "after the flush");
  ASSERT_TRUE(snapshot.step());
  store.flush_all();
  store.set(2, numbered(2), "after all");
  finish(snapshot);
  EXPECT_EQ(saved.databases(3), databases_of(model));
}

// The output keeps large values by reference: a later write must not change them under it.
TEST(Snapshot, ALargeValueIsPassedAsABlockThatKeepsItsBytes) {
  Store store(with_shards(1));
  const std::string value = make_value(50'000, 3);
  store.set(0, "key", value);
  SavedKeys saved;
  Snapshot snapshot(store.keyspace, saved);
  for (int i = 0; i < 3; ++i) store.splice(0, "key", 10, 50'000, "written over");
  finish(snapshot);
  EXPECT_TRUE(saved.shared(0, "key"));
  EXPECT_EQ(saved.databases(1)[0].at("key"), value);
}

TEST(Snapshot, SavesNothingAfterItWasStopped) {
  Store store(with_shards(2));
  for (int i = 0; i < 5'000; ++i) store.set(0, numbered(i), "value");
  SavedKeys saved;
  {
    Snapshot snapshot(store.keyspace, saved);
    ASSERT_TRUE(snapshot.step());
    store.flush(0);
  }
  const std::size_t keys = saved.keys();
  EXPECT_LT(keys, 5'000U);
  for (int i = 0; i < 5'000; ++i) store.set(0, numbered(i), "again");
  EXPECT_EQ(saved.keys(), keys);
}

// The epochs of 8 bits come round after 256 snapshots; a bucket left unstamped by those that were stopped would then
// count as saved.
TEST(Snapshot, IsWholeAfterHundredsThatWereStopped) {
  Store store(with_shards(1));
  SavedKeys::Database expected;
  for (int i = 0; i < 1'000; ++i) {
    store.set(0, numbered(i), std::to_string(i));
    expected[numbered(i)] = std::to_string(i);
  }
  for (int round = 0; round <= 512; ++round) {
    SavedKeys saved;
    Snapshot snapshot(store.keyspace, saved);
    if (round % 256 == 0) {
      finish(snapshot);
      ASSERT_EQ(saved.databases(1)[0], expected) << round;
    } else {
      for (int steps = round % 9; steps > 0; --steps) snapshot.step();
    }
  }
}

// The lock is given up between steps however many keys there are, and however long they are.
TEST(Snapshot, AStepIsBounded) {
  Store store(with_shards(1));
  for (int i = 0; i < 20'000; ++i) store.set(0, numbered(i), i % 2 == 0 ? "short" : std::string(6'000, 'x'));
  SavedKeys saved;
  Snapshot snapshot(store.keyspace, saved);
  std::size_t keys = 0;
  std::size_t bytes = 0;
  for (bool more = true; more;) {
    more = snapshot.step();
    ASSERT_LE(saved.keys() - keys, 16U * Bucket::kSlots);
    ASSERT_LE(saved.bytes() - bytes, 64U * 1024 + Bucket::kSlots * 6'100U);
    keys = saved.keys();
    bytes = saved.bytes();
  }
  EXPECT_EQ(keys, 20'000U);
}

using SnapshotDeathTest = testing::Test;

TEST(SnapshotDeathTest, TwoAtOnceAreABug) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  Store store(with_shards(1));
  SavedKeys saved;
  const Snapshot snapshot(store.keyspace, saved);
  EXPECT_DEATH(Snapshot(store.keyspace, saved), "snapshot_running");
}

}  // namespace
}  // namespace kvstore::store
