#include "durability/snapshot_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "durability/rdb_for_tests.h"
#include "env/crash_states.h"
#include "env/faulty_directory.h"
#include "env/memory_directory.h"
#include "store/store_for_tests.h"

namespace kvstore::durability {
namespace {

using env::MemoryDirectory;
using store::make_value;
using store::Store;
using store::with_shards;
using ::testing::HasSubstr;

const std::string kId = "0123456789abcdef0123456789abcdef";

SnapshotWriter::Options options_at(store::Lsn lsn) {
  SnapshotWriter::Options options;
  options.version = "1.2.3";
  options.database_id = kId;
  options.position = [lsn] { return lsn; };
  options.memory_bytes = std::size_t{4} << 20;
  return options;
}

Result<SnapshotTaken> take(env::Directory& directory, Store& store, store::Lsn lsn = 1) {
  SnapshotWriter writer(directory, store.keyspace, env::Clock::system(), options_at(lsn));
  return writer.run();
}

// Keys of all kinds in three databases: short, empty, long, large values, large keys.
RdbKeys fill(Store& store, unsigned keys) {
  RdbKeys expected;
  for (unsigned i = 0; i < keys; ++i) {
    const int db = static_cast<int>(i % 3) * 7;
    const std::string key = i % 997 == 0 ? make_value(5'000 + i, i) : "key:" + std::to_string(i);
    const std::string value = make_value(i % 101 == 0 ? 8'000 + i : i % 90, i);
    store.set(db, key, value);
    expected[{db, key}] = value;
  }
  return expected;
}

RdbKeys keys_of(const MemoryDirectory& disk, const char* name) {
  const RdbContents contents = read_rdb(disk.contents(name));
  EXPECT_TRUE(contents.status.ok()) << contents.status.message();
  EXPECT_EQ(contents.keys.size(), contents.order.size()) << "a key came twice";
  return contents.keys;
}

TEST(SnapshotWriter, WritesEveryKeyOnce) {
  Store store(with_shards(16));
  const RdbKeys expected = fill(store, 20'000);
  MemoryDirectory disk;
  const Result<SnapshotTaken> taken = take(disk, store, 4711);
  ASSERT_TRUE(taken.ok()) << taken.status().message();
  EXPECT_EQ(taken.value().lsn, 4711U);
  EXPECT_EQ(taken.value().keys, expected.size());
  EXPECT_EQ(taken.value().bytes, disk.contents(kSnapshotName).size());
  EXPECT_TRUE(keys_of(disk, kSnapshotName) == expected);
  EXPECT_FALSE(disk.exists(kTemporarySnapshotName));
  EXPECT_FALSE(disk.exists(kPreviousSnapshotName));
  const RdbInfo info = read_rdb(disk.contents(kSnapshotName)).info;
  EXPECT_EQ(info.lsn, 4711U);
  EXPECT_EQ(info.keys, expected.size());
  EXPECT_EQ(info.database_id, kId);
  EXPECT_EQ(info.version, "1.2.3");
}

TEST(SnapshotWriter, WritesWhateverIsStored) {
  using Key = std::tuple<std::uint8_t, std::string, std::string>;
  EXPECT_TRUE(rc::check([](const std::vector<Key>& keys) {
    Store store(with_shards(2));
    RdbKeys expected;
    for (const auto& [db, key, value] : keys) {
      store.set(db % 16, key, value);
      expected[{db % 16, key}] = value;
    }
    MemoryDirectory disk;
    RC_ASSERT(take(disk, store).ok());
    RC_ASSERT(keys_of(disk, kSnapshotName) == expected);
  }));
}

TEST(SnapshotWriter, KeepsTheOneBefore) {
  Store store(with_shards(4));
  MemoryDirectory disk;
  for (const char* value : {"first", "second", "third"}) {
    store.set(0, "key", value);
    ASSERT_TRUE(take(disk, store).ok());
  }
  EXPECT_EQ(keys_of(disk, kSnapshotName), (RdbKeys{{{0, "key"}, "third"}}));
  EXPECT_EQ(keys_of(disk, kPreviousSnapshotName), (RdbKeys{{{0, "key"}, "second"}}));
}

TEST(SnapshotWriter, AppearsOnlyWhenTheLogIsDurable) {
  Store store(with_shards(4));
  store.set(0, "key", "value");
  MemoryDirectory disk;
  SnapshotWriter::Options options = options_at(17);
  store::Lsn asked = 0;
  options.ensure_log_durable = [&](store::Lsn lsn) {
    asked = lsn;
    EXPECT_TRUE(disk.exists(kTemporarySnapshotName));
    return Status(StatusCode::kIoError, "the log is gone");
  };
  SnapshotWriter writer(disk, store.keyspace, env::Clock::system(), options);
  EXPECT_EQ(writer.run().status().message(), "the log is gone");
  EXPECT_EQ(asked, 17U);
  EXPECT_FALSE(disk.exists(kSnapshotName));
  EXPECT_FALSE(disk.exists(kTemporarySnapshotName));
}

TEST(SnapshotWriter, FindsBytesThatTheDiskDidNotKeep) {
  Store store(with_shards(4));
  fill(store, 5'000);
  MemoryDirectory disk;
  Result<std::unique_ptr<SnapshotFile>> file = SnapshotFile::create(disk, "file");
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file.value()->append(make_value(3'000'000, 1)).ok());
  ASSERT_TRUE(file.value()->finish().ok());
  const std::string good = disk.contents("file");
  EXPECT_TRUE(file.value()->verify().ok());
  for (const std::size_t at : {std::size_t{0}, std::size_t{1} << 20, good.size() - 9, good.size() - 1}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    disk.put("file", bad);
    EXPECT_EQ(file.value()->verify().code(), StatusCode::kCorruption) << at;
  }
  disk.put("file", good.substr(0, good.size() - 1));
  EXPECT_EQ(file.value()->verify().code(), StatusCode::kCorruption);
}

TEST(SnapshotWriter, LooksBetweenPiecesWhetherOthersUseTheDisk) {
  Store store(with_shards(4));
  fill(store, 20'000);
  MemoryDirectory disk;
  int asked = 0;
  SnapshotWriter::Options options = options_at(17);
  options.shares_disk = [&asked] { return ++asked % 2 == 0; };
  SnapshotWriter writer(disk, store.keyspace, env::Clock::system(), options);
  const Result<SnapshotTaken> taken = writer.run();
  ASSERT_TRUE(taken.ok());
  const std::uint64_t whole_buffers = taken.value().bytes >> 20;
  ASSERT_GT(whole_buffers, 0U);
  EXPECT_EQ(static_cast<std::uint64_t>(asked), 4 * whole_buffers);
}

// --- a disk that fails -----------------------------------------------------------------------------------------------

void expect_one_of(const MemoryDirectory& disk, const RdbKeys& before, const RdbKeys& after) {
  const char* name = disk.exists(kSnapshotName) ? kSnapshotName : kPreviousSnapshotName;
  ASSERT_TRUE(disk.exists(name));
  const RdbKeys keys = keys_of(disk, name);
  EXPECT_TRUE(keys == before || keys == after);
}

TEST(SnapshotWriter, SurvivesEveryFailureOfTheDisk) {
  for (const std::size_t short_bytes : {std::size_t{0}, std::size_t{8'192}}) {
    env::FaultPlan plan;
    plan.short_bytes = short_bytes;
    const std::uint64_t runs = env::sweep_faults(plan, [](const env::FaultPlan& now) {
      Store store(with_shards(4));
      const RdbKeys before = fill(store, 2'000);
      MemoryDirectory disk;
      EXPECT_TRUE(take(disk, store).ok());
      store.set(0, "new", "key");
      RdbKeys after = before;
      after[{0, "new"}] = "key";
      env::FaultyDirectory faulty(disk, now);
      SnapshotWriter writer(faulty, store.keyspace, env::Clock::system(), options_at(2));
      const Result<SnapshotTaken> taken = writer.run();
      const std::uint64_t faults = faulty.faults();
      EXPECT_EQ(taken.ok(), faults == 0);
      EXPECT_TRUE(writer.has_room());
      expect_one_of(disk, before, after);
      // The server lives on: the next one succeeds.
      faulty.set_plan({});
      store.set(0, "newer", "key");
      after[{0, "newer"}] = "key";
      EXPECT_TRUE(writer.run().ok());
      EXPECT_TRUE(keys_of(disk, kSnapshotName) == after);
      return faults;
    });
    EXPECT_GT(runs, 8U);
  }
}

TEST(SnapshotWriter, LeavesNothingBehindOnAFullDisk) {
  Store store(with_shards(4));
  fill(store, 20'000);
  MemoryDirectory disk;
  env::FaultyDirectory full(disk);
  full.set_capacity(1'500'000);
  EXPECT_EQ(take(full, store).status().code(), StatusCode::kNoSpace);
  EXPECT_TRUE(disk.list().value().empty());
  // Writers are not held up by a snapshot that is gone.
  store.set(0, "key:1", "changed");
  EXPECT_TRUE(take(disk, store).ok());
}

TEST(SnapshotWriter, IsWholeAfterAPowerLossAtAnyMoment) {
  Store store(with_shards(2));
  const RdbKeys before = {{{0, "key"}, "before"}};
  const RdbKeys after = {{{0, "key"}, "after"}};
  store.set(0, "key", "before");
  MemoryDirectory disk;
  ASSERT_TRUE(take(disk, store).ok());
  disk.start_trace();
  store.set(0, "key", "after");
  ASSERT_TRUE(take(disk, store).ok());
  disk.note_acknowledged(1);
  env::CrashStates states(disk.trace(), 1);
  int seen = 0;
  while (auto state = states.next()) {
    ++seen;
    SCOPED_TRACE(state->description);
    expect_one_of(*state->disk, before, after);
    if (state->acknowledged == 1) EXPECT_TRUE(keys_of(*state->disk, kSnapshotName) == after);
  }
  EXPECT_GT(seen, 20);
}

// --- writers at the same time ----------------------------------------------------------------------------------------

TEST(SnapshotWriter, HoldsTheStateAtItsInstantWhileWritersGoOn) {
  constexpr unsigned kKeys = 30'000;
  Store store(with_shards(16));
  const RdbKeys expected = fill(store, kKeys);
  MemoryDirectory disk;
  SnapshotWriter::Options options = options_at(1);
  std::atomic<bool> begun{false};
  std::atomic<bool> over{false};
  options.position = [&] {
    begun = true;
    return store::Lsn{1};
  };
  SnapshotWriter writer(disk, store.keyspace, env::Clock::system(), options);
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&, thread] {
      while (!begun) std::this_thread::yield();
      for (unsigned i = thread; !over; i += 7) {
        writer.wait_for_room();
        const int db = static_cast<int>(i % 3) * 7;
        const std::string key = "key:" + std::to_string(i % kKeys);
        if (i % 5 == 0) {
          store.erase(db, key);
        } else {
          store.set(db, key, make_value(i % 11 == 0 ? 9'000 : 40, i + 1));
        }
        store.set(db, "new:" + std::to_string(i), "x");
      }
    });
  }
  const Result<SnapshotTaken> taken = writer.run();
  over = true;
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(taken.ok()) << taken.status().message();
  EXPECT_TRUE(keys_of(disk, kSnapshotName) == expected);
  EXPECT_TRUE(writer.has_room());
}

// Runs `during` when the first bytes are written to the file, that is in the middle of the snapshot.
class PausingDirectory final : public env::Directory {
 public:
  PausingDirectory(env::Directory& inner, std::function<void()> during) : inner_(inner), during_(std::move(during)) {}

  Result<std::unique_ptr<env::File>> open(std::string_view name, env::OpenMode mode, env::Caching caching) override {
    auto file = inner_.open(name, mode, caching);
    if (!file.ok()) return file.status();
    return std::unique_ptr<env::File>(std::make_unique<PausingFile>(std::move(file).value(), during_));
  }
  Status rename(std::string_view from, std::string_view to) override { return inner_.rename(from, to); }
  Status remove(std::string_view name) override { return inner_.remove(name); }
  Result<std::vector<std::string>> list() override { return inner_.list(); }
  Status sync() override { return inner_.sync(); }
  Status lock(std::string_view name) override { return inner_.lock(name); }
  const std::string& path() const override { return inner_.path(); }

 private:
  class PausingFile final : public env::File {
   public:
    PausingFile(std::unique_ptr<env::File> inner, std::function<void()>& during)
        : inner_(std::move(inner)), during_(during) {}
    Result<std::size_t> read(std::uint64_t offset, std::span<char> bytes) override {
      return inner_->read(offset, bytes);
    }
    Status write(std::uint64_t offset, std::string_view bytes) override {
      if (during_) std::exchange(during_, nullptr)();
      return inner_->write(offset, bytes);
    }
    Status write_durably(std::uint64_t offset, std::string_view bytes) override {
      return inner_->write_durably(offset, bytes);
    }
    Status sync() override { return inner_->sync(); }
    Status truncate(std::uint64_t size) override { return inner_->truncate(size); }
    Result<bool> allocate(std::uint64_t size) override { return inner_->allocate(size); }
    Result<std::uint64_t> size() const override { return inner_->size(); }
    int descriptor() const override { return inner_->descriptor(); }
    bool direct() const override { return inner_->direct(); }

   private:
    std::unique_ptr<env::File> inner_;
    std::function<void()>& during_;
  };

  env::Directory& inner_;
  std::function<void()> during_;
};

// 7 MB in values that are copied, so that a snapshot is in its middle when its first megabyte is written.
constexpr unsigned kSmallKeys = 1'000;

RdbKeys fill_small(Store& store) {
  RdbKeys expected;
  const std::string value = make_value(7'000, 1);
  for (unsigned i = 0; i < kSmallKeys; ++i) {
    store.set(0, "key:" + std::to_string(i), value);
    expected[{0, "key:" + std::to_string(i)}] = value;
  }
  return expected;
}

TEST(SnapshotWriter, SaysWhenThereIsNoRoomAndWhenThereIsAgain) {
  Store store(with_shards(4));
  const RdbKeys expected = fill_small(store);
  MemoryDirectory disk;
  int room_came = 0;
  unsigned written = 0;
  SnapshotWriter* running = nullptr;
  PausingDirectory slow(disk, [&] {
    EXPECT_TRUE(running->has_room());
    while (running->has_room() && written < kSmallKeys) store.set(0, "key:" + std::to_string(written++), "changed");
    EXPECT_FALSE(running->has_room());
    EXPECT_LT(written, kSmallKeys);
    EXPECT_EQ(room_came, 0);
    EXPECT_TRUE(running->progress().running);
    EXPECT_EQ(running->progress().keys_total, kSmallKeys);
  });
  SnapshotWriter::Options options = options_at(1);
  options.on_room = [&] {
    ++room_came;
    EXPECT_TRUE(running->has_room());
  };
  SnapshotWriter writer(slow, store.keyspace, env::Clock::system(), options);
  running = &writer;
  ASSERT_TRUE(writer.run().ok());
  EXPECT_GT(room_came, 0);
  EXPECT_GT(written, 10U);  // a write saves some 20 keys: most of the memory was used
  EXPECT_TRUE(keys_of(disk, kSnapshotName) == expected);
  EXPECT_FALSE(writer.progress().running);
  EXPECT_EQ(writer.progress().keys_done, kSmallKeys);
}

TEST(SnapshotWriter, StaysCorrectBeyondItsMemory) {
  Store store(with_shards(4));
  const RdbKeys expected = fill_small(store);
  MemoryDirectory disk;
  PausingDirectory slow(disk, [&] {
    for (unsigned i = 0; i < kSmallKeys; ++i) store.set(0, "key:" + std::to_string(i), "changed");
  });
  ASSERT_TRUE(take(slow, store).ok());
  EXPECT_TRUE(keys_of(disk, kSnapshotName) == expected);
}

TEST(SnapshotWriter, GivesMemoryBackWhenTheDiskFailsInTheMiddle) {
  Store store(with_shards(4));
  fill_small(store);
  MemoryDirectory disk;
  env::FaultyDirectory full(disk);
  full.set_capacity(1'500'000);
  SnapshotWriter* running = nullptr;
  bool room_came = false;
  PausingDirectory slow(full, [&] {
    for (unsigned i = 0; running->has_room() && i < kSmallKeys; ++i)
      store.set(0, "key:" + std::to_string(i), "changed");
    EXPECT_FALSE(running->has_room());
  });
  SnapshotWriter::Options options = options_at(1);
  options.on_room = [&] { room_came = true; };
  SnapshotWriter writer(slow, store.keyspace, env::Clock::system(), options);
  running = &writer;
  EXPECT_EQ(writer.run().status().code(), StatusCode::kNoSpace);
  EXPECT_TRUE(room_came);
  EXPECT_TRUE(writer.has_room());
  writer.wait_for_room();
}

TEST(SnapshotWriter, SharesLargeValuesAndKeepsTheOldOnes) {
  Store store(with_shards(4));
  RdbKeys expected;
  for (unsigned i = 0; i < 300; ++i) {
    store.set(0, "key:" + std::to_string(i), make_value(100'000, i));
    expected[{0, "key:" + std::to_string(i)}] = make_value(100'000, i);
  }
  MemoryDirectory disk;
  PausingDirectory slow(disk, [&] {
    for (unsigned i = 0; i < 300; ++i) {
      if (i % 2 == 0) {
        store.set(0, "key:" + std::to_string(i), "short");
      } else {
        store.splice(0, "key:" + std::to_string(i), 10, 50'000, "!");
      }
    }
  });
  ASSERT_TRUE(take(slow, store).ok());
  EXPECT_TRUE(keys_of(disk, kSnapshotName) == expected);
}

TEST(SnapshotWriter, StopsWhenToldTo) {
  Store store(with_shards(4));
  fill_small(store);
  MemoryDirectory disk;
  SnapshotWriter* running = nullptr;
  PausingDirectory slow(disk, [&] { running->stop(); });
  SnapshotWriter writer(slow, store.keyspace, env::Clock::system(), options_at(1));
  running = &writer;
  EXPECT_EQ(writer.run().status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(writer.run().status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(disk.list().value().empty());
}

TEST(SnapshotWriter, WritesAnEmptyKeyspace) {
  Store store(with_shards(4));
  MemoryDirectory disk;
  ASSERT_TRUE(take(disk, store).ok());
  EXPECT_TRUE(keys_of(disk, kSnapshotName).empty());
}

}  // namespace
}  // namespace kvstore::durability
