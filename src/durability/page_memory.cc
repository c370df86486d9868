#include "durability/page_memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "base/assert.h"

namespace kvstore::durability {
namespace {

constexpr std::size_t kAlignment = 4096;
// Up to here the heap is cheaper than two system calls.
constexpr std::size_t kHeapBytesMax = std::size_t{64} << 10;

}  // namespace

PageMemory::PageMemory(std::size_t bytes) : memory_(nullptr, Unmap{bytes}) {
  void* memory = nullptr;
  if (bytes <= kHeapBytesMax) {
    memory = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
    KV_ASSERT(memory != nullptr);
    std::memset(memory, 0, bytes);
  } else {
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    KV_ASSERT(memory != MAP_FAILED);
  }
  memory_.reset(static_cast<char*>(memory));
}

void PageMemory::Unmap::operator()(char* memory) const {
  if (bytes <= kHeapBytesMax) return std::free(memory);
  KV_ASSERT(munmap(memory, bytes) == 0);
}

}  // namespace kvstore::durability
