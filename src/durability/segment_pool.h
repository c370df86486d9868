// SegmentPool: the files of the log: filled with zeros, or allocated, and synced before they are needed, used in the
// order of their numbers, and used again once a snapshot covers them.
//
// Thread rule: take() and the figures from any thread; prepare_one() and recycle() from one thread at a time (the
// keeper), which may wait for the disk. The mutex is never held over a system call.
// Invariants:
//   1. A segment is handed out only when the room for all its bytes and its name are on disk: a full disk is met here,
//      before any command needs the room.
//   2. Numbers of files on disk have no gap: segments are prepared, taken and let go in the order of their numbers, and
//      spares removed from the back.
//   3. A file that is not of full size is the last one: it is being filled, and nothing comes behind it before it is.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "durability/log_format.h"
#include "env/directory.h"

namespace kvstore::durability {

struct ReadySegment {
  std::uint64_t number = 0;
  std::shared_ptr<env::File> file;  // shared: a sync may outlive its use for writing
};

// A segment that holds part of the log.
struct UsedSegment {
  std::uint64_t number = 0;
  Lsn first_lsn = 0;
  std::uint64_t file_bytes = 0;
};

class SegmentPool {
 public:
  // Segments kept ready ahead of the one in use.
  static constexpr std::size_t kReady = 2;

  struct Options {
    std::uint64_t segment_bytes = std::uint64_t{64} << 20;  // whole pages, one more than a batch at least
    std::size_t batch_bytes = kBatchBytesMax;               // of the largest batch, whole pages
    env::Caching caching = env::Caching::kDirect;
  };

  // What is there at the start.
  struct Found {
    std::deque<UsedSegment> used;   // the segments that hold the log, ascending
    std::uint64_t next_number = 1;  // of the next segment to prepare
    std::uint64_t spares = 0;       // files of full size from there on, in order, on disk with name and size
  };

  SegmentPool(env::Directory& directory, const Options& options, Found found);

  // The next segment, when one is ready. It counts as used from `first_lsn` on.
  [[nodiscard]] std::optional<ReadySegment> take(Lsn first_lsn);
  [[nodiscard]] bool wants_segment() const;
  // Makes the next segment ready: from a spare file, or by filling a new one with zeros. When the failure passes(),
  // nothing has changed, and it may be tried again. `pace`, when given, is called before each piece of a fill with the
  // time to leave to the commits that share the disk (0 for the first piece, a small segment, or while no other is
  // ready), and says whether to fill on. If not, what is left is allocated instead, where the file system can.
  using Pace = std::function<bool(std::chrono::microseconds pause)>;
  [[nodiscard]] Status prepare_one(const Pace& pace = nullptr);
  // Lets go of the segments whose last byte lies before `lsn`, as far as a later one holds something before `lsn`. As
  // many as were let go at once lately become spares, up to a limit: as many will be used until the next time. The rest
  // are removed. kNoSpace: less was let go, and it may be tried again.
  [[nodiscard]] Status recycle(Lsn lsn);
  // Removes all spares: somebody else needs the room.
  [[nodiscard]] Status drop_spares() { return remove_spares(0); }

  [[nodiscard]] std::size_t ready() const;
  // The same without the mutex. seq_cst, and so is disk_full(): a worker says that it waits and looks at them once
  // more; the keeper changes them and looks for those who wait.
  [[nodiscard]] std::size_t ready_count() const { return ready_count_.load(std::memory_order_seq_cst); }
  // What segments that are not ready yet would hold, if nobody else takes the room on the disk. Asks the file system.
  [[nodiscard]] std::uint64_t room_for_more() const;
  // Bytes of all files with log in them.
  [[nodiscard]] std::uint64_t used_bytes() const;
  // Of those that hold log from `lsn` on, behind the one in which it lies.
  [[nodiscard]] std::uint64_t bytes_since(Lsn lsn) const;
  // Whether a failure of prepare_one() is one to wait out: the disk is full, or too many files are open.
  [[nodiscard]] static bool passes(const Status& status) {
    return status.code() == StatusCode::kNoSpace || status.code() == StatusCode::kUnavailable;
  }
  // Whether the last attempt to prepare a segment found the disk full. Files become free again by themselves, so
  // without one writers wait instead of being refused.
  [[nodiscard]] bool disk_full() const { return disk_full_.load(std::memory_order_seq_cst); }
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  [[nodiscard]] Status fill_or_allocate(env::File& file, const Pace& pace);
  // From the back, until so many files are ready or spare.
  [[nodiscard]] Status remove_spares(std::size_t files_kept);
  struct Recycling {
    std::size_t unneeded = 0;
    std::size_t files_kept = 0;
  };
  [[nodiscard]] Recycling plan_recycling(Lsn lsn);
  // After a failure nothing can go on, whatever the reason: a name may never get to the disk.
  [[nodiscard]] Status sync_names();

  env::Directory& directory_;
  const Options options_;
  mutable base::Mutex mutex_;
  std::deque<UsedSegment> used_ KV_GUARDED_BY(mutex_);
  std::deque<ReadySegment> ready_ KV_GUARDED_BY(mutex_);
  std::uint64_t next_number_ KV_GUARDED_BY(mutex_);  // of the next segment to prepare
  std::uint64_t spares_ KV_GUARDED_BY(mutex_);       // full-size files from next_number_ on
  // How many files to have ready or spare behind a recycle(): rises at once, and falls slowly.
  std::size_t spares_wanted_ KV_GUARDED_BY(mutex_) = kReady;
  std::atomic<std::size_t> ready_count_{0};  // of ready_; written under mutex_
  std::atomic<bool> disk_full_{false};
  std::atomic<std::uint64_t> bytes_begun_{0};  // of the file that prepare_one() is making
};

}  // namespace kvstore::durability
