#include "base/shared_bytes.h"

#include <cstring>
#include <new>

#include "base/assert.h"
#include "base/heap.h"

namespace kvstore::base {

SharedBytesRef SharedBytesRef::allocate(std::size_t size, std::size_t capacity) {
  KV_ASSERT(size <= capacity);
  void* memory = heap_allocate(sizeof(SharedBytes) + capacity);
  return SharedBytesRef(new (memory) SharedBytes(size, capacity));
}

SharedBytesRef SharedBytesRef::copy_of(std::string_view bytes) {
  SharedBytesRef copy = allocate(bytes.size(), bytes.size());
  if (!bytes.empty()) std::memcpy(copy->data(), bytes.data(), bytes.size());
  return copy;
}

void SharedBytesRef::drop() {
  // acq_rel: the last holder must see every other holder's reads finished before the memory is reused.
  if (block_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    block_->~SharedBytes();
    heap_free(block_);
  }
  block_ = nullptr;
}

}  // namespace kvstore::base
