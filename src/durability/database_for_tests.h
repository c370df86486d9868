// What the tests of crashes, damage and faults share: a model of the data with a digest, and a database worked by hand:
// recovery, log and segments as storage.h puts them together, but without threads, in any directory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/hash.h"
#include "durability/log.h"
#include "durability/log_group.h"
#include "durability/rdb_for_tests.h"
#include "durability/recovery.h"
#include "durability/segment_pool.h"
#include "env/clock.h"
#include "env/directory.h"
#include "store/keyspace.h"
#include "store/shard_set.h"
#include "store/write_context.h"

namespace kvstore::durability::testing {

// How far a search goes: what ./test says in this variable of the environment, if anything.
inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Of all keys with their values, whatever their order.
class Digest {
 public:
  [[nodiscard]] static std::uint64_t of(int db, std::string_view key, std::string_view value) {
    const std::uint64_t parts[] = {static_cast<std::uint64_t>(db), XXH3_64bits(key.data(), key.size()),
                                   XXH3_64bits(value.data(), value.size())};
    return XXH3_64bits(parts, sizeof parts);
  }
  [[nodiscard]] static std::uint64_t of(const store::Keyspace& keyspace) {
    std::uint64_t sum = 0;
    for_each(keyspace, [&](int db, std::string_view key, std::string_view value) { sum += of(db, key, value); });
    return sum;
  }
  template <typename Visit>
  static void for_each(const store::Keyspace& keyspace, Visit visit) {
    for (int db = 0; db < store::Keyspace::kDatabases; ++db) {
      if (keyspace.size(db) == 0) continue;
      std::uint64_t cursor = 0;
      do {
        cursor = keyspace.scan(db, cursor, 1000, [&](std::string_view key, const store::ValueView& value) {
          visit(db, key, value.bytes);
        });
      } while (cursor != 0);
    }
  }
};

// What the keys should be. Beside each change to it stands the same one to a keyspace.
class Model {
 public:
  using Keys = std::map<std::pair<int, std::string>, std::string>;

  Model() = default;
  explicit Model(const store::Keyspace& keyspace) {
    Digest::for_each(keyspace, [&](int db, std::string_view key, std::string_view value) {
      set(db, std::string(key), std::string(value));
    });
  }

  void set(int db, const std::string& key, std::string value) {
    erase(db, key);
    digest_ += Digest::of(db, key, value);
    keys_[{db, key}] = std::move(value);
  }
  void erase(int db, const std::string& key) {
    const auto found = keys_.find({db, key});
    if (found == keys_.end()) return;
    digest_ -= Digest::of(db, key, found->second);
    keys_.erase(found);
  }
  void splice(int db, const std::string& key, std::size_t offset, std::size_t size, std::string_view bytes) {
    std::string value = keys_.at({db, key});
    value.resize(size, '\0');
    value.replace(offset, bytes.size(), bytes);
    set(db, key, std::move(value));
  }
  void flush(int db) {
    Keys before = std::exchange(keys_, {});
    digest_ = 0;
    for (auto& [at, value] : before) {
      if (at.first != db) set(at.first, at.second, std::move(value));
    }
  }
  void flush_all() { *this = Model(); }
  void swap(int a, int b) {
    Keys before = std::exchange(keys_, {});
    digest_ = 0;
    for (auto& [at, value] : before) set(at.first == a ? b : at.first == b ? a : at.first, at.second, std::move(value));
  }

  [[nodiscard]] const Keys& keys() const { return keys_; }
  [[nodiscard]] bool contains(int db, const std::string& key) const { return keys_.contains({db, key}); }
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

 private:
  Keys keys_;
  std::uint64_t digest_ = 0;  // as of a keyspace with these keys
};

// A snapshot, small and by hand, in the order of docs/formats/snapshot.md.
[[nodiscard]] inline Status write_snapshot(env::Directory& directory, const Model& model, const DatabaseId& id,
                                           Lsn lsn) {
  SnapshotInfo info;
  info.version = "test";
  info.database_id = to_text(id);
  info.lsn = lsn;
  info.keys = model.keys().size();
  RdbBuilder builder(rdb_header(info));
  for (const auto& [at, value] : model.keys()) builder.select(at.first).key(at.second, value);
  {
    auto file = directory.open(kTemporarySnapshotName, env::OpenMode::kCreate, env::Caching::kBuffered);
    if (!file.ok()) return file.status();
    if (Status status = file.value()->write(0, builder.end()); !status.ok()) return status;
    if (Status status = file.value()->sync(); !status.ok()) return status;
  }
  Status status = directory.rename(kSnapshotName, kPreviousSnapshotName);
  if (status.ok() || status.code() == StatusCode::kNotFound) {
    status = directory.rename(kTemporarySnapshotName, kSnapshotName);
  }
  return status.ok() ? directory.sync() : status;
}

// The smallest segments that hold more than one batch.
struct SmallSizes {
  Mode mode = Mode::kAlways;
  std::size_t batch_bytes = 2 * kPageBytes;
  std::uint64_t segment_bytes = kPageBytes + 6 * kPageBytes;

  [[nodiscard]] RecoveryOptions recovery() const {
    RecoveryOptions options;
    options.segments.segment_bytes = segment_bytes;
    options.segments.batch_bytes = batch_bytes;
    options.segments.caching = mode == Mode::kAlways ? env::Caching::kDirect : env::Caching::kBuffered;
    options.threads = 1;
    return options;
  }
};

inline store::Keyspace::Options one_shard() {
  store::Keyspace::Options options;
  options.shards = 1;
  options.hash_secret = {};
  return options;
}

// Empty keyspaces. To map and unmap the memory of a new one for each of a hundred thousand recoveries would take longer
// than the recoveries, so those that are done with are emptied and used again.
class Keyspaces {
 public:
  struct GiveBack {
    bool again = true;  // false: it noted LSNs, which must not go back
    void operator()(store::Keyspace* keyspace) const {
      std::unique_ptr<store::Keyspace> owned(keyspace);
      if (again) give_back(std::move(owned));
    }
  };
  using Lent = std::unique_ptr<store::Keyspace, GiveBack>;

  [[nodiscard]] static Lent lend() {
    auto& kept = spare();
    if (kept.empty()) return Lent(std::make_unique<store::Keyspace>(one_shard()).release());
    Lent lent(kept.back().release());
    kept.pop_back();
    return lent;
  }

 private:
  static std::vector<std::unique_ptr<store::Keyspace>>& spare() {
    static std::vector<std::unique_ptr<store::Keyspace>> keyspaces;
    return keyspaces;
  }
  static void give_back(std::unique_ptr<store::Keyspace> keyspace) {
    std::vector<std::pair<int, std::string>> keys;
    Digest::for_each(*keyspace, [&](int db, std::string_view key, std::string_view) { keys.emplace_back(db, key); });
    store::WriteContext context;
    keyspace->lock(0);
    for (const auto& [db, key] : keys) KV_ASSERT(keyspace->erase(db, keyspace->key(key), context));
    keyspace->unlock(0);
    keyspace->do_chores(0);
    context.release();
    spare().push_back(std::move(keyspace));
  }
};

class HandDatabase {
 public:
  HandDatabase(env::Directory& directory, SmallSizes sizes)
      : directory_(directory), sizes_(sizes), keyspace_(Keyspaces::lend()) {}

  [[nodiscard]] Status recover() {
    Result<Recovered> recovered = durability::recover(directory_, *keyspace_, env::Clock::system(), sizes_.recovery());
    if (!recovered.ok()) return recovered.status();
    recovered_ = std::move(recovered).value();
    lsn_ = recovered_.position.lsn;
    return {};
  }
  // Behind recover(): as Storage does it.
  [[nodiscard]] Status start() {
    keyspace_.get_deleter().again = false;
    pool_ = std::make_unique<SegmentPool>(directory_, sizes_.recovery().segments, std::move(recovered_.segments));
    const Log::Position& position = recovered_.position;
    if (position.segment.file == nullptr || position.offset + kBatchHeaderBytes > sizes_.segment_bytes) {
      if (Status status = pool_->prepare_one(); !status.ok()) return status;
    }
    Log::Options options;
    options.mode = sizes_.mode;
    options.on_failure = [this](const Status& status) { failures_.push_back(status); };
    log_ = std::make_unique<Log>(*pool_, env::Clock::system(), std::move(options), std::move(recovered_.position));
    group_ = std::make_unique<LogGroup>(*log_);
    return log_->write_marker();
  }
  [[nodiscard]] Status open() {
    const Status status = recover();
    return status.ok() ? start() : status;
  }

  // Commits everything, preparing segments as they are needed.
  [[nodiscard]] Status commit_all() {
    for (;;) {
      log_->commit_here();
      if (!failures_.empty()) return failures_.front();
      if (log_->acknowledged_lsn() == log_->end_lsn()) return {};
      if (Status status = prepare_one(); !status.ok()) return status;
    }
  }
  [[nodiscard]] Status prepare_one() {
    // Filled and allocated in turn.
    const Status status = pool_->prepare_one([this](auto) { return prepared_ % 2 == 0; });
    ++prepared_;
    log_->segments_changed();
    return status;
  }

  // Runs action(keyspace, context) with all shards locked, as one group.
  template <typename Action>
  void change(Action action) {
    store::WriteContext context(group_.get());
    store::ShardSet shards;
    for (unsigned shard = 0; shard < keyspace_->shards(); ++shard) shards.add(shard);
    keyspace_->lock(shards);
    action(*keyspace_, context);
    static_cast<void>(keyspace_->seal(shards, context));
    keyspace_->unlock(shards);
    shards.for_each([&](unsigned shard) { keyspace_->do_chores(shard); });
    context.release();
  }
  void set(int db, std::string_view key, std::string_view value) {
    change([&](store::Keyspace& keyspace, store::WriteContext& context) {
      keyspace.set(db, keyspace.key(key), store::ValueType::kString, store::NewValue::stage(value), context);
    });
  }

  [[nodiscard]] store::Keyspace& keyspace() { return *keyspace_; }
  [[nodiscard]] LogGroup& group() { return *group_; }
  [[nodiscard]] Log& log() { return *log_; }
  [[nodiscard]] SegmentPool& pool() { return *pool_; }
  [[nodiscard]] const Recovered& recovered() const { return recovered_; }
  [[nodiscard]] bool started() const { return log_ != nullptr; }
  // Where recovery found the end.
  [[nodiscard]] Lsn recovered_lsn() const { return lsn_; }
  [[nodiscard]] const std::vector<Status>& failures() const { return failures_; }

 private:
  env::Directory& directory_;
  const SmallSizes sizes_;
  Keyspaces::Lent keyspace_;
  Recovered recovered_;
  Lsn lsn_ = 0;
  unsigned prepared_ = 0;
  std::unique_ptr<SegmentPool> pool_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<LogGroup> group_;
  std::vector<Status> failures_;
};

}  // namespace kvstore::durability::testing
