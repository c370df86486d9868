// load_rdb: an RDB file into a keyspace, on all cores: the caller's thread decodes, others insert (bulk_writer.h).
//
// Thread rule: the keyspace is empty, and used by nobody else until load_rdb() returns.
// Invariants:
//   1. After success the keyspace holds exactly the keys of the file. After an error it holds some of them: throw it
//      away.
//   2. What waits between decoder and inserters is bounded: BulkBatchQueue::kBatches batches a thread, each with
//      BulkBatch::kBytes and one key more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "durability/rdb_input.h"
#include "durability/rdb_reader.h"
#include "kvstore/status.h"
#include "store/keyspace.h"

namespace kvstore::durability {

struct RdbProgress {
  std::uint64_t keys = 0;
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
};

struct RdbLoadOptions {
  std::int64_t now_ms = 0;  // wall clock: see RdbReader::Options
  unsigned threads = 0;     // that insert; 0: one a core
  // Called on the caller's thread every megabyte or so, and at the end.
  std::function<void(const RdbProgress&)> progress;
};

struct RdbLoaded {
  RdbInfo info;
  std::uint64_t keys = 0;
  std::uint64_t keys_expired = 0;  // dropped
};

// Errors: those of RdbReader, and kCorruption when a key is in the file more than once.
[[nodiscard]] Result<RdbLoaded> load_rdb(RdbSource& source, store::Keyspace& keyspace, const RdbLoadOptions& options);

}  // namespace kvstore::durability
