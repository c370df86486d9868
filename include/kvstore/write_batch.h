// WriteBatch: changes that KeyValueStore::write() makes together: all of them or none.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kvstore {

class WriteBatch {
 public:
  struct Change {
    bool erases = false;  // otherwise it sets the key to the value
    std::string key;
    std::string value;
  };

  // Later changes of the same key win.
  void set(std::string_view key, std::string_view value) {
    changes_.push_back({false, std::string(key), std::string(value)});
  }
  void erase(std::string_view key) { changes_.push_back({true, std::string(key), {}}); }
  // Forgets all changes, to be filled anew.
  void clear() { changes_.clear(); }

  [[nodiscard]] std::size_t size() const { return changes_.size(); }
  [[nodiscard]] const std::vector<Change>& changes() const { return changes_; }

 private:
  std::vector<Change> changes_;
};

}  // namespace kvstore
