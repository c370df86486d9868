#include "env/buffer_ring.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/assert.h"

namespace kvstore::env {
namespace {

void* reserve(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  KV_ASSERT(memory != MAP_FAILED);
  // A huge page would be touched as a whole with the first byte.
  madvise(memory, bytes, MADV_NOHUGEPAGE);
  return memory;
}

}  // namespace

Result<std::unique_ptr<BufferRing>> BufferRing::create(Ring& ring, std::uint16_t group, unsigned count,
                                                       unsigned buffer_bytes) {
  KV_ASSERT(count > 0 && count <= 32768 && (count & (count - 1)) == 0);
  std::unique_ptr<BufferRing> buffers(new BufferRing);
  buffers->ring_bytes_ = count * sizeof(io_uring_buf);
  buffers->ring_ = static_cast<io_uring_buf_ring*>(reserve(buffers->ring_bytes_));
  buffers->memory_bytes_ = std::size_t{count} * buffer_bytes;
  buffers->memory_ = static_cast<char*>(reserve(buffers->memory_bytes_));
  buffers->count_ = count;
  buffers->buffer_bytes_ = buffer_bytes;
  buffers->group_ = group;
  buffers->taken_.reserve(count);

  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffers->ring_);
  registration.ring_entries = count;
  registration.bgid = group;
  const int result = io_uring_register_buf_ring(ring.raw(), &registration, 0);
  if (result < 0) {
    return Status(StatusCode::kUnavailable,
                  "io_uring is not available: the kernel refused a ring of receive buffers: " +
                      std::string(std::strerror(-result)));
  }
  io_uring_buf_ring_init(buffers->ring_);
  buffers->grow();
  buffers->recycle();
  return buffers;
}

BufferRing::~BufferRing() {
  munmap(ring_, ring_bytes_);
  munmap(memory_, memory_bytes_);
}

std::string_view BufferRing::take(std::uint32_t completion_flags, std::size_t length) {
  const auto buffer = static_cast<std::uint16_t>(completion_flags >> IORING_CQE_BUFFER_SHIFT);
  KV_ASSERT(buffer < given_ && length <= buffer_bytes_ && taken_.size() < given_);
  taken_.push_back(buffer);
  return {memory_ + std::size_t{buffer} * buffer_bytes_, length};
}

void BufferRing::recycle() {
  if (shortage_ || taken_.size() * 2 > given_) grow();
  shortage_ = false;
  for (const std::uint16_t buffer : taken_) add(buffer);
  taken_.clear();
  if (staged_ > 0) io_uring_buf_ring_advance(ring_, static_cast<int>(staged_));
  staged_ = 0;
}

void BufferRing::grow() {
  const unsigned wanted = std::min(count_, std::max(kFirstBuffers, given_ * 2));
  while (given_ < wanted) add(static_cast<std::uint16_t>(given_++));
}

void BufferRing::add(std::uint16_t buffer) {
  io_uring_buf_ring_add(ring_, memory_ + std::size_t{buffer} * buffer_bytes_, buffer_bytes_, buffer,
                        io_uring_buf_ring_mask(count_), static_cast<int>(staged_));
  ++staged_;
}

}  // namespace kvstore::env
