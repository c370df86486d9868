// Options: how a KeyValueStore is opened.
#pragma once

#include <cstdint>
#include <string>

namespace kvstore {

// When a write returns. A write that has returned survives the end of the process, however that comes.
enum class Durability : std::uint8_t {
  kAlways,       // when it is on disk: it survives a power loss
  kEverySecond,  // when the kernel has it: a power loss can take back the last second
};

struct Options {
  // Affects performance only. Locks the store is split into, 1 to 256. More shards let more threads write at once and
  // cost about 20 KB each when filled. 64 serves up to 8 threads without waiting.
  unsigned shards = 64;

  // Where the data lives: a directory, made when it is missing (its parent must be there). Empty: in memory only. One
  // process at a time uses a directory; kv_store_server uses the same files (the store is its database 0).
  std::string data_dir;
  // The rest is about a store with a data_dir.
  Durability durability = Durability::kAlways;
  // A snapshot is taken when the log has grown by this much since the last one, so that the log stays short. 0: only
  // when snapshot() asks.
  std::uint64_t snapshot_log_bytes = std::uint64_t{1} << 30;
  // Size of the log's files, which are made ahead: 2 MiB to 1 GiB. A small store of small values needs no more than
  // the smallest.
  std::uint64_t log_segment_bytes = std::uint64_t{64} << 20;
};

}  // namespace kvstore
