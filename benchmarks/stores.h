// The stores that benchmark_direct measures, behind one shape: set(key, value), get(key, value) -> found.
//
// The peers get what their best user would give them: lookups by string_view without a temporary std::string (a
// 16-byte key does not fit its inline buffer), XXH3 as the hash, and values assigned in place.
// Thread rule: each as the store behind it: any thread at any time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "kvstore/key_value_store.h"

#ifdef KVSTORE_BENCHMARK_COMPARE
#include <tbb/concurrent_hash_map.h>
#include <xxhash.h>

#include <libcuckoo/cuckoohash_map.hh>
#endif

namespace kvstore::benchmarks {

class OwnStore {
 public:
  static constexpr const char* kName = "KeyValueStore";

  OwnStore() {
    Result<std::unique_ptr<KeyValueStore>> opened = KeyValueStore::open({});
    KV_ASSERT(opened.ok());
    store_ = std::move(opened).value();
  }
  void set(std::string_view key, std::string_view value) {
    const Status status = store_->set(key, value);
    KV_ASSERT(status.ok());
  }
  bool get(std::string_view key, std::string& value) const { return store_->get(key, value); }
  void erase(std::string_view key) {
    const Result<bool> erased = store_->erase(key);
    KV_ASSERT(erased.ok());
  }
  [[nodiscard]] std::size_t size() const { return store_->size(); }

 private:
  std::unique_ptr<KeyValueStore> store_;
};

#ifdef KVSTORE_BENCHMARK_COMPARE

class CuckooStore {
 public:
  static constexpr const char* kName = "libcuckoo::cuckoohash_map";

  void set(std::string_view key, std::string_view value) {
    map_.upsert(
        key, [&](std::string& old) { old.assign(value); }, value);
  }
  bool get(std::string_view key, std::string& value) const {
    return map_.find_fn(key, [&](const std::string& found) { value.assign(found); });
  }
  [[nodiscard]] std::size_t size() const { return map_.size(); }

 private:
  struct Hash {
    std::size_t operator()(std::string_view key) const { return XXH3_64bits(key.data(), key.size()); }
  };
  struct Equal {
    bool operator()(std::string_view left, std::string_view right) const { return left == right; }
  };
  libcuckoo::cuckoohash_map<std::string, std::string, Hash, Equal> map_;
};

class TbbStore {
 public:
  static constexpr const char* kName = "tbb::concurrent_hash_map";

  void set(std::string_view key, std::string_view value) {
    Map::accessor entry;
    map_.insert(entry, key);
    entry->second.assign(value);
  }
  bool get(std::string_view key, std::string& value) const {
    Map::const_accessor entry;
    if (!map_.find(entry, key)) return false;
    value.assign(entry->second);
    return true;
  }
  [[nodiscard]] std::size_t size() const { return map_.size(); }

 private:
  struct HashCompare {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): oneTBB looks for this name
    std::size_t hash(std::string_view key) const { return XXH3_64bits(key.data(), key.size()); }
    bool equal(std::string_view left, std::string_view right) const { return left == right; }
  };
  using Map = tbb::concurrent_hash_map<std::string, std::string, HashCompare>;

  // Its lookup by string_view is not const, though it changes nothing.
  mutable Map map_;
};

#endif  // KVSTORE_BENCHMARK_COMPARE

}  // namespace kvstore::benchmarks
