// The names of snapshot files in the data directory.
#pragma once

namespace kvstore::durability {

inline constexpr const char* kSnapshotName = "kvstore.db.snapshot";
inline constexpr const char* kPreviousSnapshotName = "kvstore.db.snapshot.previous";
inline constexpr const char* kTemporarySnapshotName = "kvstore.db.snapshot.tmp";

}  // namespace kvstore::durability
