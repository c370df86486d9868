#include "durability/segment_pool.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/seeded_bug.h"
#include "durability/page_memory.h"

namespace kvstore::durability {
namespace {

// A fill shares the disk with commits, which wait behind its pieces and above all behind its syncs: both are kept
// small, and time is left between them. Not in a small segment: it is soon needed, and until it is filled nobody knows
// whether the disk has room.
constexpr std::size_t kFillBytes = std::size_t{128} << 10;
constexpr std::size_t kFillBytesSynced = std::size_t{1} << 20;
constexpr int kPauseFactor = 4;
constexpr std::uint64_t kSmallSegmentBytes = std::uint64_t{16} << 20;
// Files kept for use again are at most so many bytes, besides those kept ready, and at most what is free besides: the
// room is taken from somebody else.
constexpr std::uint64_t kSpareBytesMax = std::uint64_t{1} << 30;

}  // namespace

SegmentPool::SegmentPool(env::Directory& directory, const Options& options, Found found)
    : directory_(directory),
      options_(options),
      used_(std::move(found.used)),
      next_number_(found.next_number),
      spares_(found.spares) {
  KV_ASSERT(options.batch_bytes <= kBatchBytesMax && options.batch_bytes % kPageBytes == 0);
  KV_ASSERT(options.segment_bytes >= kPageBytes + options.batch_bytes && options.segment_bytes % kPageBytes == 0);
}

std::optional<ReadySegment> SegmentPool::take(Lsn first_lsn) {
  const base::MutexLock lock(mutex_);
  if (ready_.empty()) return std::nullopt;
  ReadySegment segment = std::move(ready_.front());
  ready_.pop_front();
  ready_count_.store(ready_.size(), std::memory_order_seq_cst);
  used_.push_back({segment.number, first_lsn, options_.segment_bytes});
  return segment;
}

bool SegmentPool::wants_segment() const {
  const base::MutexLock lock(mutex_);
  return ready_.size() < kReady;
}

std::size_t SegmentPool::ready() const {
  const base::MutexLock lock(mutex_);
  return ready_.size();
}

std::uint64_t SegmentPool::used_bytes() const {
  const base::MutexLock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const UsedSegment& used : used_) bytes += used.file_bytes;
  return bytes;
}

std::uint64_t SegmentPool::bytes_since(Lsn lsn) const {
  const base::MutexLock lock(mutex_);
  const auto count =
      std::count_if(used_.begin(), used_.end(), [lsn](const UsedSegment& used) { return used.first_lsn > lsn; });
  return static_cast<std::uint64_t>(count) * options_.segment_bytes;
}

std::uint64_t SegmentPool::room_for_more() const {
  // relaxed: a judgement with a margin. The file that is being made takes from what is free.
  const std::uint64_t begun = bytes_begun_.load(std::memory_order_relaxed);
  std::uint64_t segments = (directory_.free_bytes() + begun) / options_.segment_bytes;
  {
    const base::MutexLock lock(mutex_);
    segments += spares_;
  }
  return segments * (options_.segment_bytes - options_.batch_bytes);
}

Status SegmentPool::prepare_one(const Pace& pace) {
  std::uint64_t number;
  bool spare;
  {
    const base::MutexLock lock(mutex_);
    number = next_number_;
    spare = spares_ > 0;
  }
  const std::string name = segment_name(number);
  Result<std::unique_ptr<env::File>> file =
      directory_.open(name, spare ? env::OpenMode::kReadWrite : env::OpenMode::kCreate, options_.caching);
  Status status = file.status();
  if (status.ok() && !spare) {
    status = fill_or_allocate(*file.value(), pace);
    if (status.ok() && !KV_SEEDED_BUG(segment_name_not_synced)) status = directory_.sync();
    if (!status.ok() && !KV_SEEDED_BUG(half_filled_file_left)) {
      file.value().reset();
      // The room is given back. Where even that finds the disk full, the next attempt overwrites it.
      const Status removed = directory_.remove(name);
      if (!removed.ok() && removed.code() != StatusCode::kNoSpace) return removed;
    }
  }
  disk_full_.store(status.code() == StatusCode::kNoSpace, std::memory_order_seq_cst);
  if (status.ok()) {
    const base::MutexLock lock(mutex_);
    if (spare) --spares_;
    ++next_number_;
    ready_.push_back({number, std::move(file).value()});
    ready_count_.store(ready_.size(), std::memory_order_seq_cst);
  }
  bytes_begun_.store(0, std::memory_order_relaxed);
  return status;
}

Status SegmentPool::fill_or_allocate(env::File& file, const Pace& pace) {
  using std::chrono::microseconds;
  using std::chrono::steady_clock;
  const PageMemory zeros(kFillBytes);
  microseconds pause{0};
  for (std::uint64_t at = 0; at < options_.segment_bytes; at += kFillBytes) {
    if (pace && !pace(pause)) {
      const Result<bool> allocated = file.allocate(options_.segment_bytes);
      if (!allocated.ok()) return allocated.status();
      if (allocated.value()) {
        bytes_begun_.store(options_.segment_bytes, std::memory_order_relaxed);
        break;
      }
    }
    const steady_clock::time_point begin = steady_clock::now();
    const std::uint64_t bytes = std::min<std::uint64_t>(kFillBytes, options_.segment_bytes - at);
    if (Status status = file.write(at, {zeros.data(), bytes}); !status.ok()) return status;
    bytes_begun_.store(at + bytes, std::memory_order_relaxed);
    if ((at + bytes) % kFillBytesSynced == 0) {
      if (Status status = file.sync(); !status.ok()) return status;
    }
    const bool may_wait = ready_count() > 0 && options_.segment_bytes > kSmallSegmentBytes;
    const auto used = std::chrono::duration_cast<microseconds>(steady_clock::now() - begin);
    pause = may_wait ? kPauseFactor * used : microseconds{0};
  }
  return file.sync();
}

// How many segments to let go, and how many files to have ready or spare then: as many as are let go; where that is
// less than before, a tenth of the difference fewer.
SegmentPool::Recycling SegmentPool::plan_recycling(Lsn lsn) {
  const std::uint64_t free_bytes = directory_.free_bytes();
  const base::MutexLock lock(mutex_);
  Recycling plan;
  // A segment ends where the next one begins. The next one must hold something before `lsn`: then its header is on
  // disk, and there is always a file that says to which database and where in the stream the log belongs.
  while (plan.unneeded + 1 < used_.size() && used_[plan.unneeded + 1].first_lsn < lsn) ++plan.unneeded;
  const std::size_t most = kReady + kSpareBytesMax / options_.segment_bytes;
  const std::size_t wanted = std::min(kReady + plan.unneeded, most);
  const std::size_t too_many = spares_wanted_ - std::min(spares_wanted_, wanted);
  spares_wanted_ = std::max(wanted, spares_wanted_ - (too_many + 9) / 10);
  plan.files_kept = std::min<std::uint64_t>(spares_wanted_, kReady + free_bytes / options_.segment_bytes);
  return plan;
}

Status SegmentPool::recycle(Lsn lsn) {
  const Recycling plan = plan_recycling(lsn);
  for (std::size_t done = 0; done < plan.unneeded; ++done) {
    std::uint64_t number;
    bool keep;
    std::uint64_t spare_number;
    {
      const base::MutexLock lock(mutex_);
      number = used_.front().number;
      const bool fits = used_.front().file_bytes == options_.segment_bytes || KV_SEEDED_BUG(spare_of_another_size);
      keep = fits && ready_.size() + spares_ < plan.files_kept;
      spare_number = next_number_ + spares_;
    }
    const std::string name = segment_name(number);
    const Status moved = keep ? directory_.rename(name, segment_name(spare_number)) : directory_.remove(name);
    if (!moved.ok()) return moved;  // it stays the first, and may be tried again
    {
      const base::MutexLock lock(mutex_);
      used_.pop_front();
      if (keep) ++spares_;
    }
    // One name at a time is on its way to the disk: after a crash the numbers have no gap.
    if (Status status = sync_names(); !status.ok()) return status;
  }
  return remove_spares(plan.files_kept);
}

Status SegmentPool::remove_spares(std::size_t files_kept) {
  for (;;) {
    std::uint64_t number;
    {
      const base::MutexLock lock(mutex_);
      if (spares_ == 0 || ready_.size() + spares_ <= files_kept) return {};
      number = next_number_ + spares_ - 1;
    }
    if (Status status = directory_.remove(segment_name(number)); !status.ok()) return status;
    {
      const base::MutexLock lock(mutex_);
      --spares_;
    }
    if (Status status = sync_names(); !status.ok()) return status;
  }
}

Status SegmentPool::sync_names() {
  const Status synced = directory_.sync();
  return synced.ok() ? synced : Status(StatusCode::kIoError, synced.message());
}

}  // namespace kvstore::durability
