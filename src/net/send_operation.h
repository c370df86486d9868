// SendOperation: bytes that the kernel is sending for one connection, apart from the output that is being filled.
//
// Thread rule: the loop's own thread.
// Invariant: while an operation is in flight its bytes do not move; only its completion consumes them.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <memory>
#include <vector>

#include "base/output_buffer.h"

namespace kvstore::net {

struct SendOperation {
  static constexpr int kMaxVectors = 32;

  base::OutputBuffer bytes;
  msghdr message{};
  std::array<iovec, kMaxVectors> vectors{};
};

// A few finished operations kept for the next sends; most connections have none in flight most of the time.
class SendOperationPool {
 public:
  [[nodiscard]] SendOperation* take() {
    if (free_.empty()) return std::make_unique<SendOperation>().release();
    SendOperation* operation = free_.back().release();
    free_.pop_back();
    return operation;
  }
  void give_back(SendOperation* operation) {
    std::unique_ptr<SendOperation> owned(operation);
    owned->bytes.clear();
    if (free_.size() < kKept) free_.push_back(std::move(owned));
  }

 private:
  static constexpr std::size_t kKept = 64;
  std::vector<std::unique_ptr<SendOperation>> free_;
};

}  // namespace kvstore::net
