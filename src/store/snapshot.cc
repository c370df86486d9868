#include "store/snapshot.h"

#include <memory>

#include "base/assert.h"
#include "base/spin_lock.h"
#include "store/shard.h"
#include "store/table.h"
#include "store/table_snapshot.h"

namespace kvstore::store {

struct Snapshot::Part {
  TableSnapshot state;
  std::shared_ptr<Table> table;
  base::SpinLock* lock;  // of its shard, dropped or not
};

Snapshot::Snapshot(Keyspace& keyspace, SnapshotOutput& output) : keyspace_(keyspace) {
  // acquire: what the last snapshot did to the tables is over.
  KV_ASSERT(!keyspace.snapshot_running_.exchange(true, std::memory_order_acquire));
  parts_.reserve(std::size_t{keyspace.shard_count_} * Keyspace::kDatabases);
  keyspace.lock_all();
  for (unsigned i = 0; i < keyspace.shard_count_; ++i) {
    Shard& shard = keyspace.shards_[i];
    shard.lock.assert_held();
    for (int db = 0; db < Keyspace::kDatabases; ++db) {
      const std::size_t keys = shard.count(db);
      if (keys == 0) continue;
      TableSnapshot state;
      state.output = &output;
      state.db = db;
      state.unsaved = keys;
      parts_.push_back({state, shard.tables[static_cast<std::size_t>(db)], &shard.lock});
      parts_.back().table->begin_snapshot(parts_.back().state);
      keys_total_ += keys;
    }
  }
  output.begin();
  keyspace.unlock_all();
}

Snapshot::~Snapshot() {
  // First for all tables: from here on no writer touches the output.
  for (std::size_t i = next_; i < parts_.size(); ++i) {
    const base::SpinLockGuard guard(*parts_[i].lock);
    parts_[i].table->stop_saving();
  }
  for (; next_ < parts_.size(); ++next_) {
    Part& part = parts_[next_];
    for (bool more = true; more;) {
      const base::SpinLockGuard guard(*part.lock);
      more = part.table->stamp_some(part.state);
    }
    part.table.reset();
  }
  // release: see the constructor.
  keyspace_.snapshot_running_.store(false, std::memory_order_release);
}

bool Snapshot::step() {
  if (next_ == parts_.size()) return false;
  Part& part = parts_[next_];
  bool more;
  {
    const base::SpinLockGuard guard(*part.lock);
    more = part.table->save_some();
  }
  if (!more) {
    part.table.reset();  // frees a table dropped meanwhile, with no lock held
    ++next_;
  }
  return next_ < parts_.size();
}

}  // namespace kvstore::store
