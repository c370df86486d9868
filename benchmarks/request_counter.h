// RequestCounter: how many requests are complete in a stream of bytes in which all requests have the same length.
//
// Thread rule: one thread.
// Invariants:
//   1. However the stream is cut into pieces, the counts of the pieces add up to the complete requests of the whole.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/assert.h"

namespace kvstore::benchmarks {

class RequestCounter {
 public:
  explicit RequestCounter(std::size_t request_bytes) : request_bytes_(request_bytes) { KV_ASSERT(request_bytes > 0); }

  // The requests that these further bytes complete.
  [[nodiscard]] std::uint64_t add(std::size_t bytes) {
    begun_bytes_ += bytes;
    const std::uint64_t complete = begun_bytes_ / request_bytes_;
    begun_bytes_ %= request_bytes_;
    return complete;
  }

 private:
  std::size_t request_bytes_;
  std::size_t begun_bytes_ = 0;  // of a request that is not complete; less than request_bytes_
};

}  // namespace kvstore::benchmarks
