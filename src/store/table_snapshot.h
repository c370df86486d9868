// TableSnapshot: what a snapshot has to save of one table, and how far it has come.
//
// Thread rule: guarded by the lock of the table's shard.
#pragma once

#include <cstddef>

#include "store/index.h"
#include "store/snapshot.h"

namespace kvstore::store {

struct TableSnapshot {
  SnapshotOutput* output = nullptr;
  int db = 0;               // where the table was at the instant; SWAPDB may have moved it since
  std::size_t unsaved = 0;  // keys
  Index::EpochWalk walk;
};

}  // namespace kvstore::store
