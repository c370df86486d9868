// SavedKeys: for tests; a snapshot's output that keeps everything and insists on each key once.
//
// Thread rule: save() from any thread; the rest when the snapshot is over or no other thread writes.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/mutex.h"
#include "base/shared_bytes.h"
#include "store/snapshot.h"

namespace kvstore::store {

class SavedKeys final : public SnapshotOutput {
 public:
  using Database = std::map<std::string, std::string>;

  void begin() override {
    KV_ASSERT(!begun_);
    begun_ = true;
  }
  void save(int db, std::string_view key, const ValueView& value, bool by_writer) override {
    Value copy;
    if (value.block != nullptr) {
      copy.block = base::SharedBytesRef::share(value.block);
    } else {
      copy.bytes = value.bytes;
    }
    copy.by_writer = by_writer;
    const base::MutexLock lock(mutex_);
    KV_ASSERT(begun_);
    bytes_ += key.size() + value.bytes.size();
    const bool added = values_.emplace(std::pair(db, std::string(key)), std::move(copy)).second;
    KV_ASSERT(added);  // twice
  }

  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] std::size_t keys() const { return values_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] bool saved_by_writer(int db, std::string_view key) const {
    const auto found = values_.find({db, std::string(key)});
    return found != values_.end() && found->second.by_writer;
  }
  [[nodiscard]] bool shared(int db, std::string_view key) const {
    return static_cast<bool>(values_.at({db, std::string(key)}).block);
  }
  // The first `count` databases; no other may have keys.
  [[nodiscard]] std::vector<Database> databases(int count) const {
    std::vector<Database> databases(static_cast<std::size_t>(count));
    for (const auto& [place, value] : values_) {
      databases.at(static_cast<std::size_t>(place.first))[place.second] =
          value.block ? std::string(value.block->view()) : value.bytes;
    }
    return databases;
  }

 private:
  struct Value {
    std::string bytes;
    base::SharedBytesRef block;
    bool by_writer = false;
  };

  bool begun_ = false;
  base::Mutex mutex_;
  std::map<std::pair<int, std::string>, Value> values_;
  std::size_t bytes_ = 0;
};

}  // namespace kvstore::store
