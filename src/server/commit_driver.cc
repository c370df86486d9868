#include "server/commit_driver.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "env/block_device.h"

namespace kvstore::server {

void CommitDriver::advance(bool releases_left) {
  if (writing_) return;
  if (!ring_writes_) {
    if (log_.queued_bytes() > 0) service_.request_commit();
    return;
  }
  if (gathers(releases_left)) return loop_.turn_again();
  while ((writing_ = log_.begin_commit()) && !writing_->durable) {
    // The page cache takes it here and now; a ring would hand such a write to a thread.
    log_.perform(*std::exchange(writing_, std::nullopt));
  }
  if (!writing_) return;
  net::DurableWrite write;
  write.fd = writing_->file->descriptor();
  write.bytes = writing_->bytes.data();
  write.length = writing_->bytes.size();
  write.offset = writing_->offset;
  write.sync = sync_of(*writing_);
  write.completion = this;
  if (loop_.write_durably(write)) return;
  // This once on this thread; from now on the flusher does it.
  ring_writes_ = false;
  log_.perform(*std::exchange(writing_, std::nullopt));
}

// The clients that are answered send their next commands while others are answered. A commit that begins before would
// carry little and cost as much; one that waits for them all would leave nobody to work for while the disk writes.
bool CommitDriver::gathers(bool releases_left) {
  if (gathering_turns_ == kGatheringTurns || log_.queued_bytes() >= gathering_bytes_) return false;
  if (!releases_left) ++gathering_turns_;
  return true;
}

net::SyncBy CommitDriver::sync_of(const durability::Log::Commit& commit) {
  if (!commit.durable) return net::SyncBy::kNothing;
  // All segments lie in one folder: asked once.
  if (!durable_by_) {
    const bool flushes = env::flushes_after_write(commit.file->descriptor());
    durable_by_ = flushes ? net::SyncBy::kFlush : net::SyncBy::kWrite;
  }
  return *durable_by_;
}

void CommitDriver::on_write_done(int result) {
  const durability::Log::Commit commit = *std::exchange(writing_, std::nullopt);
  gathering_turns_ = 0;
  gathering_bytes_ = log_.queued_bytes() * kSharePercent / 100;  // with those of this commit
  Status status;
  if (result == -EINTR || result == -EAGAIN ||
      (result >= 0 && static_cast<std::size_t>(result) < commit.bytes.size())) {
    // Not a failure: the kernel wants to be asked again. Rare, so it may block.
    log_.perform(commit);
    return;
  }
  if (result < 0) {
    status = Status(result == -ENOSPC || result == -EDQUOT ? StatusCode::kNoSpace : StatusCode::kIoError,
                    std::string("cannot write the log: ") + std::strerror(-result));
  }
  log_.finish_commit(status);
}

}  // namespace kvstore::server
