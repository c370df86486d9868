// check_snapshot: whether a snapshot file is whole, and what it says about itself.
//
// Thread rule: one thread calls; it uses others to load.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "durability/log_format.h"
#include "durability/rdb_loader.h"
#include "env/clock.h"
#include "env/directory.h"
#include "kvstore/status.h"

namespace kvstore::durability {

struct CheckedSnapshot {
  std::string name;
  bool there = false;
  Status status;  // ok: every rule of docs/formats/snapshot.md holds
  RdbLoaded loaded;
  std::uint64_t bytes = 0;
  // Set in a whole file of ours.
  std::optional<DatabaseId> database_id;
  std::optional<Lsn> lsn;
};

// Loads the file into a keyspace of its own and forgets it: only so is it known that no key is in it twice.
[[nodiscard]] CheckedSnapshot check_snapshot(env::Directory& directory, const char* name, const env::Clock& clock,
                                             const std::function<void(const RdbProgress&)>& progress);

}  // namespace kvstore::durability
