// WriteContext: whom a write tells of its effect, and what it leaves behind for the time after the unlock.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "base/shared_bytes.h"
#include "store/mutation_sink.h"

namespace kvstore::store {

class WriteContext {
 public:
  // No sink: changes are not logged.
  explicit WriteContext(MutationSink* sink = nullptr) : sink_(sink) {}

  // Calls tell(sink) when there is a sink. With the locks of the shards concerned held.
  template <typename Tell>
  void tell(Tell tell) {
    if (sink_ == nullptr) return;
    told_ = true;
    tell(*sink_);
  }
  // Seals what was told; 0 when nothing was. Use Keyspace::seal(), which notes the LSN on the shards.
  [[nodiscard]] Lsn seal() {
    if (!told_) return 0;
    told_ = false;
    const Lsn lsn = sink_->seal();
    sealed_lsn_ = std::max(sealed_lsn_, lsn);
    return lsn;
  }
  // The LSN behind everything this context ever sealed: where a reply to FLUSHALL, which locks no shard of its own,
  // gets the position it must wait for.
  [[nodiscard]] Lsn sealed_lsn() const { return sealed_lsn_; }

  // Keeps a replaced or erased large value until release(), so that freeing it (a system call) holds no lock.
  void defer(base::SharedBytesRef block) { deferred_.push_back(std::move(block)); }
  // Call with no lock held.
  void release() {
    if (!deferred_.empty()) deferred_.clear();
  }

 private:
  MutationSink* sink_;
  bool told_ = false;  // since the last seal()
  Lsn sealed_lsn_ = 0;
  std::vector<base::SharedBytesRef> deferred_;
};

}  // namespace kvstore::store
