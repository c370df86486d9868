// prefetch(): asks for the cache line at an address and does not wait for it.
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

}  // namespace kvstore::base
