#include "store/page_chunk.h"

#include <sys/mman.h>

#include "base/assert.h"

namespace kvstore::store {

PageChunk PageChunk::map() {
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  KV_ASSERT(memory != MAP_FAILED);
  // Fails only on kernels without huge pages, which is what it asks for.
  static_cast<void>(madvise(memory, kBytes, MADV_NOHUGEPAGE));
  return PageChunk(static_cast<char*>(memory));
}

void PageChunk::unmap() { KV_ASSERT(munmap(data_, kBytes) == 0); }

void release_pages(char* data, std::size_t bytes) {
  // A refusal (locked pages) costs memory, not correctness: nobody relies on the zeros.
  static_cast<void>(madvise(data, bytes, MADV_DONTNEED));
}

}  // namespace kvstore::store
