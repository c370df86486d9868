// What the store holds at a key, as others see it: a type, bytes, and for large values a reference that outlives the
// lock.
//
// Thread rule: ValueView is valid under the shard's lock; NewValue belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/shared_bytes.h"

namespace kvstore::store {

// Kept in records and, later, on disk: never change a number.
enum class ValueType : std::uint8_t {
  kNone = 0,
  kString = 1,
};

// From this size on a value lives in a SharedBytes block of its own, not in an arena.
inline constexpr std::size_t kLargeValueBytes = 8 * 1024;

struct ValueView {
  ValueType type = ValueType::kNone;
  std::string_view bytes;
  base::SharedBytes* block = nullptr;  // set for a large value: SharedBytesRef::share() keeps it beyond the lock

  explicit operator bool() const { return type != ValueType::kNone; }
};

// A value on its way in: a view of bytes, or (large) a block filled before any lock was taken.
class NewValue {
 public:
  NewValue(std::string_view bytes) : bytes_(bytes) {}  // NOLINT(google-explicit-constructor): the common case
  explicit NewValue(base::SharedBytesRef block) : bytes_(block->view()), block_(std::move(block)) {}
  // Copies large bytes into a block now, so that no lock is held over the copy.
  [[nodiscard]] static NewValue stage(std::string_view bytes) {
    return bytes.size() < kLargeValueBytes ? NewValue(bytes) : NewValue(base::SharedBytesRef::copy_of(bytes));
  }

  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] base::SharedBytesRef take_block() { return std::move(block_); }

 private:
  std::string_view bytes_;
  base::SharedBytesRef block_;
};

}  // namespace kvstore::store
