// prefetch(), prefetch_to_write(): ask for the cache line at an address and do not wait for it.
//
// Thread rule: any thread; the address need not be one that may be read.
#pragma once

namespace kvstore::base {

inline void prefetch(const void* at) {
  __builtin_prefetch(at);
  // g++ takes a function that only prefetches for one without effect, and leaves out the calls of it. This is an
  // effect.
  asm volatile("");
}

// For a line that another core, or the disk, has read meanwhile: it comes without a copy left elsewhere, for which the
// write would have to wait.
inline void prefetch_to_write(const void* at) {
#if defined(__x86_64__)
  // The builtin gives this instruction only with -mprfchw. A processor that does not know it does nothing.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(at)));
#else
  __builtin_prefetch(at, 1);
  asm volatile("");
#endif
}

}  // namespace kvstore::base
