// Record: a key and its value as packed bytes in an arena.
//
//   byte 0      bits 0..2 type (never 0: 0 marks a hole), bits 3..4 length width: 0 = the value is a large block,
//               1 or 2 = bytes of the value length; bit 5 reserved: time to live; bits 6..7 reserved: use frequency
//   byte 1      key length; 255 = the next 4 bytes hold it
//   0 or 4      key length, native order, when byte 1 is 255
//   0, 1 or 2   value length, native order (none for a large value: the block knows its size)
//   key         the bytes, or for a key above kLargeKeyBytes 8 bytes: a SharedBytes pointer
//   value       the bytes, or for a large value 8 bytes: a SharedBytes pointer
// So a 16-byte key with a 32-byte value takes 51 bytes. Records start at multiples of 4; fields are not aligned.
//
// Thread rule: guarded by the shard's lock. Blocks a record points at are owned by it: one reference each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/prefetch.h"
#include "base/same_bytes.h"
#include "base/shared_bytes.h"
#include "store/value.h"

namespace kvstore::store {

// Keys above this live in a block of their own, so that a record always fits well into an arena block.
inline constexpr std::size_t kLargeKeyBytes = 4 * 1024;

// The sizes that decide a record's layout.
struct RecordShape {
  static constexpr std::size_t kPointerBytes = sizeof(base::SharedBytes*);
  static constexpr std::size_t kLongKey = 255;  // from here on the key length takes five bytes

  std::size_t key_size;
  std::size_t value_size;

  [[nodiscard]] bool large_key() const { return key_size > kLargeKeyBytes; }
  [[nodiscard]] bool large_value() const { return value_size >= kLargeValueBytes; }
  [[nodiscard]] unsigned length_width() const { return large_value() ? 0 : value_size > 255 ? 2 : 1; }
  [[nodiscard]] std::size_t length_offset() const { return key_size >= kLongKey ? 6 : 2; }
  [[nodiscard]] std::size_t key_offset() const { return length_offset() + length_width(); }
  [[nodiscard]] std::size_t key_area() const { return large_key() ? kPointerBytes : key_size; }
  [[nodiscard]] std::size_t value_offset() const { return key_offset() + key_area(); }
  [[nodiscard]] std::size_t value_area() const { return large_value() ? kPointerBytes : value_size; }
  [[nodiscard]] std::size_t bytes() const { return value_offset() + value_area(); }
};

// A record in place.
class Record {
 public:
  static constexpr std::uint8_t kTypeMask = 7;

  explicit Record(char* at) : at_(at) {}

  // Asks for the next line, on which most small records end, before the first has come and tells where.
  void prefetch_end() const { base::prefetch(at_ + 64); }

  [[nodiscard]] ValueType type() const { return static_cast<ValueType>(byte(0) & kTypeMask); }
  [[nodiscard]] unsigned length_width() const { return byte(0) >> 3 & 3U; }
  [[nodiscard]] bool large_value() const { return length_width() == 0; }
  [[nodiscard]] std::size_t key_size() const {
    const std::size_t size = byte(1);
    return size < RecordShape::kLongKey ? size : load<std::uint32_t>(2);
  }
  [[nodiscard]] bool large_key() const { return key_size() > kLargeKeyBytes; }

  // Its layout. For a large value `value_size` only says that it is large: the block knows the size.
  [[nodiscard]] RecordShape shape() const {
    const std::size_t key_bytes = key_size();
    const std::size_t at = key_bytes >= RecordShape::kLongKey ? 6 : 2;
    switch (length_width()) {
      case 1:
        return {key_bytes, byte(at)};
      case 2:
        return {key_bytes, load<std::uint16_t>(at)};
      default:
        return {key_bytes, kLargeValueBytes};  // any large size: the layout is the same
    }
  }

  // The hot path: most keys are short and inline.
  [[nodiscard]] bool key_equals(std::string_view key) const {
    if (byte(1) < RecordShape::kLongKey) [[likely]] {
      return byte(1) == key.size() && base::same_bytes(at_ + 2 + length_width(), key.data(), key.size());
    }
    return key == this->key();
  }
  [[nodiscard]] std::string_view key() const {
    const std::size_t size = key_size();
    const std::size_t at = (size >= RecordShape::kLongKey ? 6 : 2) + length_width();
    return size > kLargeKeyBytes ? block_at(at)->view() : std::string_view(at_ + at, size);
  }
  [[nodiscard]] ValueView value() const {
    if (byte(1) < RecordShape::kLongKey && length_width() == 1) [[likely]] {
      return {type(), {at_ + 3 + byte(1), byte(2)}, nullptr};  // short key, short value
    }
    const RecordShape layout = shape();
    if (large_value()) {
      base::SharedBytes* block = block_at(layout.value_offset());
      return {type(), block->view(), block};
    }
    return {type(), {at_ + layout.value_offset(), layout.value_size}, nullptr};
  }

  // Replaces a short value by one of the same type and size at a short key, which most overwrites do; false, and
  // nothing is done, when the record is any other.
  [[nodiscard]] bool overwrite(ValueType type, std::string_view bytes) {
    const std::size_t key_bytes = byte(1);
    const bool same_shape = byte(0) == (static_cast<unsigned>(type) | 1U << 3) && byte(2) == bytes.size() &&
                            key_bytes < RecordShape::kLongKey;
    if (!same_shape) return false;
    // memmove: the bytes may be those of this very record.
    if (!bytes.empty()) std::memmove(at_ + 3 + key_bytes, bytes.data(), bytes.size());
    return true;
  }

  // Writes all but the key and value areas.
  void write_header(ValueType type, const RecordShape& shape) {
    at_[0] = static_cast<char>(static_cast<unsigned>(type) | shape.length_width() << 3);
    if (shape.key_size < RecordShape::kLongKey) {
      at_[1] = static_cast<char>(shape.key_size);
    } else {
      at_[1] = static_cast<char>(RecordShape::kLongKey);
      store(2, static_cast<std::uint32_t>(shape.key_size));
    }
    if (shape.length_width() == 1) at_[shape.length_offset()] = static_cast<char>(shape.value_size);
    if (shape.length_width() == 2) store(shape.length_offset(), static_cast<std::uint16_t>(shape.value_size));
  }

  [[nodiscard]] char* at(std::size_t offset) const { return at_ + offset; }
  [[nodiscard]] base::SharedBytes* block_at(std::size_t offset) const {
    return reinterpret_cast<base::SharedBytes*>(load<std::uintptr_t>(offset));
  }
  void set_block_at(std::size_t offset, base::SharedBytes* block) {
    store(offset, reinterpret_cast<std::uintptr_t>(block));
  }

 private:
  [[nodiscard]] std::uint8_t byte(std::size_t offset) const { return static_cast<std::uint8_t>(at_[offset]); }
  template <typename T>
  [[nodiscard]] T load(std::size_t offset) const {
    T value;
    std::memcpy(&value, at_ + offset, sizeof value);
    return value;
  }
  template <typename T>
  void store(std::size_t offset, T value) {
    std::memcpy(at_ + offset, &value, sizeof value);
  }

  char* at_;
};

}  // namespace kvstore::store
