// The library's store with a data directory: what a reopened store has, after an orderly end and after any crash, and
// what callers are told when the disk is full or broken.
#include "engine/durable_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "env/crash_states.h"
#include "env/faulty_directory.h"
#include "env/memory_directory.h"
#include "kvstore/key_value_store.h"

namespace kvstore {
namespace {

using Content = std::map<std::string, std::string>;

class DurableKeyValueStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "kvstore_durable_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  [[nodiscard]] Options options() const {
    Options options;
    options.data_dir = path_ + "/data";
    options.log_segment_bytes = std::uint64_t{2} << 20;
    options.shards = 8;
    return options;
  }
  [[nodiscard]] std::unique_ptr<KeyValueStore> open(const Options& options) const {
    auto opened = KeyValueStore::open(options);
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    return opened.ok() ? std::move(opened).value() : nullptr;
  }
  [[nodiscard]] std::unique_ptr<KeyValueStore> open() const { return open(options()); }

  static Content content_of(const KeyValueStore& store) {
    Content content;
    store.for_each([&](std::string_view key, std::string_view value) {
      content.emplace(key, value);
      return true;
    });
    return content;
  }

  std::string path_;
};

TEST_F(DurableKeyValueStoreTest, AReopenedStoreHasWhatWasWritten) {
  Content expected;
  for (int round = 0; round < 3; ++round) {
    auto store = open();
    EXPECT_EQ(content_of(*store), expected);
    const std::string name = "round" + std::to_string(round);
    ASSERT_TRUE(store->set(name, "value of " + name).ok());
    ASSERT_TRUE(store->set("large" + name, std::string(100'000, 'L')).ok());
    ASSERT_TRUE(store->set("same", name).ok());
    WriteBatch batch;
    batch.set("batch" + name, "1");
    batch.set("gone", "1");
    batch.erase("gone");
    ASSERT_TRUE(store->write(batch).ok());
    if (round == 1) {
      EXPECT_TRUE(store->erase("round0").value());
      EXPECT_FALSE(store->erase("round0").value());
      ASSERT_TRUE(store->snapshot().ok());
    }
    expected = content_of(*store);
    EXPECT_TRUE(store->status().ok());
  }
  auto store = open();
  ASSERT_TRUE(store->clear().ok());
  store.reset();
  EXPECT_EQ(open()->size(), 0U);
}

TEST_F(DurableKeyValueStoreTest, EverySecondKeepsAllAcrossAnOrderlyEnd) {
  Options lazy = options();
  lazy.durability = Durability::kEverySecond;
  auto store = open(lazy);
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(store->set(std::to_string(i), "v").ok());
  ASSERT_TRUE(store->sync().ok());
  ASSERT_TRUE(store->set("after the sync", "v").ok());
  store.reset();
  EXPECT_EQ(open()->size(), 1'001U);
}

TEST_F(DurableKeyValueStoreTest, ADirectoryIsOpenedOnce) {
  auto store = open();
  auto second = KeyValueStore::open(options());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  ASSERT_TRUE(store->set("k", "v").ok());
  store.reset();
  EXPECT_EQ(open()->get("k"), "v");
}

TEST_F(DurableKeyValueStoreTest, ASegmentSizeOutOfRangeIsRefusedByName) {
  Options wrong = options();
  wrong.log_segment_bytes = 4096;
  const auto opened = KeyValueStore::open(wrong);
  ASSERT_EQ(opened.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(opened.status().message(), "log_segment_bytes must be 2097152 to 1073741824, not 4096");
}

TEST_F(DurableKeyValueStoreTest, TheLogIsLetGoOnceSnapshotsCoverIt) {
  Options small = options();
  small.snapshot_log_bytes = std::uint64_t{4} << 20;
  auto store = open(small);
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(store->set("key" + std::to_string(i % 10), std::string(50'000, 'v')).ok());
  }
  ASSERT_TRUE(store->snapshot().ok());
  // 50 MB were written. The keeper lets go of files in the background, also of one that is being looked at here.
  const auto bytes_on_disk = [this] {
    std::uintmax_t bytes = 0;
    for (const auto& file : std::filesystem::directory_iterator(path_ + "/data")) {
      std::error_code gone;
      const std::uintmax_t size = file.file_size(gone);
      if (!gone) bytes += size;
    }
    return bytes;
  };
  while (bytes_on_disk() >= std::uintmax_t{40} << 20) std::this_thread::yield();
  store.reset();
  EXPECT_EQ(open()->size(), 10U);
}

TEST_F(DurableKeyValueStoreTest, ThreadsWriteAndReadTogether) {
  constexpr int kThreads = 4;
  constexpr int kKeys = 200;
  {
    auto store = open();
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&store, t] {
        for (int i = 0; i < kKeys; ++i) {
          const std::string key = std::to_string(t) + ":" + std::to_string(i);
          EXPECT_TRUE(store->set(key, key).ok());
          EXPECT_EQ(store->get(key), key);
          if (i % 5 == 0) {
            EXPECT_TRUE(store->erase(key).value());
            EXPECT_FALSE(store->contains(key));
          }
          if (i == kKeys / 2) {
            EXPECT_TRUE(store->snapshot().ok());
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(open()->size(), static_cast<std::size_t>(kThreads * kKeys * 4 / 5));
}

namespace on_a_model_disk {

constexpr std::size_t kBatchBytes = 64 * 1024;

// A store over a directory of the test.
class Store {
 public:
  explicit Store(env::Directory& disk, durability::Mode mode = durability::Mode::kAlways)
      : keyspace_(keyspace_options()) {
    engine::DurableStore::Options options;
    options.mode = mode;
    options.batch_bytes = kBatchBytes;
    options.segment_bytes = durability::kPageBytes + 4 * kBatchBytes;
    auto opened = engine::DurableStore::open(disk, keyspace_, 0, options);
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    if (opened.ok()) store_ = std::move(opened).value();
  }
  [[nodiscard]] engine::DurableStore& operator*() { return *store_; }
  Status set(std::string_view key, std::string_view value) { return store_->set(keyspace_.key(key), value); }
  Result<bool> erase(std::string_view key) { return store_->erase(keyspace_.key(key)); }
  // As KeyValueStore::get().
  std::optional<std::string> get(std::string_view key_bytes) {
    const store::Key key = keyspace_.key(key_bytes);
    const unsigned shard = keyspace_.shard_of(key.hash);
    keyspace_.lock(shard);
    const store::ValueView found = keyspace_.find(0, key);
    std::optional<std::string> value;
    if (found) value = std::string(found.bytes);
    const store::Lsn lsn = store_->last_lsn(shard);
    keyspace_.unlock(shard);
    store_->wait_readable(lsn);
    return value;
  }
  [[nodiscard]] Content content() const {
    Content content;
    std::uint64_t cursor = 0;
    do {
      cursor = keyspace_.scan(0, cursor, 100, [&](std::string_view key, const store::ValueView& value) {
        content.emplace(key, value.bytes);
      });
    } while (cursor != 0);
    return content;
  }

 private:
  static store::Keyspace::Options keyspace_options() {
    store::Keyspace::Options options;
    options.shards = 4;
    return options;
  }

  store::Keyspace keyspace_;
  std::unique_ptr<engine::DurableStore> store_;
};

// After a power loss at any moment: every write that returned is there, and of each batch all or nothing.
TEST(DurableStoreCrash, KeepsWhatReturnedAndBatchesWhole) {
  env::MemoryDirectory disk;
  std::vector<Content> states;
  {
    Store store(disk);
    disk.start_trace();
    states.push_back(store.content());
    for (int i = 0; i < 4; ++i) {
      WriteBatch batch;
      const std::string name = std::to_string(i);
      batch.set("a" + name, "1");
      batch.set("b" + name, std::string(3'000, 'b'));
      batch.set("c", name);
      if (i > 0) batch.erase("a" + std::to_string(i - 1));
      ASSERT_TRUE((*store).write(batch).ok());
      states.push_back(store.content());
      disk.note_acknowledged(states.size() - 1);
    }
    ASSERT_TRUE(store.set("last", "1").ok());
    states.push_back(store.content());
    disk.note_acknowledged(states.size() - 1);
  }
  env::CrashStates crashes(disk.trace(), 1, {64, 16, 8, 8});
  std::size_t tried = 0;
  while (const auto crash = crashes.next()) {
    Store store(*crash->disk);
    const Content content = store.content();
    bool known = false;
    for (std::size_t i = crash->acknowledged; i < states.size(); ++i) known = known || content == states[i];
    ASSERT_TRUE(known) << crash->description << ": acknowledged " << crash->acknowledged;
    ++tried;
  }
  EXPECT_GT(tried, 10U);
}

TEST(DurableStoreFailure, AFailedWriteEndsAllWritingAndSaysWhy) {
  env::MemoryDirectory disk;
  env::FaultyDirectory faulty(disk);
  {
    Store store(faulty);
    ASSERT_TRUE(store.set("before", "1").ok());
    faulty.set_plan({env::FaultKind::kWriteDurably, 1, true, StatusCode::kNoSpace, 0});
    EXPECT_EQ(store.set("meets it", "1").code(), StatusCode::kIoError);
    faulty.set_plan({});
    EXPECT_EQ(store.set("after", "1").code(), StatusCode::kIoError);
    EXPECT_EQ(store.erase("before").status().code(), StatusCode::kIoError);
    EXPECT_EQ((*store).clear().code(), StatusCode::kIoError);
    EXPECT_EQ((*store).sync().code(), StatusCode::kIoError);
    EXPECT_FALSE((*store).snapshot().ok());
    EXPECT_EQ((*store).status().code(), StatusCode::kIoError);
    EXPECT_EQ(store.get("before"), "1") << "reads go on";
    EXPECT_EQ(store.content().count("after"), 0U) << "a write that is refused changes nothing";
  }
  const auto later = disk.after_kill();
  Store store(*later);
  EXPECT_EQ(store.content(), (Content{{"before", "1"}}));
}

TEST(DurableStoreFailure, AFullDiskRefusesWritesThatChangedNothingAndTakesThemAgainWhenThereIsRoom) {
  env::MemoryDirectory disk;
  env::FaultyDirectory faulty(disk);
  Store store(faulty);
  faulty.set_capacity(std::uint64_t{2} << 20);
  Content expected;
  Status status;
  for (int i = 0; i < 1'000 && status.ok(); ++i) {
    const std::string key = std::to_string(i);
    status = store.set(key, std::string(20'000, 'v'));
    if (status.ok()) expected[key] = std::string(20'000, 'v');
  }
  EXPECT_EQ(status.code(), StatusCode::kNoSpace) << status.message();
  EXPECT_GT(expected.size(), 10U);
  EXPECT_TRUE(store.content() == expected);
  EXPECT_TRUE((*store).status().ok());
  EXPECT_EQ(store.get("0"), std::string(20'000, 'v'));
  faulty.set_capacity(env::FaultyDirectory::kUnlimited);
  // The keeper looks for room now and then.
  while ((status = store.set("again", "1")).code() == StatusCode::kNoSpace) std::this_thread::yield();
  EXPECT_TRUE(status.ok()) << status.message();
}

// Lets durable writes pass, or holds them up.
class Gate final : public env::Directory {
 public:
  explicit Gate(env::Directory& inner) : inner_(inner) {}
  void close() { open_.store(false); }
  void open() {
    open_.store(true);
    open_.notify_all();
  }
  [[nodiscard]] bool somebody_waits() const { return waiting_.load(); }

  Result<std::unique_ptr<env::File>> open(std::string_view name, env::OpenMode mode, env::Caching caching) override {
    auto file = inner_.open(name, mode, caching);
    if (!file.ok()) return file.status();
    return std::unique_ptr<env::File>(std::make_unique<GatedFile>(*this, std::move(file).value()));
  }
  Status rename(std::string_view from, std::string_view to) override { return inner_.rename(from, to); }
  Status remove(std::string_view name) override { return inner_.remove(name); }
  Result<std::vector<std::string>> list() override { return inner_.list(); }
  Status sync() override { return inner_.sync(); }
  Status lock(std::string_view name) override { return inner_.lock(name); }
  const std::string& path() const override { return inner_.path(); }

 private:
  class GatedFile final : public env::File {
   public:
    GatedFile(Gate& gate, std::unique_ptr<env::File> inner) : gate_(gate), inner_(std::move(inner)) {}
    Result<std::size_t> read(std::uint64_t offset, std::span<char> bytes) override {
      return inner_->read(offset, bytes);
    }
    Status write(std::uint64_t offset, std::string_view bytes) override { return inner_->write(offset, bytes); }
    Status write_durably(std::uint64_t offset, std::string_view bytes) override {
      if (!gate_.open_.load()) gate_.waiting_.store(true);
      gate_.open_.wait(false);
      return inner_->write_durably(offset, bytes);
    }
    Status sync() override { return inner_->sync(); }
    Status truncate(std::uint64_t size) override { return inner_->truncate(size); }
    Result<bool> allocate(std::uint64_t size) override { return inner_->allocate(size); }
    Result<std::uint64_t> size() const override { return inner_->size(); }
    int descriptor() const override { return inner_->descriptor(); }
    bool direct() const override { return inner_->direct(); }

   private:
    Gate& gate_;
    std::unique_ptr<env::File> inner_;
  };

  env::Directory& inner_;
  std::atomic<bool> open_{true};
  std::atomic<bool> waiting_{false};
};

TEST(DurableStoreRead, ShowsNoValueThatACrashCouldTakeBack) {
  env::MemoryDirectory disk;
  Gate gate(disk);
  Store store(gate);
  ASSERT_TRUE(store.set("k", "old").ok());
  ASSERT_TRUE((*store).sync().ok());
  gate.close();
  std::thread writer([&] { EXPECT_TRUE(store.set("k", "new").ok()); });
  while (store.content()["k"] != "new") std::this_thread::yield();
  while (!gate.somebody_waits()) std::this_thread::yield();
  std::atomic<bool> reading{false};
  std::atomic<bool> opened{false};
  std::thread opener([&] {
    while (!reading.load()) std::this_thread::yield();
    for (int i = 0; i < 1'000; ++i) std::this_thread::yield();
    opened.store(true);
    gate.open();
  });
  reading.store(true);
  EXPECT_EQ(store.get("k"), "new");
  EXPECT_TRUE(opened.load()) << "it was shown before it was on disk";
  writer.join();
  opener.join();
}

}  // namespace on_a_model_disk
}  // namespace
}  // namespace kvstore
