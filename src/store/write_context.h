// WriteContext: what a write leaves behind for the time after the unlock.
//
// Thread rule: one thread.
#pragma once

#include <utility>
#include <vector>

#include "base/shared_bytes.h"

namespace kvstore::store {

class WriteContext {
 public:
  // Keeps a replaced or erased large value until release(), so that freeing it (a system call) holds no lock.
  void defer(base::SharedBytesRef block) { deferred_.push_back(std::move(block)); }
  // Call with no lock held.
  void release() {
    if (!deferred_.empty()) deferred_.clear();
  }

 private:
  std::vector<base::SharedBytesRef> deferred_;
};

}  // namespace kvstore::store
