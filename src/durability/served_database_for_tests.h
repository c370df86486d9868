// ServedDatabase: a keyspace with log and snapshots on a disk in memory, with its threads, and what a start would make
// of that disk.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "durability/log_group.h"
#include "durability/recovery.h"
#include "durability/storage.h"
#include "env/clock.h"
#include "env/memory_directory.h"
#include "store/keyspace.h"

namespace kvstore::durability::testing {

using Keys = std::map<std::string, std::string>;

inline Keys keys_of(const store::Keyspace& keyspace) {
  Keys keys;
  std::uint64_t cursor = 0;
  do {
    cursor = keyspace.scan(0, cursor, 100, [&keys](std::string_view key, const store::ValueView& value) {
      keys[std::string(key)] = std::string(value.bytes);
    });
  } while (cursor != 0);
  return keys;
}

class ServedDatabase {
 public:
  static constexpr std::size_t kBatchBytes = 64 * 1024;
  static constexpr std::size_t kSegmentBytes = kPageBytes + 4 * kBatchBytes;

  explicit ServedDatabase(const env::MemoryDirectory& disk)
      : directory_(disk.open_again()), keyspace_(store::Keyspace::Options{}) {
    StorageOptions options;
    options.segment_bytes = kSegmentBytes;
    options.batch_bytes = kBatchBytes;
    options.version = "test";
    auto opened = Storage::open(*directory_, keyspace_, env::Clock::system(), std::move(options));
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    storage_ = std::move(opened).value();
    group_ = std::make_unique<LogGroup>(storage_->log());
    context_ = store::WriteContext(group_.get());
  }
  ~ServedDatabase() {
    if (storage_ != nullptr) close();
  }
  ServedDatabase(const ServedDatabase&) = delete;
  ServedDatabase& operator=(const ServedDatabase&) = delete;

  // Each is a group of its own, on disk when it returns; its LSN is the one behind it.
  Lsn set(std::string_view key_bytes, std::string_view value) {
    return change(key_bytes, [&](const store::Key& key) {
      keyspace_.set(0, key, store::ValueType::kString, store::NewValue::stage(value), context_);
    });
  }
  Lsn erase(std::string_view key_bytes) {
    return change(key_bytes, [&](const store::Key& key) { EXPECT_TRUE(keyspace_.erase(0, key, context_)); });
  }
  Lsn snapshot() {
    const std::uint64_t number = storage_->snapshots().request();
    const Status status = storage_->snapshots().wait(number);
    EXPECT_TRUE(status.ok()) << status.message();
    return storage_->snapshots().last_lsn();
  }
  void close() {
    EXPECT_TRUE(storage_->close().ok());
    storage_.reset();
  }
  [[nodiscard]] Keys keys() const { return keys_of(keyspace_); }

 private:
  template <typename Change>
  Lsn change(std::string_view key_bytes, Change make) {
    const store::Key key = keyspace_.key(key_bytes);
    const unsigned shard = keyspace_.shard_of(key.hash);
    keyspace_.lock(shard);
    make(key);
    const Lsn lsn = keyspace_.seal(shard, context_);
    keyspace_.unlock(shard);
    keyspace_.do_chores(shard);
    context_.release();
    EXPECT_TRUE(storage_->log().wait_acknowledged(lsn).ok());
    return lsn;
  }

  std::unique_ptr<env::Directory> directory_;  // as another process: it holds the lock while this lives
  store::Keyspace keyspace_;
  std::unique_ptr<Storage> storage_;
  std::unique_ptr<LogGroup> group_;
  store::WriteContext context_;
};

struct Started {
  Status status;
  Recovered recovered;
  Keys keys;
};

// What a start makes of the disk, which it changes as a start does.
inline Started start_from(env::Directory& disk) {
  store::Keyspace keyspace{store::Keyspace::Options{}};
  RecoveryOptions options;
  options.segments.segment_bytes = ServedDatabase::kSegmentBytes;
  options.segments.batch_bytes = ServedDatabase::kBatchBytes;
  Result<Recovered> recovered = recover(disk, keyspace, env::Clock::system(), options);
  Started started;
  started.status = recovered.status();
  if (!recovered.ok()) return started;
  started.recovered = std::move(recovered).value();
  started.keys = keys_of(keyspace);
  return started;
}

}  // namespace kvstore::durability::testing
