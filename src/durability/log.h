// Log: takes groups of changes in order, and brings them to disk in batches: group commit.
//
// Writers append under the locks of the shards they changed; the append only copies. Then somebody commits: whoever
// finds no commit under way begins one (begin_commit), writes the bytes it is given by whatever means it has (a ring, a
// plain write), and ends it (finish_commit). Everything that was appended meanwhile is the next commit. One commit is
// under way at a time: with clients that wait for their replies that gives the most replies a second.
//
// Thread rule: every function from any thread, but for finish_commit(), which belongs to whoever got the commit.
// Locks: append() is called under shard locks, and takes mutex_ inside; nothing is locked under mutex_.
//
// Invariants:
//   1. LSNs are given in the order of append(); a writer that holds its shard's lock gives its key's changes their
//   order.
//   2. acknowledged_lsn() is on disk (kAlways) or in the hands of the kernel (kEverySecond), as is everything before
//   it.
//   3. After a failed write or sync nothing is acknowledged any more and nothing is written again: the failure handler
//      is called, once, and is expected to end the process.
//   4. No page that holds durable bytes is written again. In kAlways each batch has pages of its own; in kEverySecond,
//   where every command may be a batch, batches share pages until a sync closes the one in use.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/spin_lock.h"
#include "durability/log_buffer.h"
#include "durability/log_format.h"
#include "durability/log_group.h"
#include "durability/segment_pool.h"
#include "env/clock.h"

namespace kvstore::durability {

// When a reply to a write may leave.
enum class Mode : std::uint8_t {
  kAlways,       // when the write is on disk
  kEverySecond,  // when the kernel has it; a sync follows within a second
};

class Log {
 public:
  // Where the log goes on: the end of what recovery found.
  struct Position {
    DatabaseId database_id{};
    Lsn lsn = 0;
    // The segment in use; a null file: none yet, the next one begins at `lsn`.
    ReadySegment segment;
    std::uint64_t salt = 0;       // of the segment in use, or of the last one that was
    std::uint64_t next_salt = 0;  // that its header names for the segment after it; 0: there is no header yet
    std::uint64_t offset = 0;     // of the next batch in it
  };

  struct Options {
    Mode mode = Mode::kAlways;
    // Called once with the reason when a write or sync failed.
    std::function<void(const Status&)> on_failure;
    // Called by whoever finished a commit or made room, on that thread: acknowledged_lsn() may have moved.
    std::function<void()> on_progress;
    // Called when a segment was put to use: the next one can be made ready.
    std::function<void()> on_segment_taken;
  };

  Log(SegmentPool& segments, const env::Clock& clock, Options options, Position position);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // --- writing ---------------------------------------------------------------------------------------------------
  // Gives a group its place: `bytes` with `insertions` (ascending offsets). Returns the LSN behind it. Copies `bytes`,
  // shares the blocks.
  Lsn append(std::string_view bytes, std::span<Insertion> insertions);
  // Whether writers may go on. False: so much waits for the disk, or so little is left of the last segment that is
  // known to have room on it, that whoever can wait shall (on_progress says when).
  [[nodiscard]] bool has_room() const;
  // Whether a segment that is being made ready is to be filled with zeros, for commits that cost less later; if not, it
  // is to be allocated: writers wait for it, or commits are so large that they need the disk's bandwidth themselves.
  [[nodiscard]] bool shall_fill_segment() const;
  // Waits until has_room(). The failure when the log has failed.
  [[nodiscard]] Status wait_for_room();
  // Whether there is room for a change of so many bytes, and half a segment besides: a full disk is met here, before
  // anything changes. Changes that only erase are taken for longer. A hint: several may ask at the same time. Not under
  // a lock: where a large change does not surely fit it asks the file system.
  static constexpr std::uint64_t kErasesOnly = 0;
  static constexpr std::uint64_t kUnknownBytes = UINT64_MAX;  // taken while there is room for a segment
  [[nodiscard]] bool takes(std::uint64_t bytes) const;

  // --- committing ------------------------------------------------------------------------------------------------
  struct Commit {
    env::File* file;
    std::uint64_t offset;
    std::string_view bytes;
    bool durable;  // must be on disk before finish_commit()
  };
  // Begins a commit; nothing when there is nothing to write, one is under way, or no segment is ready.
  [[nodiscard]] std::optional<Commit> begin_commit();
  // Like begin_commit(), for a log that fell idle: writes a marker when the durable LSN is not on disk yet.
  [[nodiscard]] std::optional<Commit> begin_marker();
  // Writes the commit's bytes on this thread, and ends it.
  void perform(const Commit& commit);
  void finish_commit(const Status& status);
  // Writes the marker of an idle log here, if it is worth one, and what was appended meanwhile.
  [[nodiscard]] Status write_marker();
  // Performs commits on the calling thread until nothing is left to begin here.
  void commit_here();
  // Waits until `lsn` is acknowledged, committing as needed. The failure when the log has failed.
  [[nodiscard]] Status wait_acknowledged(Lsn lsn);
  // Waits until everything appended so far is on disk, in either mode.
  [[nodiscard]] Status sync();
  // Ends the log: nothing more is acknowledged. For those who find that the disk cannot be trusted.
  void fail(const Status& status);
  // Tells a waiting commit that a segment is ready, or that there is no room for one. For the keeper.
  void segments_changed();

  // --- figures ---------------------------------------------------------------------------------------------------
  [[nodiscard]] Mode mode() const { return options_.mode; }
  [[nodiscard]] const DatabaseId& database_id() const { return database_id_; }
  // The end of what was appended.
  [[nodiscard]] Lsn end_lsn() const { return end_lsn_.load(std::memory_order_acquire); }
  // acquire: whoever sees it may tell a client, and then the bytes must really have been written before.
  [[nodiscard]] Lsn acknowledged_lsn() const { return acknowledged_lsn_.load(std::memory_order_acquire); }
  [[nodiscard]] Lsn durable_lsn() const { return durable_lsn_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }  // relaxed: a figure
  // What was appended and is not acknowledged.
  [[nodiscard]] std::uint64_t queued_bytes() const {
    const Lsn acknowledged = acknowledged_lsn();  // first: the end never falls behind it
    return end_lsn() - acknowledged;
  }
  // Why nothing is acknowledged any more; ok while the log works.
  [[nodiscard]] Status failure() const;
  // Whether a marker would say something new.
  [[nodiscard]] bool wants_marker() const;

 private:
  static constexpr std::uint64_t kSmallBytes = 4096;
  // Of 64 workers that each run a batch of 64 commands of kSmallBytes.
  static constexpr std::uint64_t kRoomForRunning = std::uint64_t{16} << 20;
  static constexpr std::size_t kCacheLines = 128;  // neighbouring ones are fetched in pairs
  static constexpr std::size_t kQueuedBytesMax = std::size_t{32} << 20;
  static constexpr std::size_t kBuffersRetained = 3;
  // A filled segment is worth 1.2 times the commits of 35 KiB, and 0.95 of those of 260 KiB.
  static constexpr std::size_t kLargeBatchBytes = std::size_t{128} << 10;

  void copy_in(std::string_view bytes) KV_REQUIRES(mutex_);
  void next_buffer() KV_REQUIRES(mutex_);
  [[nodiscard]] bool take_source();
  [[nodiscard]] bool has_dirty() const;
  [[nodiscard]] std::optional<Commit> begin(bool marker);
  // The bytes of a batch on disk; one that closes its page is padded to the page's end.
  [[nodiscard]] std::size_t batch_bytes(std::size_t payload, bool closes_page) const;
  [[nodiscard]] bool closes_page() const { return options_.mode == Mode::kAlways || first_of_start_; }
  [[nodiscard]] bool ensure_segment(std::size_t payload);
  // Whether writers wait, or soon will, because no segment is ready.
  [[nodiscard]] bool wants_segment_now() const;
  [[nodiscard]] Commit prepare_batch(LogBuffer& buffer, Lsn first_lsn, std::size_t payload_bytes, bool closes_page);
  [[nodiscard]] Commit prepare_marker(bool closes_page);
  void release_source();
  [[nodiscard]] std::unique_ptr<LogBuffer> new_buffer() const;
  void refill_spares();
  [[nodiscard]] std::uint64_t space_left() const;
  void wake_waiters();
  void notify();
  [[nodiscard]] Status sync_files();
  [[nodiscard]] Result<Lsn> close_page();

  SegmentPool& segments_;
  const env::Clock& clock_;
  const Options options_;
  const DatabaseId database_id_;
  // What writers share, and what every append touches of it in one cache line: with several cores writing, each append
  // fetches it from another one.
  alignas(kCacheLines) mutable base::SpinLock mutex_;
  std::unique_ptr<LogBuffer> open_ KV_GUARDED_BY(mutex_);
  std::atomic<Lsn> end_lsn_;  // written under mutex_; release, acquire: who sees an end may rely on what was appended
  std::deque<std::unique_ptr<LogBuffer>> full_ KV_GUARDED_BY(mutex_);  // before open_, oldest first
  std::vector<std::unique_ptr<LogBuffer>> spare_ KV_GUARDED_BY(mutex_);

  // Whoever set this owns the fields below it until it clears it. seq_cst: see begin().
  alignas(kCacheLines) std::atomic<bool> commit_under_way_{false};
  std::atomic<bool> blocked_{false};    // a commit waits for a segment; seq_cst, as waiters_
  std::unique_ptr<LogBuffer> source_;   // being written
  std::unique_ptr<LogBuffer> staging_;  // a batch put together of a source with blocks, or a marker
  ReadySegment segment_;
  std::uint64_t salt_;
  std::uint64_t next_salt_;
  std::uint64_t offset_;
  bool first_of_start_ = true;  // no batch was written since the start
  bool new_segment_ = false;    // the next batch brings the segment's header
  std::uint64_t previous_salt_ = 0;
  std::size_t batch_bytes_ = 0;    // of the commit under way, on disk
  std::size_t payload_bytes_ = 0;  // of the commit under way
  Lsn batch_end_ = 0;

  // Read by every worker in every turn.
  alignas(kCacheLines) std::atomic<Lsn> acknowledged_lsn_;
  std::atomic<Lsn> durable_lsn_;
  // The durable LSN that the last batch carried; relaxed: only decides whether a marker is worth writing.
  std::atomic<Lsn> marked_lsn_;
  std::atomic<std::uint64_t> commits_{0};
  // Of the segment in use, behind the last batch; relaxed: for space_left(), a judgement with a margin.
  std::atomic<std::uint64_t> segment_room_{0};
  // A moving average; written by the commit under way, and read by the keeper, relaxed: only a choice between two ways.
  std::atomic<std::size_t> recent_batch_bytes_{0};

  // Those who wait in wait_acknowledged() and sync(), and files with unsynced bytes (kEverySecond).
  mutable base::Mutex wait_mutex_;
  std::condition_variable_any progress_;
  // seq_cst with acknowledged_lsn_: a waiter counts itself, then looks; a commit publishes, then looks for waiters.
  std::atomic<unsigned> waiters_{0};
  std::vector<std::shared_ptr<env::File>> unsynced_ KV_GUARDED_BY(wait_mutex_);
  bool syncing_ KV_GUARDED_BY(wait_mutex_) = false;  // a thread is in sync_files()
  Status failure_ KV_GUARDED_BY(wait_mutex_);
  std::atomic<bool> failed_{false};  // acquire/release: failure_ is set before
};

}  // namespace kvstore::durability
