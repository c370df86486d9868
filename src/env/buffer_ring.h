// BufferRing: the buffers from which the kernel takes one each time bytes arrive for a multishot receive.
//
// The kernel uses the buffers it was given in turn, so every one it has gets touched even under light load. Therefore
// it is given few at first, and more (up to `count`) when a turn used more than half: an idle server stays small, and a
// light load stays in the processor's cache.
//
// Thread rule: create() before the ring is started or on its owner; the rest on the owner. Destroy it after the ring.
// Invariants:
//   1. A buffer is either with the kernel or with the owner, between its completion and recycle().
//   2. Memory is reserved, not touched; the kernel touches what it fills.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "env/ring.h"
#include "kvstore/status.h"

namespace kvstore::env {

class BufferRing {
 public:
  // `count` is a power of two, at most 32768.
  [[nodiscard]] static Result<std::unique_ptr<BufferRing>> create(Ring& ring, std::uint16_t group, unsigned count,
                                                                  unsigned buffer_bytes);
  ~BufferRing();
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;

  [[nodiscard]] std::uint16_t group() const { return group_; }
  // The bytes of a completion that carries IORING_CQE_F_BUFFER; valid until recycle().
  [[nodiscard]] std::string_view take(std::uint32_t completion_flags, std::size_t length);
  // A receive found no buffer left: the next recycle() adds some.
  void note_shortage() { shortage_ = true; }
  // Gives every buffer taken back to the kernel.
  void recycle();

 private:
  static constexpr unsigned kFirstBuffers = 32;

  BufferRing() = default;
  void grow();
  void add(std::uint16_t buffer);

  io_uring_buf_ring* ring_ = nullptr;
  std::size_t ring_bytes_ = 0;
  char* memory_ = nullptr;
  std::size_t memory_bytes_ = 0;
  unsigned count_ = 0;
  unsigned buffer_bytes_ = 0;
  unsigned given_ = 0;   // buffers [0, given_) are in use, with the kernel or with us
  unsigned staged_ = 0;  // added to the ring, not yet published
  bool shortage_ = false;
  std::uint16_t group_ = 0;
  std::vector<std::uint16_t> taken_;
};

}  // namespace kvstore::env
