// The allocator for large values and connection output: mimalloc; the C library's under sanitizers, which know nothing
// of mimalloc's own synchronisation and cannot see overruns in its blocks.
//
// Thread rule: any thread may free what another allocated. Running out of memory ends the process.
#pragma once

#include <cstddef>
#include <cstdlib>

#include "base/assert.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KV_SANITIZED_HEAP 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KV_SANITIZED_HEAP 1
#endif

#ifndef KV_SANITIZED_HEAP
#include <mimalloc.h>
#endif

namespace kvstore::base {

[[nodiscard]] inline void* heap_reallocate(void* memory, std::size_t bytes) {
#ifdef KV_SANITIZED_HEAP
  void* moved = std::realloc(memory, bytes);
#else
  void* moved = mi_realloc(memory, bytes);
#endif
  KV_ASSERT(moved != nullptr);
  return moved;
}

[[nodiscard]] inline void* heap_allocate(std::size_t bytes) { return heap_reallocate(nullptr, bytes); }

inline void heap_free(void* memory) {
#ifdef KV_SANITIZED_HEAP
  std::free(memory);
#else
  mi_free(memory);
#endif
}

}  // namespace kvstore::base
