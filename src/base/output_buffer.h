// OutputBuffer: bytes on their way to one connection; small replies are copied, large values are referenced.
//
// Thread rule: one thread at a time (the connection's worker).
// Invariants:
//   1. The bytes are sealed_ pieces in order, then the open tail; size() is their total.
//   2. A referenced block is never copied and never changed; dropping the piece drops the reference.
//   3. An empty buffer holds no heap memory above kRetainedBytes, so idle connections stay cheap.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstring>
#include <deque>
#include <string_view>

#include "base/shared_bytes.h"

namespace kvstore::base {

class OutputBuffer {
 public:
  // A drained buffer up to this size is kept for the next reply instead of going back to the allocator.
  static constexpr std::size_t kRetainedBytes = 4096;

  OutputBuffer() = default;
  ~OutputBuffer();
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;

  [[nodiscard]] std::size_t size() const { return sealed_size_ + (tail_size_ - tail_begin_); }
  [[nodiscard]] bool empty() const { return size() == 0; }

  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  void append(char byte) {
    *reserve(1) = byte;
    commit(1);
  }
  // Adds bytes [offset, offset + length) of a block without copying them.
  void append_shared(SharedBytesRef block, std::size_t offset, std::size_t length);

  // Room for `bytes` more contiguous bytes; the caller writes up to that many and then commits what it wrote.
  [[nodiscard]] char* reserve(std::size_t bytes) {
    if (__builtin_expect(tail_capacity_ - tail_size_ < bytes, false)) grow_tail(bytes);
    return tail_ + tail_size_;
  }
  void commit(std::size_t bytes) { tail_size_ += bytes; }

  // Fills up to `max` entries with the next bytes to send, in order; returns how many it filled.
  [[nodiscard]] int fill(iovec* vectors, int max) const;
  // Drops `bytes` from the front. Precondition: bytes <= size().
  void consume(std::size_t bytes);
  // Drops everything after the first `size` bytes. Precondition: size <= size().
  void truncate(std::size_t size);
  void clear() { consume(size()); }
  // Exchanges contents: how a connection hands its replies to a send in flight.
  void swap(OutputBuffer& other) noexcept;

 private:
  struct Piece {
    SharedBytesRef block;
    std::size_t offset;
    std::size_t length;
  };

  void grow_tail(std::size_t bytes);
  void seal_tail();
  void release_tail();

  std::deque<Piece>* sealed_ = nullptr;  // allocated when the first block is referenced
  std::size_t sealed_size_ = 0;
  char* tail_ = nullptr;
  std::size_t tail_begin_ = 0;  // sent bytes at the front of the tail
  std::size_t tail_size_ = 0;   // end of the written bytes
  std::size_t tail_capacity_ = 0;
};

}  // namespace kvstore::base
