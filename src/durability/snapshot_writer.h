// SnapshotWriter: takes a snapshot of a keyspace and puts it in place in the data directory, while writers go on.
// docs/formats/snapshot.md says what is in the file, and in which order it appears.
//
// Writers of the store ask has_room() before they change anything, and wait while there is none; on_room tells when
// there is room again. With no snapshot running there always is.
//
// Thread rule: run() on one thread at a time, one that may block and takes its time; everything else from any.
// Invariants:
//   1. kvstore.db.snapshot is a complete, synced, verified snapshot at every moment it is there, and the log is durable
//      up to its LSN.
//   2. When run() returns, whatever it returns, the keyspace has no snapshot any more and all memory is given back.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "durability/snapshot_collector.h"
#include "durability/snapshot_file.h"
#include "durability/snapshot_memory.h"
#include "durability/snapshot_names.h"
#include "env/clock.h"
#include "env/directory.h"
#include "kvstore/status.h"
#include "store/keyspace.h"
#include "store/mutation_sink.h"

namespace kvstore::durability {

struct SnapshotProgress {
  bool running = false;
  std::uint64_t keys_done = 0;  // in the file
  std::uint64_t keys_total = 0;
  std::uint64_t bytes_written = 0;
};

struct SnapshotTaken {
  store::Lsn lsn = 0;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;
};

class SnapshotWriter {
 public:
  struct Options {
    std::string version;      // of the program
    std::string database_id;  // 32 hex digits
    // The log's position; called with every shard locked.
    std::function<store::Lsn()> position = [] { return store::Lsn{0}; };
    // Returns when the log is durable up to there; with an error the snapshot does not appear.
    std::function<Status(store::Lsn)> ensure_log_durable = [](store::Lsn) { return Status(); };
    // There is room again; called on the thread of run().
    std::function<void()> on_room = [] {};
    // Whether somebody else has used the disk since the last call; called on the thread of run().
    std::function<bool()> shares_disk = [] { return false; };
    // What may wait between the store and the file; see snapshot_memory.h.
    std::size_t memory_bytes = std::size_t{64} << 20;
  };

  SnapshotWriter(env::Directory& directory, store::Keyspace& keyspace, const env::Clock& clock, Options options)
      : directory_(directory),
        keyspace_(keyspace),
        clock_(clock),
        options_(std::move(options)),
        memory_(options_.memory_bytes) {}
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;

  // Takes one snapshot. After an error the temporary file is gone and the snapshot before is still there, under its
  // name or, when only the last renaming failed, under kPreviousSnapshotName. kUnavailable: stop() was called.
  [[nodiscard]] Result<SnapshotTaken> run();
  // Ends run() soon, unless all keys are written already, and every later one at once.
  void stop() { stopped_.store(true, std::memory_order_relaxed); }

  [[nodiscard]] bool has_room() const { return memory_.has_room(); }
  void wait_for_room() { memory_.wait_for_room(); }
  [[nodiscard]] SnapshotProgress progress() const;

 private:
  // While others use the disk, it is theirs for so many times as long as a piece took, but not longer than this.
  static constexpr int kPauseFactor = 10;
  static constexpr std::chrono::milliseconds kPauseMax{20};

  [[nodiscard]] Result<SnapshotTaken> write();
  [[nodiscard]] Status collect(SnapshotFile& file, SnapshotTaken& taken);
  [[nodiscard]] Status write_header(SnapshotFile& file, const SnapshotTaken& taken);
  [[nodiscard]] Status write_chunks(SnapshotFile& file, SnapshotCollector& collector, bool all);
  [[nodiscard]] static Status write_chunk(SnapshotFile& file, const SnapshotChunk& chunk);
  [[nodiscard]] Status publish();
  void leave_disk(std::chrono::microseconds time_used);

  env::Directory& directory_;
  store::Keyspace& keyspace_;
  const env::Clock& clock_;
  const Options options_;
  SnapshotMemory memory_;

  // relaxed everywhere: figures for people, and a request that is looked at now and then.
  std::atomic<bool> stopped_{false};
  std::atomic<bool> running_{false};
  std::atomic<std::uint64_t> keys_done_{0};
  std::atomic<std::uint64_t> keys_total_{0};
  std::atomic<std::uint64_t> bytes_written_{0};
};

}  // namespace kvstore::durability
