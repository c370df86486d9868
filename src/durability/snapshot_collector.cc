#include "durability/snapshot_collector.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "durability/rdb_encoder.h"

namespace kvstore::durability {

SnapshotCollector::SnapshotCollector(SnapshotMemory& memory, std::function<store::Lsn()> position)
    : memory_(memory),
      position_(std::move(position)),
      pool_(memory.bytes_max() / SnapshotChunk::kBytes),
      pool_memory_(std::make_unique_for_overwrite<char[]>(pool_.size() * SnapshotChunk::kBytes)) {
  const base::SpinLockGuard guard(lock_);
  // The first chunk comes first out: memory is touched from the front, and again rather than afresh.
  for (std::size_t i = pool_.size(); i-- > 0;) {
    SnapshotChunk& chunk = pool_[i];
    chunk.data = pool_memory_.get() + i * SnapshotChunk::kBytes;
    chunk.capacity = SnapshotChunk::kBytes;
    chunk.pins.reserve(SnapshotChunk::kPinsMax);
    chunk.next = std::exchange(free_, &chunk);
  }
}

SnapshotCollector::~SnapshotCollector() { give_back(take_full(true)); }

void SnapshotCollector::save(int db, std::string_view key, const store::ValueView& value, bool by_writer) {
  KV_DCHECK(value.type == store::ValueType::kString);
  const std::size_t bytes =
      kRdbSelectBytesMax + rdb_key_header_bytes_max(key.size()) + (value.block != nullptr ? 0 : value.bytes.size());
  if (!by_writer) {
    if (!fits(walker_chunk_, bytes)) {
      const base::SpinLockGuard guard(lock_);
      walker_chunk_ = replace(walker_chunk_, bytes);
    }
    return append(*walker_chunk_, db, key, value);
  }
  const base::SpinLockGuard guard(lock_);
  if (!fits(writers_chunk_, bytes)) writers_chunk_ = replace(writers_chunk_, bytes);
  append(*writers_chunk_, db, key, value);
}

SnapshotChunk* SnapshotCollector::replace(SnapshotChunk* chunk, std::size_t bytes) {
  if (chunk != nullptr) full_.push(chunk);
  SnapshotChunk* fresh = bytes <= SnapshotChunk::kBytes ? free_ : nullptr;
  if (fresh != nullptr) {
    free_ = fresh->next;
  } else {
    fresh = extra_chunk(bytes);
  }
  memory_.add(fresh->capacity);
  return fresh;
}

SnapshotChunk* SnapshotCollector::extra_chunk(std::size_t bytes) {
  auto chunk = std::make_unique<SnapshotChunk>();
  chunk->capacity = std::max(bytes, SnapshotChunk::kBytes);
  chunk->own_memory = std::make_unique_for_overwrite<char[]>(chunk->capacity);
  chunk->data = chunk->own_memory.get();
  chunk->pins.reserve(SnapshotChunk::kPinsMax);
  return chunk.release();
}

void SnapshotCollector::append(SnapshotChunk& chunk, int db, std::string_view key, const store::ValueView& value) {
  char* to = chunk.data + chunk.used;
  if (db != chunk.db) {
    to = rdb_put_select(to, db);
    chunk.db = db;
  }
  if (value.block == nullptr) {
    to = rdb_put_key(to, key, value.bytes);
  } else {
    to = rdb_put_key_header(to, key, value.bytes.size());
    chunk.pins.push_back({static_cast<std::size_t>(to - chunk.data), base::SharedBytesRef::share(value.block)});
    chunk.pinned_bytes += value.bytes.size();
    memory_.add(value.bytes.size());
  }
  chunk.used = static_cast<std::size_t>(to - chunk.data);
  ++chunk.keys;
}

SnapshotChunk* SnapshotCollector::take_full(bool all) {
  const base::SpinLockGuard guard(lock_);
  if (all) {
    if (walker_chunk_ != nullptr) full_.push(std::exchange(walker_chunk_, nullptr));
    if (writers_chunk_ != nullptr) full_.push(std::exchange(writers_chunk_, nullptr));
  }
  return full_.take_all();
}

void SnapshotCollector::empty(SnapshotChunk& chunk) {
  chunk.pins.clear();  // may free values, which is why no lock is held
  chunk.used = 0;
  chunk.pinned_bytes = 0;
  chunk.keys = 0;
  chunk.db = -1;
}

bool SnapshotCollector::give_back(SnapshotChunk* list) {
  std::size_t bytes = 0;
  while (list != nullptr) {
    SnapshotChunk* chunk = std::exchange(list, list->next);
    bytes += chunk->capacity + chunk->pinned_bytes;
    if (chunk->own_memory != nullptr) {
      const std::unique_ptr<SnapshotChunk> extra(chunk);
      continue;
    }
    empty(*chunk);
    const base::SpinLockGuard guard(lock_);
    chunk->next = std::exchange(free_, chunk);
  }
  return bytes > 0 && memory_.subtract(bytes);
}

}  // namespace kvstore::durability
