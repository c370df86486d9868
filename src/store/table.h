// Table: one database's part of a shard: an index of handles and an arena of records.
//
// Thread rule: guarded by the shard's lock, except for construction and destruction.
// Invariants:
//   1. Every record in the arena has exactly one handle in the index.
//   2. A value is a large block if and only if it has at least kLargeValueBytes bytes.
//   3. Compaction runs at the end of a write, never between finding a record and using it.
//   4. While a snapshot has this table to save, a write first saves every place its key can be in, as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "store/arena.h"
#include "store/index.h"
#include "store/key.h"
#include "store/page_pool.h"
#include "store/record.h"
#include "store/value.h"
#include "store/write_context.h"

namespace kvstore::store {

struct TableSnapshot;

class Table {
 public:
  // What is compacted at a write: holes above an eighth of the live bytes; when idle: above a 32nd.
  static constexpr unsigned kHolesAtWrite = 8;
  static constexpr unsigned kHolesWhenIdle = 32;

  Table(Rehash rehash, PagePool& pool) : arena_(pool), index_(arena_, rehash, pool), rehash_(rehash) {}
  // Drops the references to large blocks: takes time when there are any, so it is called with no lock held.
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  [[nodiscard]] ValueView find(const Key& key) const {
    const Index::Place place = place_of(key);
    return place.handle == nullptr ? ValueView{} : record(*place.handle).value();
  }
  struct Written {
    bool is_new;
    bool in_place;         // the arena and the index are as they were
    std::uint32_t handle;  // valid until the next write
  };
  Written set(const Key& key, ValueType type, NewValue&& value, WriteContext& context) {
    const Index::Place place = place_to_write(key);
    before_write(key.hash);
    if (place.handle != nullptr && record(*place.handle).overwrite(type, value.bytes())) {
      return {false, true, *place.handle};
    }
    return set_anew(place, key, type, std::move(value), context);
  }
  // See Keyspace::splice. Returns the value as it is now.
  ValueView splice(const Key& key, std::size_t offset, std::size_t size, std::string_view bytes, WriteContext& context);
  bool erase(const Key& key, WriteContext& context);

  [[nodiscard]] const Index& index() const { return index_; }
  [[nodiscard]] Record record(std::uint32_t handle) const { return Record(arena_.at(handle)); }
  [[nodiscard]] Arena& arena() { return arena_; }
  [[nodiscard]] const Arena& arena() const { return arena_; }
  [[nodiscard]] std::size_t large_bytes() const { return large_bytes_; }

  [[nodiscard]] bool wants_compaction(unsigned fraction) const { return arena_.wants_compaction(fraction); }
  // Moves a few records; call it when no view of a record is in use.
  void compact();

  // --- for Snapshot (table_snapshot.h) ---------------------------------------------------------------------------
  // From now on writes save to it what they are about to change.
  void begin_snapshot(TableSnapshot& snapshot);
  // Saves some more buckets; false when all is saved and the table has forgotten the snapshot.
  bool save_some();
  // Makes the table forget the snapshot: nothing more is saved.
  void stop_saving() { snapshot_ = nullptr; }
  // After stop_saving(): stamps some of the buckets left unread; false when there are no more.
  bool stamp_some(TableSnapshot& stopped);

 private:
  [[nodiscard]] Index::Place place_of(const Key& key) const {
    return index_.find(key.hash, [this, &key](std::uint32_t handle) { return record(handle).key_equals(key.bytes); });
  }
  // For a value that is likely to be overwritten where it is.
  [[nodiscard]] Index::Place place_to_write(const Key& key) const {
    return index_.find(key.hash, [this, &key](std::uint32_t handle) {
      const Record candidate = record(handle);
      candidate.prefetch_end();
      return candidate.key_equals(key.bytes);
    });
  }
  static std::size_t space_of(const RecordShape& shape) { return allocation_size(shape.bytes()); }

  // A new key, or a value that takes another form than the one at `place`.
  Written set_anew(Index::Place place, const Key& key, ValueType type, NewValue&& value, WriteContext& context);
  void write_value(Record record, const RecordShape& shape, std::string_view bytes, base::SharedBytesRef block);
  void set_existing(std::uint32_t& handle, ValueType type, const RecordShape& shape, std::string_view bytes,
                    base::SharedBytesRef block, WriteContext& context);
  [[nodiscard]] char* resize_large(Record record, std::size_t size, WriteContext& context);
  [[nodiscard]] char* resize_inline(std::uint32_t& handle, std::size_t size, WriteContext& context);
  // To be called before anything changes that belongs to a key with this hash.
  void before_write(std::uint64_t hash) {
    if (snapshot_ != nullptr) save_places_of(hash);
  }
  void save_places_of(std::uint64_t hash);
  void hold(const base::SharedBytes& block);
  void defer(base::SharedBytes* block, WriteContext& context);

  Arena arena_;
  Index index_;
  Rehash rehash_;
  TableSnapshot* snapshot_ = nullptr;  // set while it has something of this table to save
  std::size_t large_blocks_ = 0;
  std::size_t large_bytes_ = 0;
};

}  // namespace kvstore::store
