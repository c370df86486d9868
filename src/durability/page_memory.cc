#include "durability/page_memory.h"

#include <sys/mman.h>

#include "base/assert.h"

namespace kvstore::durability {

PageMemory::PageMemory(std::size_t bytes) : memory_(nullptr, Unmap{bytes}) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  KV_ASSERT(memory != MAP_FAILED);
  memory_.reset(static_cast<char*>(memory));
}

void PageMemory::Unmap::operator()(char* memory) const { KV_ASSERT(munmap(memory, bytes) == 0); }

}  // namespace kvstore::durability
