#include "store/table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace kvstore::store {
namespace {

std::size_t block_bytes(const base::SharedBytes& block) { return sizeof(base::SharedBytes) + block.capacity(); }

// Room to grow into, so that appending n bytes one by one copies O(n) bytes in total.
std::size_t grown_capacity(std::size_t size) {
  constexpr std::size_t kDoubleUpTo = std::size_t{1} << 20;
  return size <= kDoubleUpTo ? size * 2 : size + size / 4;
}

void copy_bytes(char* to, std::string_view from) {
  // memmove: the bytes may be those of the very record that is overwritten.
  if (!from.empty()) std::memmove(to, from.data(), from.size());
}

}  // namespace

Table::~Table() {
  if (large_blocks_ == 0) return;
  index_.visit_all([this](std::uint32_t handle) {
    const Record entry = record(handle);
    const RecordShape shape = entry.shape();
    base::SharedBytesRef key;
    base::SharedBytesRef value;
    if (shape.large_key()) key = base::SharedBytesRef::adopt(entry.block_at(shape.key_offset()));
    if (shape.large_value()) value = base::SharedBytesRef::adopt(entry.block_at(shape.value_offset()));
  });
}

void Table::hold(const base::SharedBytes& block) {
  ++large_blocks_;
  large_bytes_ += block_bytes(block);
}

void Table::defer(base::SharedBytes* block, WriteContext& context) {
  --large_blocks_;
  large_bytes_ -= block_bytes(*block);
  context.defer(base::SharedBytesRef::adopt(block));
}

void Table::write_value(Record record, const RecordShape& shape, std::string_view bytes, base::SharedBytesRef block) {
  if (!shape.large_value()) return copy_bytes(record.at(shape.value_offset()), bytes);
  hold(*block.get());
  record.set_block_at(shape.value_offset(), block.release());
}

Table::Written Table::set_anew(Index::Place place, const Key& key, ValueType type, NewValue&& value,
                               WriteContext& context) {
  const std::string_view bytes = value.bytes();
  const RecordShape shape{key.bytes.size(), bytes.size()};
  base::SharedBytesRef block = value.take_block();
  if (shape.large_value() && !block) block = base::SharedBytesRef::copy_of(bytes);  // better staged before the lock

  if (place.handle != nullptr) {
    set_existing(*place.handle, type, shape, bytes, std::move(block), context);
    return {false, false, *place.handle};
  }
  const std::uint32_t handle = arena_.allocate(space_of(shape));
  Record added = record(handle);
  added.write_header(type, shape);
  if (shape.large_key()) {
    base::SharedBytesRef key_block = base::SharedBytesRef::copy_of(key.bytes);
    hold(*key_block.get());
    added.set_block_at(shape.key_offset(), key_block.release());
  } else {
    copy_bytes(added.at(shape.key_offset()), key.bytes);
  }
  write_value(added, shape, bytes, std::move(block));
  index_.insert(key.hash, handle);
  return {true, false, handle};
}

void Table::set_existing(std::uint32_t& handle, ValueType type, const RecordShape& shape, std::string_view bytes,
                         base::SharedBytesRef block, WriteContext& context) {
  Record old = record(handle);
  const RecordShape old_shape = old.shape();
  base::SharedBytes* old_block = old_shape.large_value() ? old.block_at(old_shape.value_offset()) : nullptr;
  if (space_of(shape) == space_of(old_shape) && shape.key_offset() == old_shape.key_offset()) {
    old.write_header(type, shape);
    write_value(old, shape, bytes, std::move(block));
  } else {
    const std::uint32_t moved = arena_.allocate(space_of(shape));
    Record added = record(moved);
    added.write_header(type, shape);
    // The key's bytes, or the pointer to its block, which goes along.
    std::memcpy(added.at(shape.key_offset()), old.at(old_shape.key_offset()), shape.key_area());
    write_value(added, shape, bytes, std::move(block));
    arena_.free(handle, space_of(old_shape));
    handle = moved;
  }
  if (old_block != nullptr) defer(old_block, context);
}

ValueView Table::splice(const Key& key, std::size_t offset, std::size_t size, std::string_view bytes,
                        WriteContext& context) {
  const Index::Place place = place_of(key);
  KV_ASSERT(place.handle != nullptr);
  const Record current = record(*place.handle);
  KV_ASSERT(current.type() == ValueType::kString);
  KV_ASSERT(offset <= size && bytes.size() <= size - offset);
  before_write(key.hash);
  char* data = current.large_value() && size >= kLargeValueBytes ? resize_large(current, size, context)
                                                                 : resize_inline(*place.handle, size, context);
  copy_bytes(data + offset, bytes);
  return record(*place.handle).value();
}

// The two below keep the bytes both sizes have in common, fill the rest with zeros, and return them for writing.

// A large value that stays large: in place when nobody else holds the block and it has room.
char* Table::resize_large(Record record, std::size_t size, WriteContext& context) {
  const std::size_t offset = record.shape().value_offset();
  base::SharedBytes* block = record.block_at(offset);
  const std::size_t kept = std::min(size, block->size());
  base::SharedBytesRef probe = base::SharedBytesRef::adopt(block);
  const bool in_place = probe.unique() && size <= block->capacity();
  static_cast<void>(probe.release());
  if (!in_place) {
    base::SharedBytesRef grown = base::SharedBytesRef::allocate(size, grown_capacity(size));
    std::memcpy(grown->data(), block->data(), kept);
    defer(block, context);
    hold(*grown.get());
    block = grown.release();
    record.set_block_at(offset, block);
  }
  block->set_size(size);
  std::memset(block->data() + kept, 0, size - kept);
  return block->data();
}

// A value that is inline before or after.
char* Table::resize_inline(std::uint32_t& handle, std::size_t size, WriteContext& context) {
  Record current = record(handle);
  const ValueView value = current.value();
  const RecordShape old_shape = current.shape();
  const RecordShape shape{old_shape.key_size, size};
  const std::size_t kept = std::min(size, value.bytes.size());
  if (!shape.large_value() && !old_shape.large_value() && space_of(shape) == space_of(old_shape) &&
      shape.key_offset() == old_shape.key_offset()) {
    current.write_header(ValueType::kString, shape);
    char* bytes = current.at(shape.value_offset());
    std::memset(bytes + kept, 0, size - kept);
    return bytes;
  }
  base::SharedBytesRef block;
  if (shape.large_value()) {
    block = base::SharedBytesRef::allocate(size, grown_capacity(size));
    std::memcpy(block->data(), value.bytes.data(), kept);
    std::memset(block->data() + kept, 0, size - kept);
    char* bytes = block->data();
    set_existing(handle, ValueType::kString, shape, {}, std::move(block), context);
    return bytes;
  }
  set_existing(handle, ValueType::kString, shape, value.bytes.substr(0, kept), {}, context);
  char* bytes = record(handle).at(shape.value_offset());
  std::memset(bytes + kept, 0, size - kept);
  return bytes;
}

bool Table::erase(const Key& key, WriteContext& context) {
  const Index::Place place = place_of(key);
  if (place.handle == nullptr) return false;
  before_write(key.hash);
  const std::uint32_t handle = *place.handle;
  const Record old = record(handle);
  const RecordShape shape = old.shape();
  index_.erase(key.hash, place);
  if (shape.large_key()) defer(old.block_at(shape.key_offset()), context);
  if (shape.large_value()) defer(old.block_at(shape.value_offset()), context);
  arena_.free(handle, space_of(shape));
  return true;
}

void Table::compact() {
  std::array<std::uint64_t, Arena::kSliceRecords> hashes;
  arena_.compact(
      [&](unsigned i, std::uint32_t handle) {
        hashes[i] = rehash_(record(handle).key());
        index_.prefetch_bucket(hashes[i]);
      },
      [&](unsigned i, std::uint32_t from, std::uint32_t to) {
        const Index::Place place = index_.find(hashes[i], [from](std::uint32_t handle) { return handle == from; });
        KV_ASSERT(place.handle != nullptr);
        *place.handle = to;
      });
}

}  // namespace kvstore::store
