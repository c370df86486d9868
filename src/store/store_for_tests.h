// What the keyspace's tests share: a store that takes the locks and does the chores a caller owes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "store/keyspace.h"

namespace kvstore::store {

inline Keyspace::Options with_shards(unsigned shards) {
  Keyspace::Options options;
  options.shards = shards;
  return options;
}

class Store {
 public:
  // Every write is told to `told`, and sealed as one group, when there is one.
  explicit Store(const Keyspace::Options& options, MutationSink* told = nullptr)
      : keyspace(options), sink(told), rehash_(options.rehash_for_test) {}

  // With colliding hashes when the options ask for them.
  [[nodiscard]] Key key(std::string_view bytes) const {
    return rehash_ == nullptr ? keyspace.key(bytes) : Key{bytes, rehash_(bytes)};
  }

  void set(int db, std::string_view key, std::string_view value) {
    NewValue staged = NewValue::stage(value);
    locked(key, [&](const Key& k, WriteContext& context) {
      keyspace.set(db, k, ValueType::kString, std::move(staged), context);
    });
  }
  std::optional<std::string> get(int db, std::string_view key) {
    std::optional<std::string> value;
    locked(key, [&](const Key& k, WriteContext&) {
      if (const ValueView view = keyspace.find(db, k)) value = view.bytes;
    });
    return value;
  }
  bool erase(int db, std::string_view key) {
    bool erased = false;
    locked(key, [&](const Key& k, WriteContext& context) { erased = keyspace.erase(db, k, context); });
    return erased;
  }
  void splice(int db, std::string_view key, std::size_t offset, std::size_t size, std::string_view bytes) {
    locked(key, [&](const Key& k, WriteContext& context) { keyspace.splice(db, k, offset, size, bytes, context); });
  }
  void copy(int from_db, std::string_view from, int to_db, std::string_view to) {
    const Key from_key = this->key(from);
    const Key to_key = this->key(to);
    ShardSet shards;
    shards.add(keyspace.shard_of(from_key.hash));
    shards.add(keyspace.shard_of(to_key.hash));
    WriteContext context(sink);
    keyspace.lock(shards);
    keyspace.copy(from_db, from_key, to_db, to_key, context);
    static_cast<void>(keyspace.seal(shards, context));
    keyspace.unlock(shards);
    context.release();
  }
  void flush(int db) {
    WriteContext context(sink);
    keyspace.flush(db, context);
  }
  void flush_all() {
    WriteContext context(sink);
    keyspace.flush_all(context);
  }
  void swap(int a, int b) {
    WriteContext context(sink);
    keyspace.swap(a, b, context);
  }
  std::map<std::string, std::string> contents(int db, std::size_t count) {
    std::map<std::string, std::string> found;
    std::uint64_t cursor = 0;
    do {
      cursor = keyspace.scan(db, cursor, count,
                             [&](std::string_view key, const ValueView& value) { found.emplace(key, value.bytes); });
    } while (cursor != 0);
    return found;
  }

  template <typename Action>
  void locked(std::string_view key, Action action) {
    const Key k = this->key(key);
    const unsigned shard = keyspace.shard_of(k.hash);
    WriteContext context(sink);
    keyspace.lock(shard);
    action(k, context);
    static_cast<void>(keyspace.seal(shard, context));
    keyspace.unlock(shard);
    keyspace.do_chores(shard);
    context.release();
  }

  Keyspace keyspace;
  MutationSink* sink;

 private:
  std::uint64_t (*rehash_)(std::string_view);
};

// A value whose bytes depend on the seed and on their position.
inline std::string make_value(std::size_t size, unsigned seed) {
  std::string value(size, '\0');
  for (std::size_t i = 0; i < size; ++i) value[i] = static_cast<char>(seed * 31 + i * 7 + (i >> 8));
  return value;
}

}  // namespace kvstore::store
