// Recovery: from the files of a data directory to the one state they stand for: a snapshot and every complete group of
// the log after it. The cases are lettered here, in the code and in docs/formats/recovery.md.
//
//   A  no files                                  a new database
//   B  a Redis dump.rdb and nothing of ours      its keys, as a new database
//   C  a snapshot and the log from there         the usual case
//   D  the snapshot is damaged, the one before   that one, and a longer piece of the log; said loudly
//      it is not
//   E  the log from its very beginning           no snapshot was made yet
//   F  a snapshot and no log                     a backup that was put back: the state of the snapshot
// and in each of them: a torn tail of the log is cut, and said. Everything else refuses to start:
//   G  no snapshot can be read, and the log does not reach back to the beginning
//   H  the log begins behind the snapshot: files are missing
//   I  acknowledged bytes of the log are damaged
//   J  snapshot and log are of different databases
//   K  written by another version, or holding what this version cannot load
//
// Thread rule: one thread, before anybody else touches directory or keyspace.
// Invariants:
//   1. A crash during recovery, at any point, recovers to the same state.
//   2. Nothing is changed on disk before it is certain that the start will not be refused.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "durability/log.h"
#include "durability/segment_pool.h"
#include "durability/snapshot_names.h"
#include "env/clock.h"
#include "env/directory.h"
#include "kvstore/status.h"
#include "store/keyspace.h"

namespace kvstore::durability {

inline constexpr const char* kDamagedSnapshotName = "kvstore.db.snapshot.damaged";
inline constexpr const char* kRedisSnapshotName = "dump.rdb";

struct RecoveryProgress {
  const char* stage = "";  // "snapshot", "log"
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
  std::uint64_t keys = 0;  // or records
};

struct RecoveryOptions {
  SegmentPool::Options segments;
  unsigned threads = 0;  // 0: one a core
  std::function<void(const RecoveryProgress&)> progress;
  // False: a rehearsal. The keyspace becomes what a start would make it, the verdict is the same, and nothing on disk
  // is changed or opened for writing; the result then has no segment to go on with.
  bool change_disk = true;
};

struct Recovered {
  char recovery_case = 'A';
  DatabaseId database_id{};
  std::string snapshot_name;  // that was loaded; empty: none
  Lsn snapshot_lsn = 0;
  std::uint64_t snapshot_keys = 0;
  std::int64_t snapshot_time_s = 0;
  std::uint64_t log_groups = 0;  // applied
  std::uint64_t log_records = 0;
  std::uint64_t cut_bytes = 0;  // of a torn tail: pages made unreadable
  std::vector<std::string> warnings;

  // Where log and segments go on.
  Log::Position position;
  SegmentPool::Found segments;
  // The snapshot was written by somebody else (or put there by hand): one of ours must be complete before the log
  // begins, or the next start could not tell how they belong together.
  bool needs_snapshot = false;
};

// Errors: kCorruption for G to J, kInvalidArgument for K; otherwise what the directory answered.
[[nodiscard]] Result<Recovered> recover(env::Directory& directory, store::Keyspace& keyspace, const env::Clock& clock,
                                        const RecoveryOptions& options);

}  // namespace kvstore::durability
