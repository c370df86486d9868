// scan_log: reads a log from one end to the other and follows its groups: where each begins, what is in it, and how
// much each file holds. For those who look at a log, or copy part of it; recovery itself needs less (recovery.h).
//
// Words: a *group's LSN* is where the group begins. Cutting the log there leaves the state before the group.
//
// Thread rule: as LogReader.
// Invariants:
//   1. Groups are told of only from a place on that is known to be the beginning of one: the start of the log may lie
//      in the middle of a group whose first part was recycled.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "durability/log_reader.h"
#include "durability/log_record.h"
#include "kvstore/status.h"

namespace kvstore::durability {

struct ScannedSegment {
  std::uint64_t number = 0;
  Lsn first_lsn = 0;
  Lsn end_lsn = 0;
  std::uint64_t batches = 0;
  std::uint64_t groups = 0;  // that end in it, from the first known beginning on
  std::uint64_t records = 0;
  Lsn durable_lsn = 0;  // the newest that a batch in it carries
};

struct ScannedLog {
  LogEnd end;
  std::vector<ScannedSegment> segments;
  std::uint64_t unfinished_bytes = 0;  // of a group that is not complete at the end
};

struct LogScanOptions {
  Lsn from = 0;         // where reading begins: at or behind the reader's first LSN
  Lsn group_start = 0;  // a place at or behind `from` where a group is known to begin
  std::function<void(Lsn group, const LogRecord&)> on_record;
  std::function<void(Lsn end)> on_group_end;
  std::function<void(std::uint64_t bytes_done, std::uint64_t bytes_total)> on_progress;
};

// Precondition: !reader.empty(). kCorruption: records that cannot be; what was told before stands. Damage that the
// reader finds is in the result.
[[nodiscard]] Result<ScannedLog> scan_log(LogReader& reader, const LogScanOptions& options);

}  // namespace kvstore::durability
