#include "server/commit_driver.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace kvstore::server {

void CommitDriver::advance() {
  if (writing_) return;
  if (!ring_writes_) {
    if (log_.queued_bytes() > 0) service_.request_commit();
    return;
  }
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
  write.sync = writing_->durable;
  write.completion = this;
  if (loop_.write_durably(write)) return;
  // This once on this thread; from now on the flusher does it.
  ring_writes_ = false;
  log_.perform(*std::exchange(writing_, std::nullopt));
}

void CommitDriver::on_write_done(int result) {
  const durability::Log::Commit commit = *std::exchange(writing_, std::nullopt);
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
