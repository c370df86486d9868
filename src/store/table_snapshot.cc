// The part of Table that concerns snapshots: saving what has not been read, by the snapshot's walk and before writes.
#include "store/table_snapshot.h"

#include "base/assert.h"
#include "store/table.h"

namespace kvstore::store {
namespace {

// What a snapshot does in one hold of a lock: some 150 keys, fewer when they are long.
constexpr unsigned kBucketsPerHold = 16;
constexpr std::size_t kBytesPerHold = 64 * 1024;
// Stamping reads no records.
constexpr unsigned kBucketsStampedPerHold = 512;

// Gives one key to the output; returns the bytes that it may have copied.
std::size_t save(TableSnapshot& snapshot, const Record& record, bool by_writer) {
  KV_ASSERT(snapshot.unsaved > 0);
  --snapshot.unsaved;
  const std::string_view key = record.key();
  const ValueView value = record.value();
  snapshot.output->save(snapshot.db, key, value, by_writer);
  return key.size() + (value.block != nullptr ? 0 : value.bytes.size());
}

}  // namespace

void Table::begin_snapshot(TableSnapshot& snapshot) {
  KV_ASSERT(snapshot_ == nullptr);
  snapshot_ = &snapshot;
  index_.begin_epoch();
}

bool Table::save_some() {
  TableSnapshot& snapshot = *snapshot_;
  std::size_t bytes = 0;
  index_.prefetch_next(snapshot.walk);
  for (unsigned i = 0; i < kBucketsPerHold && bytes < kBytesPerHold && !snapshot.walk.done; ++i) {
    index_.read_next(snapshot.walk, [&](std::uint32_t handle) { bytes += save(snapshot, record(handle), false); });
  }
  if (!snapshot.walk.done) return true;
  KV_ASSERT(snapshot.unsaved == 0);  // a key missed or saved twice: the file would lie
  snapshot_ = nullptr;
  return false;
}

bool Table::stamp_some(TableSnapshot& stopped) {
  for (unsigned i = 0; i < kBucketsStampedPerHold && !stopped.walk.done; ++i) {
    index_.read_next(stopped.walk, [](std::uint32_t) {});
  }
  return !stopped.walk.done;
}

void Table::save_places_of(std::uint64_t hash) {
  index_.read_places_of(hash, [this](std::uint32_t handle) { save(*snapshot_, record(handle), true); });
}

}  // namespace kvstore::store
