// KeyspaceModel: for property tests; three databases as maps, and a random operation done to a store and to the maps.
//
// Thread rule: one thread.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include "store/store_for_tests.h"

namespace kvstore::store {

class KeyspaceModel {
 public:
  static constexpr int kDatabases = 3;
  using Database = std::map<std::string, std::string>;

  explicit KeyspaceModel(int keys = 60) : keys_(keys) {}

  [[nodiscard]] Database& operator[](int db) { return databases_[static_cast<std::size_t>(db)]; }
  bool operator==(const KeyspaceModel& other) const { return databases_ == other.databases_; }

  void step(Store& store, unsigned seed) {
    const int db = *rc::gen::inRange(0, kDatabases);
    const std::string key = pick_key();
    switch (*rc::gen::weightedElement<int>({{40, 0}, {20, 1}, {15, 2}, {8, 3}, {1, 4}, {1, 5}, {1, 6}, {3, 7}})) {
      case 0: {
        const std::string value = make_value(pick_size(), seed);
        store.set(db, key, value);
        (*this)[db][key] = value;
        return;
      }
      case 1:
        RC_ASSERT(store.erase(db, key) == ((*this)[db].erase(key) == 1));
        return;
      case 2:
        return splice(store, db, key, seed);
      case 3: {
        if (!(*this)[db].contains(key)) return;
        const int to_db = *rc::gen::inRange(0, kDatabases);
        const std::string to = pick_key();
        store.copy(db, key, to_db, to);
        (*this)[to_db][to] = std::string((*this)[db][key]);
        return;
      }
      case 4:
        store.flush(db);
        (*this)[db].clear();
        return;
      case 5:
        store.flush_all();
        databases_ = {};
        return;
      case 6:
        store.swap(db, (db + 1) % kDatabases);
        std::swap((*this)[db], (*this)[(db + 1) % kDatabases]);
        return;
      default:
        store.keyspace.maintain();
    }
  }

  [[nodiscard]] std::string pick_key() const {
    const int number = *rc::gen::inRange(0, keys_);
    // Some keys around the sizes where the record's layout changes.
    if (number < 4) return std::string(static_cast<std::size_t>(252 + number), 'k');
    if (number < 8) return std::string(static_cast<std::size_t>(4096 - 6 + number), 'k');
    if (number == 8) return "";
    return "key:" + std::to_string(number);
  }

 private:
  static std::size_t pick_size() {
    return *rc::gen::weightedOneOf<std::size_t>({{4, rc::gen::inRange<std::size_t>(0, 64)},
                                                 {3, rc::gen::inRange<std::size_t>(200, 700)},
                                                 {2, rc::gen::inRange<std::size_t>(700, kLargeValueBytes)},
                                                 {2, rc::gen::inRange<std::size_t>(kLargeValueBytes - 2, 20 * 1024)}});
  }
  void splice(Store& store, int db, const std::string& key, unsigned seed) {
    const auto found = (*this)[db].find(key);
    if (found == (*this)[db].end()) return;
    const std::size_t size = pick_size();
    const std::size_t offset = *rc::gen::inRange<std::size_t>(0, size + 1);
    const std::string bytes = make_value(std::min<std::size_t>(size - offset, seed % 40), seed);
    store.splice(db, key, offset, size, bytes);
    found->second.resize(size, '\0');
    found->second.replace(offset, bytes.size(), bytes);
  }

  int keys_;
  std::array<Database, kDatabases> databases_;
};

}  // namespace kvstore::store
