// The part of Log that waits: for the disk, for room, and for the sync that makes durable what the kernel has.

#include <memory>
#include <vector>

#include "base/seeded_bug.h"
#include "durability/log.h"

namespace kvstore::durability {

Status Log::wait_acknowledged(Lsn lsn) {
  while (acknowledged_lsn() < lsn) {
    commit_here();
    if (acknowledged_lsn() >= lsn) break;
    waiters_.fetch_add(1, std::memory_order_seq_cst);
    Status failure;
    {
      const base::MutexLock lock(wait_mutex_);
      failure = failure_;
      // Another thread's commit is under way, or the log waits for a segment; both end with notify().
      const bool others_turn =
          commit_under_way_.load(std::memory_order_seq_cst) || blocked_.load(std::memory_order_seq_cst);
      if (failure.ok() && others_turn && acknowledged_lsn_.load(std::memory_order_seq_cst) < lsn) {
        progress_.wait(wait_mutex_);
      }
    }
    waiters_.fetch_sub(1, std::memory_order_seq_cst);
    if (!failure.ok()) return failure;
  }
  return {};
}

Status Log::wait_for_room() {
  while (!has_room()) {
    // What waits for the disk is brought there; behind it only the keeper can help.
    if (Status status = wait_acknowledged(end_lsn()); !status.ok()) return status;
    waiters_.fetch_add(1, std::memory_order_seq_cst);
    Status failure;
    {
      const base::MutexLock lock(wait_mutex_);
      failure = failure_;
      if (failure.ok() && !has_room()) progress_.wait(wait_mutex_);
    }
    waiters_.fetch_sub(1, std::memory_order_seq_cst);
    if (!failure.ok()) return failure;
  }
  return {};
}

void Log::wake_waiters() {
  if (waiters_.load(std::memory_order_seq_cst) == 0) return;
  const base::MutexLock lock(wait_mutex_);
  progress_.notify_all();
}

void Log::notify() {
  wake_waiters();
  if (options_.on_progress) options_.on_progress();
}

Status Log::sync() {
  if (Status status = wait_acknowledged(end_lsn()); !status.ok()) return status;
  return options_.mode == Mode::kAlways ? Status{} : sync_files();
}

// From here on nothing is written to the pages of what is acknowledged now, which is returned: the sync that follows
// makes it durable, and a page that is torn later must not take it along.
Result<Lsn> Log::close_page() {
  waiters_.fetch_add(1, std::memory_order_seq_cst);
  {
    const base::MutexLock lock(wait_mutex_);
    while (failure_.ok() && commit_under_way_.exchange(true, std::memory_order_seq_cst)) progress_.wait(wait_mutex_);
  }
  waiters_.fetch_sub(1, std::memory_order_seq_cst);
  if (Status status = failure(); !status.ok()) return status;
  const Lsn acknowledged = acknowledged_lsn();
  if (offset_ % kPageBytes != 0 && !KV_SEEDED_BUG(page_not_closed_at_sync)) {
    perform(prepare_marker(/*closes_page=*/true));
  } else {
    commit_under_way_.store(false, std::memory_order_seq_cst);
  }
  commit_here();  // what came meanwhile found a commit under way
  if (Status status = failure(); !status.ok()) return status;
  return acknowledged;
}

Status Log::sync_files() {
  std::vector<std::shared_ptr<env::File>> files;
  {
    const base::MutexLock lock(wait_mutex_);
    // One at a time: the kernel lets a sync succeed that comes after one that failed.
    while (syncing_) progress_.wait(wait_mutex_);
    if (!failure_.ok()) return failure_;
    syncing_ = true;
  }
  const Result<Lsn> written = close_page();
  {
    const base::MutexLock lock(wait_mutex_);
    files = unsynced_;
  }
  Status status = written.status();
  for (const std::shared_ptr<env::File>& file : files) {
    if (status.ok()) status = file->sync();
    if (!status.ok() && KV_SEEDED_BUG(failed_sync_retried)) status = file->sync();
  }
  if (!status.ok()) fail(status);
  {
    const base::MutexLock lock(wait_mutex_);
    syncing_ = false;
    progress_.notify_all();
    if (!status.ok()) return status;
    // The last one may be written again; those before it are done with.
    while (unsynced_.size() > 1 && files.size() > 1 && unsynced_.front() == files.front()) {
      unsynced_.erase(unsynced_.begin());
      files.erase(files.begin());
    }
  }
  Lsn durable = durable_lsn_.load(std::memory_order_relaxed);
  // release: as in acknowledged_lsn(); a loop, because the next sync may end first and the LSN must not go back.
  while (durable < written.value() &&
         !durable_lsn_.compare_exchange_weak(durable, written.value(), std::memory_order_release,
                                             std::memory_order_relaxed)) {
  }
  notify();
  return {};
}

void Log::fail(const Status& status) {
  {
    const base::MutexLock lock(wait_mutex_);
    if (!failure_.ok()) return;
    failure_ = status;
    failed_.store(true, std::memory_order_release);
    progress_.notify_all();
  }
  // commit_under_way_ stays set: nothing is written any more.
  if (options_.on_failure) options_.on_failure(status);
}

Status Log::failure() const {
  if (!failed_.load(std::memory_order_acquire)) return {};
  const base::MutexLock lock(wait_mutex_);
  return failure_;
}

}  // namespace kvstore::durability
