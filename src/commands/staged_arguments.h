// StagedArguments: copies of a write's large arguments, made before any lock is taken, so that none is held meanwhile.
//
// Thread rule: one thread. One command at a time: what it does not take is dropped with clear().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "store/value.h"

namespace kvstore::commands {

class StagedArguments {
 public:
  // Copies the argument at `position`; positions ascend.
  void add(std::size_t position, std::string_view bytes) {
    positions_.push_back(static_cast<std::uint32_t>(position));
    values_.push_back(store::NewValue::stage(bytes));
  }
  // The argument at `position`, whose bytes these are, as a new value: its copy when there is one, which can be taken
  // once.
  [[nodiscard]] store::NewValue take(std::size_t position, std::string_view bytes) {
    if (positions_.empty()) [[likely]]
      return store::NewValue(bytes);
    const auto found = std::lower_bound(positions_.begin(), positions_.end(), position);
    if (found == positions_.end() || *found != position) return store::NewValue(bytes);
    return std::move(values_[static_cast<std::size_t>(found - positions_.begin())]);
  }
  [[nodiscard]] std::span<const std::uint32_t> positions() const { return positions_; }
  void clear() {
    if (!positions_.empty()) drop();
  }

 private:
  // A worker whose last command had more large arguments than this gives the room for them back.
  static constexpr std::size_t kRetained = 64;

  void drop() {
    positions_.clear();
    values_.clear();
    if (positions_.capacity() <= kRetained) return;
    positions_.shrink_to_fit();
    values_.shrink_to_fit();
  }

  std::vector<std::uint32_t> positions_;
  std::vector<store::NewValue> values_;
};

}  // namespace kvstore::commands
