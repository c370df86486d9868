// DurableStore: what makes a KeyValueStore durable: its writes, which return when they are in the log, and what its
// reads must wait for.
//
// Thread rule: every function from any thread; the destructor when nobody else is in one.
// Invariants:
//   1. A write returns ok only when the log has acknowledged it (Log::acknowledged_lsn).
//   2. Nothing is changed when there is no room on the disk for it, or after the log has failed.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "durability/log_group.h"
#include "durability/storage.h"
#include "env/clock.h"
#include "env/directory.h"
#include "kvstore/status.h"
#include "kvstore/write_batch.h"
#include "store/keyspace.h"
#include "store/write_context.h"

namespace kvstore::engine {

class DurableStore {
 public:
  struct Options {
    durability::Mode mode = durability::Mode::kAlways;
    std::uint64_t snapshot_log_bytes = 0;  // 0: no limit
    std::uint64_t segment_bytes = std::uint64_t{64} << 20;
    std::size_t batch_bytes = durability::kBatchBytesMax;
  };

  // Recovers what is in the directory into the keyspace, which is empty. Both outlive the store. Errors: those of
  // durability::Storage::open().
  [[nodiscard]] static Result<std::unique_ptr<DurableStore>> open(env::Directory& directory, store::Keyspace& keyspace,
                                                                  int db, const Options& options);
  // Ends in good order. What was written is synced, or the log had failed.
  ~DurableStore();
  DurableStore(const DurableStore&) = delete;
  DurableStore& operator=(const DurableStore&) = delete;

  // Sizes are within the limits.
  [[nodiscard]] Status set(const store::Key& key, std::string_view value);
  [[nodiscard]] Result<bool> erase(const store::Key& key);
  [[nodiscard]] Status clear();
  [[nodiscard]] Status write(const WriteBatch& batch);

  [[nodiscard]] Status sync();
  [[nodiscard]] Status snapshot();
  [[nodiscard]] Status status() const;

  // For readers: where the newest change of a shard ends (it is locked), where all changes end, and the wait until one
  // of these is acknowledged. After the log has failed nobody waits.
  [[nodiscard]] store::Lsn last_lsn(unsigned shard);
  [[nodiscard]] store::Lsn end_lsn() const { return storage_->log().end_lsn(); }
  void wait_readable(store::Lsn lsn);

 private:
  // What a write needs, kept for the next one so that none allocates.
  struct Writer {
    explicit Writer(durability::Log& log) : group(log), context(&group) {}
    durability::LogGroup group;
    store::WriteContext context;
    std::uint32_t writes = 0;  // since it did background work
  };
  class WriterLease;

  DurableStore(store::Keyspace& keyspace, int db) : keyspace_(keyspace), db_(db) {}
  // Whether a write may change anything now; waits when too much waits for the disk.
  [[nodiscard]] Status admit(std::uint64_t bytes);
  [[nodiscard]] Status acknowledged(store::Lsn lsn);
  void after_write(unsigned shard, Writer& writer);

  store::Keyspace& keyspace_;
  const int db_;
  std::unique_ptr<durability::Storage> storage_;

  base::Mutex writers_mutex_;  // a leaf
  std::vector<std::unique_ptr<Writer>> idle_writers_ KV_GUARDED_BY(writers_mutex_);
};

}  // namespace kvstore::engine
