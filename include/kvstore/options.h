// Options: how a KeyValueStore is opened.
#pragma once

namespace kvstore {

struct Options {
  // Affects performance only. Locks the store is split into, 1 to 256. More shards let more threads write at once and
  // cost about 20 KB each when filled. 64 serves up to 8 threads without waiting.
  unsigned shards = 64;
};

}  // namespace kvstore
