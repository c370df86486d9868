// cut_data: copies a data directory as it was at an LSN: the newest snapshot at or before it, and the log from there up
// to it. For going back to before a mistake, and for giving up what lies behind damage. The original is only read.
//
// Thread rule: one thread, with no server in either directory.
// Invariants:
//   1. The copy holds whole groups: its log ends at the last end of a group at or before the LSN asked for.
//   2. The snapshot gets its name last: a copy that was broken off is not taken for a whole one, unless its log reaches
//      back to the beginning; the caller says that it is incomplete.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "durability/log_format.h"
#include "durability/recovery.h"
#include "env/clock.h"
#include "env/directory.h"
#include "kvstore/status.h"

namespace kvstore::durability {

struct DataCutOptions {
  Lsn lsn = 0;
  std::function<void(const RecoveryProgress&)> progress;
};

struct DataCut {
  Lsn lsn = 0;                // where the copy ends
  std::string snapshot_name;  // in the original; empty: the log reaches back to the beginning
  Lsn snapshot_lsn = 0;
  std::uint64_t segments = 0;
};

// Errors: kInvalidArgument when nothing in the directory reaches back to that LSN, or `to` is not empty; otherwise what
// the directories answered.
[[nodiscard]] Result<DataCut> cut_data(env::Directory& from, env::Directory& to, const env::Clock& clock,
                                       const DataCutOptions& options);

}  // namespace kvstore::durability
