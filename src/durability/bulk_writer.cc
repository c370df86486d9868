#include "durability/bulk_writer.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "durability/bulk_batch.h"

namespace kvstore::durability {

// One of the threads, with the shards whose number leaves its own number over.
class BulkWriter::Thread {
 public:
  // inline_only: everything is done by the caller, when a batch is full.
  Thread(store::Keyspace& keyspace, std::atomic<std::uint64_t>& keys_missed, bool inline_only)
      : keyspace_(keyspace), keys_missed_(keys_missed), starts_(keyspace.shards() + 1) {
    if (!inline_only) thread_ = std::thread([this] { run(); });
  }
  ~Thread() { finish(); }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // --- on the caller's thread ---
  BulkBatch& batch() {
    if (batch_ == nullptr) batch_ = queue_.empty_batch();
    return *batch_;
  }
  void hand_on() {
    if (batch_ == nullptr) return;
    if (thread_.joinable()) {
      queue_.put_full(std::move(batch_));
    } else {
      change(batch_->items());
      batch_->clear();
    }
  }
  void drain() {
    hand_on();
    if (thread_.joinable()) queue_.wait_until_idle();
  }
  void finish() {
    hand_on();
    if (!thread_.joinable()) return;
    queue_.put_full(nullptr);
    thread_.join();
  }

 private:
  // How many keys are changed under one lock, and how many keys ahead their buckets are fetched.
  static constexpr std::size_t kKeysALock = 32;

  void run() {
    while (std::unique_ptr<BulkBatch> batch = queue_.full_batch()) {
      change(batch->items());
      queue_.put_empty(std::move(batch));
    }
  }

  void change(std::vector<BulkBatch::Item>& items) {
    sort_by_shard(items);
    for (std::size_t first = 0; first < order_.size();) {
      const unsigned shard = items[order_[first]].shard;
      std::size_t end = first;
      while (end < order_.size() && end - first < kKeysALock && items[order_[end]].shard == shard) {
        const BulkBatch::Item& item = items[order_[end++]];
        keyspace_.prefetch_bucket(item.db, item.hash);
      }
      keyspace_.lock(shard);
      for (; first < end; ++first) change(items[order_[first]]);
      keyspace_.unlock(shard);
      keyspace_.do_chores(shard);
      context_.release();
    }
  }

  void change(BulkBatch::Item& item) {
    const store::Key key{item.key(), item.hash};
    if (item.erase) {
      if (!keyspace_.erase(item.db, key, context_)) keys_missed_.fetch_add(1, std::memory_order_relaxed);
    } else if (item.block == nullptr) {
      keyspace_.set(item.db, key, store::ValueType::kString, item.value(), context_);
    } else {
      store::NewValue value(base::SharedBytesRef::adopt(std::exchange(item.block, nullptr)));
      keyspace_.set(item.db, key, store::ValueType::kString, std::move(value), context_);
    }
  }

  // order_ becomes the items' numbers, those of each shard together and in the order they came in.
  void sort_by_shard(const std::vector<BulkBatch::Item>& items) {
    std::fill(starts_.begin(), starts_.end(), 0);
    for (const BulkBatch::Item& item : items) ++starts_[item.shard + 1U];
    for (std::size_t shard = 1; shard < starts_.size(); ++shard) starts_[shard] += starts_[shard - 1];
    order_.resize(items.size());
    for (std::uint32_t i = 0; i < items.size(); ++i) order_[starts_[items[i].shard]++] = i;
  }

  store::Keyspace& keyspace_;
  std::atomic<std::uint64_t>& keys_missed_;
  BulkBatchQueue queue_;
  std::unique_ptr<BulkBatch> batch_;  // being filled, on the caller's thread
  store::WriteContext context_;       // this and what follows: on the thread
  std::vector<std::uint32_t> starts_;
  std::vector<std::uint32_t> order_;
  std::thread thread_;
};

BulkWriter::BulkWriter(store::Keyspace& keyspace, unsigned threads) : keyspace_(keyspace) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  threads_.resize(std::min(threads, keyspace.shards()));
  for (auto& thread : threads_) thread = std::make_unique<Thread>(keyspace, keys_missed_, threads_.size() == 1);
}

BulkWriter::~BulkWriter() = default;

bool BulkWriter::set(int db, std::string_view key, std::string_view value, base::SharedBytesRef block) {
  return add(db, key, value, std::move(block), /*erase=*/false);
}

bool BulkWriter::erase(int db, std::string_view key) { return add(db, key, {}, {}, /*erase=*/true); }

bool BulkWriter::add(int db, std::string_view key, std::string_view value, base::SharedBytesRef block, bool erase) {
  const std::uint64_t hash = keyspace_.key(key).hash;
  const unsigned shard = keyspace_.shard_of(hash);
  Thread& thread = *threads_[shard % threads_.size()];
  BulkBatch& batch = thread.batch();
  batch.add(db, hash, shard, key, value, std::move(block), erase);
  if (!batch.full()) return false;
  thread.hand_on();
  return true;
}

void BulkWriter::drain() {
  for (const auto& thread : threads_) thread->hand_on();
  for (const auto& thread : threads_) thread->drain();
}

void BulkWriter::finish() {
  for (const auto& thread : threads_) thread->hand_on();
  for (const auto& thread : threads_) thread->finish();
}

}  // namespace kvstore::durability
