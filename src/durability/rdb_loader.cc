#include "durability/rdb_loader.h"

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "durability/rdb_batch.h"

namespace kvstore::durability {
namespace {

using store::Keyspace;

std::size_t keys_in(const Keyspace& keyspace) {
  std::size_t keys = 0;
  for (int db = 0; db < Keyspace::kDatabases; ++db) keys += keyspace.size(db);
  return keys;
}

// One of the threads that insert, with the shards whose number leaves its own number over.
class Inserter {
 public:
  explicit Inserter(Keyspace& keyspace) : keyspace_(keyspace), starts_(keyspace.shards() + 1) {
    thread_ = std::thread([this] { run(); });
  }
  ~Inserter() { finish(); }
  Inserter(const Inserter&) = delete;
  Inserter& operator=(const Inserter&) = delete;

  // --- on the decoding thread ---
  // True when it handed a batch on.
  bool add(RdbEntry& entry, std::uint64_t hash, unsigned shard) {
    if (batch_ == nullptr) batch_ = queue_.empty_batch();
    batch_->add(entry, hash, shard);
    if (!batch_->full()) return false;
    queue_.put_full(std::move(batch_));
    return true;
  }
  // Returns when everything is inserted.
  void finish() {
    if (!thread_.joinable()) return;
    if (batch_ != nullptr) queue_.put_full(std::move(batch_));
    queue_.put_full(nullptr);
    thread_.join();
  }

 private:
  // How many keys are set under one lock, and how many keys ahead their buckets are fetched.
  static constexpr std::size_t kKeysALock = 32;

  void run() {
    while (std::unique_ptr<RdbBatch> batch = queue_.full_batch()) {
      insert(batch->items());
      queue_.put_empty(std::move(batch));
    }
  }

  void insert(std::vector<RdbBatch::Item>& items) {
    sort_by_shard(items);
    for (std::size_t first = 0; first < order_.size();) {
      const unsigned shard = items[order_[first]].shard;
      std::size_t end = first;
      while (end < order_.size() && end - first < kKeysALock && items[order_[end]].shard == shard) {
        const RdbBatch::Item& item = items[order_[end++]];
        keyspace_.prefetch_bucket(item.db, item.hash);
      }
      keyspace_.lock(shard);
      for (; first < end; ++first) set(items[order_[first]]);
      keyspace_.unlock(shard);
      keyspace_.prepare_spares(shard);
      context_.release();
    }
  }

  void set(RdbBatch::Item& item) {
    const store::Key key{item.key(), item.hash};
    if (item.block == nullptr) {
      keyspace_.set(item.db, key, store::ValueType::kString, item.value(), context_);
    } else {
      store::NewValue value(base::SharedBytesRef::adopt(std::exchange(item.block, nullptr)));
      keyspace_.set(item.db, key, store::ValueType::kString, std::move(value), context_);
    }
  }

  // order_ becomes the items' numbers, those of each shard together and in the order of the file.
  void sort_by_shard(const std::vector<RdbBatch::Item>& items) {
    std::fill(starts_.begin(), starts_.end(), 0);
    for (const RdbBatch::Item& item : items) ++starts_[item.shard + 1U];
    for (std::size_t shard = 1; shard < starts_.size(); ++shard) starts_[shard] += starts_[shard - 1];
    order_.resize(items.size());
    for (std::uint32_t i = 0; i < items.size(); ++i) order_[starts_[items[i].shard]++] = i;
  }

  Keyspace& keyspace_;
  RdbBatchQueue queue_;
  std::unique_ptr<RdbBatch> batch_;  // being filled, on the decoding thread
  store::WriteContext context_;      // this and what follows: on the inserting one
  std::vector<std::uint32_t> starts_;
  std::vector<std::uint32_t> order_;
  std::thread thread_;
};

unsigned threads_wanted(const Keyspace& keyspace, unsigned threads) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  return std::min(threads, keyspace.shards());
}

}  // namespace

Result<RdbLoaded> load_rdb(RdbSource& source, Keyspace& keyspace, const RdbLoadOptions& options) {
  RdbReader reader(source, {.now_ms = options.now_ms});
  if (Status status = reader.open(); !status.ok()) return status;
  KV_ASSERT(keys_in(keyspace) == 0);
  std::vector<std::unique_ptr<Inserter>> inserters(threads_wanted(keyspace, options.threads));
  for (std::unique_ptr<Inserter>& inserter : inserters) inserter = std::make_unique<Inserter>(keyspace);

  RdbLoaded loaded;
  const auto report = [&] {
    if (options.progress) options.progress({loaded.keys, reader.offset(), source.size()});
  };
  RdbEntry entry;
  while (reader.next(entry)) {
    const std::uint64_t hash = keyspace.key(entry.key).hash;
    const unsigned shard = keyspace.shard_of(hash);
    ++loaded.keys;
    if (inserters[shard % inserters.size()]->add(entry, hash, shard)) report();
  }
  for (const std::unique_ptr<Inserter>& inserter : inserters) inserter->finish();
  report();
  if (!reader.status().ok()) return reader.status();
  loaded.info = reader.info();
  loaded.keys_expired = reader.keys_expired();
  // Cheaper than a look-up a key: a key that was there already did not add to the count.
  const std::uint64_t repeated = loaded.keys - keys_in(keyspace);
  if (repeated != 0) {
    return Status(StatusCode::kCorruption,
                  source.name() + ": " + std::to_string(repeated) + " keys are in the file more than once");
  }
  return loaded;
}

}  // namespace kvstore::durability
