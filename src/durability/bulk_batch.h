// BulkBatch: changes of keys on their way from the thread that decodes a file to one that makes them; BulkBatchQueue:
// that way.
//
// Thread rule: a batch belongs to one thread at a time; the queue is for two, one at each end.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/mutex.h"
#include "base/shared_bytes.h"
#include "base/thread_annotations.h"

namespace kvstore::durability {

class BulkBatch {
 public:
  static constexpr std::size_t kBytes = std::size_t{256} << 10;
  static constexpr std::size_t kItems = 4096;

  struct Item {
    std::uint64_t hash;
    const char* bytes;  // the key, then the value unless it is in `block`
    base::SharedBytes* block;
    std::uint32_t key_size;
    std::uint32_t value_size;
    std::uint8_t db;
    bool erase;
    std::uint16_t shard;

    [[nodiscard]] std::string_view key() const { return {bytes, key_size}; }
    [[nodiscard]] std::string_view value() const { return {bytes + key_size, value_size}; }
  };

  BulkBatch() { items_.reserve(kItems); }
  BulkBatch(const BulkBatch&) = delete;
  BulkBatch& operator=(const BulkBatch&) = delete;
  ~BulkBatch() { clear(); }

  [[nodiscard]] bool full() const { return items_.size() == kItems || used_ + block_bytes_ >= kBytes; }
  [[nodiscard]] bool empty() const { return items_.empty(); }

  // Copies key and value; of a large value (then `value` is empty) it takes the block.
  void add(int db, std::uint64_t hash, unsigned shard, std::string_view key, std::string_view value,
           base::SharedBytesRef block, bool erase) {
    char* bytes = room_for(key.size() + value.size());
    copy(bytes, key);
    copy(bytes + key.size(), value);
    if (block) block_bytes_ += block->size();
    items_.push_back({hash, bytes, block.release(), static_cast<std::uint32_t>(key.size()),
                      static_cast<std::uint32_t>(value.size()), static_cast<std::uint8_t>(db), erase,
                      static_cast<std::uint16_t>(shard)});
  }

  // Whoever takes a block out of an item sets it to nullptr.
  [[nodiscard]] std::vector<Item>& items() { return items_; }

  void clear() {
    for (const Item& item : items_) {
      if (item.block != nullptr) static_cast<void>(base::SharedBytesRef::adopt(item.block));
    }
    items_.clear();
    large_.clear();
    used_ = 0;
    block_bytes_ = 0;
  }

 private:
  // The buffer has room for what the last key before full() may take; only a larger one gets memory of its own.
  static constexpr std::size_t kSlack = 32 * 1024;

  char* room_for(std::size_t size) {
    if (size > kSlack) {
      large_.push_back(std::make_unique_for_overwrite<char[]>(size));
      block_bytes_ += size;
      return large_.back().get();
    }
    char* room = buffer_.get() + used_;
    used_ += size;
    KV_ASSERT(used_ <= kBytes + kSlack);
    return room;
  }
  static void copy(char* to, std::string_view from) {
    if (!from.empty()) std::memcpy(to, from.data(), from.size());
  }

  std::unique_ptr<char[]> buffer_ = std::make_unique_for_overwrite<char[]>(kBytes + kSlack);
  std::vector<std::unique_ptr<char[]>> large_;
  std::vector<Item> items_;
  std::size_t used_ = 0;
  std::size_t block_bytes_ = 0;
};

class BulkBatchQueue {
 public:
  static constexpr unsigned kBatches = 4;

  // An empty batch: waits while all of them are full or being inserted.
  [[nodiscard]] std::unique_ptr<BulkBatch> empty_batch() {
    const base::MutexLock lock(mutex_);
    if (empty_.empty() && made_ < kBatches) {
      ++made_;
      return std::make_unique<BulkBatch>();
    }
    while (empty_.empty()) changed_.wait(mutex_);
    return take(empty_);
  }
  // nullptr: no more will come.
  // nullptr: no more will come.
  void put_full(std::unique_ptr<BulkBatch> batch) {
    {
      const base::MutexLock lock(mutex_);
      full_.push_back(std::move(batch));
    }
    changed_.notify_one();  // each end waits only while the other does not
  }
  // Waits until every batch that was handed on has come back.
  void wait_until_idle() {
    const base::MutexLock lock(mutex_);
    while (empty_.size() != made_) changed_.wait(mutex_);
  }

  // The next batch; nullptr at the end.
  [[nodiscard]] std::unique_ptr<BulkBatch> full_batch() {
    const base::MutexLock lock(mutex_);
    while (full_.empty()) changed_.wait(mutex_);
    return take(full_);
  }
  void put_empty(std::unique_ptr<BulkBatch> batch) {
    batch->clear();
    {
      const base::MutexLock lock(mutex_);
      empty_.push_back(std::move(batch));
    }
    changed_.notify_one();
  }

 private:
  using Batches = std::deque<std::unique_ptr<BulkBatch>>;

  static std::unique_ptr<BulkBatch> take(Batches& from) {
    std::unique_ptr<BulkBatch> batch = std::move(from.front());
    from.pop_front();
    return batch;
  }
  base::Mutex mutex_;
  std::condition_variable_any changed_;
  Batches full_ KV_GUARDED_BY(mutex_);
  Batches empty_ KV_GUARDED_BY(mutex_);
  unsigned made_ KV_GUARDED_BY(mutex_) = 0;
};

}  // namespace kvstore::durability
