// Keyspace against a model, its promises about scans and memory, and its behaviour with several threads.
#include "store/keyspace.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kvstore::store {
namespace {

Keyspace::Options with_shards(unsigned shards) {
  Keyspace::Options options;
  options.shards = shards;
  return options;
}

// One key at a time, with the locks and chores a caller owes.
class Store {
 public:
  explicit Store(const Keyspace::Options& options) : keyspace(options) {}

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
  // Writes `fill` over the last byte, so that a wrong address shows.
  void resize(int db, std::string_view key, std::size_t size, char fill) {
    locked(key, [&](const Key& k, WriteContext& context) {
      char* bytes = keyspace.resize(db, k, size, context);
      if (size > 0) bytes[size - 1] = fill;
    });
  }
  void copy(int from_db, std::string_view from, int to_db, std::string_view to) {
    const Key from_key = keyspace.key(from);
    const Key to_key = keyspace.key(to);
    ShardSet shards;
    shards.add(keyspace.shard_of(from_key.hash));
    shards.add(keyspace.shard_of(to_key.hash));
    WriteContext context;
    keyspace.lock(shards);
    keyspace.copy(from_db, from_key, to_db, to_key, context);
    keyspace.unlock(shards);
    context.release();
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
    const Key k = keyspace.key(key);
    const unsigned shard = keyspace.shard_of(k.hash);
    WriteContext context;
    keyspace.lock(shard);
    action(k, context);
    keyspace.unlock(shard);
    keyspace.prepare_spares(shard);
    context.release();
  }

  Keyspace keyspace;
};

using Model = std::array<std::map<std::string, std::string>, 3>;

// A value whose bytes depend on the seed, of one of the sizes where something changes.
std::string make_value(std::size_t size, unsigned seed) {
  std::string value(size, '\0');
  for (std::size_t i = 0; i < size; ++i) value[i] = static_cast<char>(seed * 31 + i * 7 + (i >> 8));
  return value;
}

std::size_t pick_size() {
  return *rc::gen::weightedOneOf<std::size_t>({{4, rc::gen::inRange<std::size_t>(0, 64)},
                                               {3, rc::gen::inRange<std::size_t>(200, 700)},
                                               {2, rc::gen::inRange<std::size_t>(700, kLargeValueBytes)},
                                               {2, rc::gen::inRange<std::size_t>(kLargeValueBytes - 2, 20 * 1024)}});
}

std::string pick_key() {
  const int number = *rc::gen::inRange(0, 60);
  // Some keys around the sizes where the record's layout changes.
  if (number < 4) return std::string(static_cast<std::size_t>(252 + number), 'k');
  if (number < 8) return std::string(static_cast<std::size_t>(4096 - 6 + number), 'k');
  if (number == 8) return "";
  return "key:" + std::to_string(number);
}

void step(Store& store, Model& model, unsigned seed) {
  const int db = *rc::gen::inRange(0, 3);
  auto& expected = model[static_cast<std::size_t>(db)];
  const std::string key = pick_key();
  switch (*rc::gen::weightedElement<int>({{40, 0}, {20, 1}, {15, 2}, {8, 3}, {1, 4}, {1, 5}, {1, 6}, {3, 7}})) {
    case 0: {
      const std::string value = make_value(pick_size(), seed);
      store.set(db, key, value);
      expected[key] = value;
      return;
    }
    case 1:
      RC_ASSERT(store.erase(db, key) == (expected.erase(key) == 1));
      return;
    case 2: {
      if (!expected.contains(key)) return;
      const std::size_t size = pick_size();
      store.resize(db, key, size, 'X');
      expected[key].resize(size, '\0');
      if (size > 0) expected[key].back() = 'X';
      return;
    }
    case 3: {
      if (!expected.contains(key)) return;
      const int to_db = *rc::gen::inRange(0, 3);
      const std::string to = pick_key();
      store.copy(db, key, to_db, to);
      model[static_cast<std::size_t>(to_db)][to] = std::string(expected[key]);
      return;
    }
    case 4:
      store.keyspace.flush(db);
      expected.clear();
      return;
    case 5:
      store.keyspace.flush_all();
      model = {};
      return;
    case 6:
      store.keyspace.swap(db, (db + 1) % 3);
      std::swap(model[static_cast<std::size_t>(db)], model[static_cast<std::size_t>((db + 1) % 3)]);
      return;
    default:
      store.keyspace.maintain();
  }
}

TEST(Keyspace, BehavesLikeAMapOfStrings) {
  EXPECT_TRUE(rc::check([] {
    Store store(with_shards(*rc::gen::element(1U, 2U, 7U)));
    Model model;
    const int steps = *rc::gen::inRange(0, 400);
    for (int i = 0; i < steps; ++i) step(store, model, static_cast<unsigned>(i));
    for (int db = 0; db < 3; ++db) {
      const auto& expected = model[static_cast<std::size_t>(db)];
      RC_ASSERT(store.keyspace.size(db) == expected.size());
      RC_ASSERT(store.contents(db, 7) == expected);
      for (const auto& [key, value] : expected) RC_ASSERT(store.get(db, key) == value);
      const std::optional<std::string> random = store.keyspace.random_key(db);
      RC_ASSERT(random.has_value() == !expected.empty());
      if (random) RC_ASSERT(expected.contains(*random));
    }
  }));
}

}  // namespace
}  // namespace kvstore::store
