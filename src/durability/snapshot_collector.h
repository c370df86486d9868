// SnapshotCollector: takes the keys of a snapshot from the thread that walks the store and from those that write to it,
// and keeps them as chunks of RDB bytes until they are written to the file.
//
// A chunk begins with SELECTDB, so chunks may stand in the file in any order. The walking thread fills a chunk of its
// own without a lock; all others share one. Large values are not copied: the chunk holds a reference, and knows where
// among its bytes the value's bytes belong.
//
// Thread rule: save(..., by_writer) from any thread; everything else from the walking one.
// Invariants:
//   1. save() makes no system call: chunks are cut from memory that was there before. Only when all of it is full (see
//      snapshot_memory.h), and for keys larger than a chunk, it allocates.
//   2. What is kept is counted in the SnapshotMemory, to the byte, until give_back() or destruction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/shared_bytes.h"
#include "base/spin_lock.h"
#include "base/thread_annotations.h"
#include "durability/snapshot_memory.h"
#include "store/mutation_sink.h"
#include "store/snapshot.h"

namespace kvstore::durability {

struct SnapshotChunk {
  static constexpr std::size_t kBytes = std::size_t{256} << 10;
  static constexpr std::size_t kPinsMax = 64;

  // The value whose bytes belong before those at `at`.
  struct Pin {
    std::size_t at;
    base::SharedBytesRef block;
  };

  char* data = nullptr;
  std::size_t capacity = 0;
  std::size_t used = 0;
  std::size_t pinned_bytes = 0;
  std::uint64_t keys = 0;
  int db = -1;  // of the last key
  std::vector<Pin> pins;
  std::unique_ptr<char[]> own_memory;  // of a chunk that is not from the pool
  SnapshotChunk* next = nullptr;       // in the list it is in
};

class SnapshotCollector final : public store::SnapshotOutput {
 public:
  // `position` is called at the instant, with every shard locked.
  SnapshotCollector(SnapshotMemory& memory, std::function<store::Lsn()> position);
  ~SnapshotCollector() override;
  SnapshotCollector(const SnapshotCollector&) = delete;
  SnapshotCollector& operator=(const SnapshotCollector&) = delete;

  void begin() override { lsn_ = position_(); }
  void save(int db, std::string_view key, const store::ValueView& value, bool by_writer) override;

  [[nodiscard]] store::Lsn lsn() const { return lsn_; }

  // A list of chunks to write, in the order they were filled; nullptr when there is none. Those that are still being
  // filled are left where they are, unless `all` is set: only when no save() can come, or there is no room.
  [[nodiscard]] SnapshotChunk* take_full(bool all);
  // The list's chunks are written. True when there is room again where there was none.
  bool give_back(SnapshotChunk* list);

 private:
  // Intrusive, so that moving a chunk from one to another allocates nothing.
  struct List {
    SnapshotChunk* first = nullptr;
    SnapshotChunk** end = &first;

    void push(SnapshotChunk* chunk) {
      chunk->next = nullptr;
      *end = chunk;
      end = &chunk->next;
    }
    SnapshotChunk* take_all() {
      SnapshotChunk* list = first;
      first = nullptr;
      end = &first;
      return list;
    }
  };

  static bool fits(const SnapshotChunk* chunk, std::size_t bytes) {
    return chunk != nullptr && chunk->capacity - chunk->used >= bytes && chunk->pins.size() < SnapshotChunk::kPinsMax;
  }
  // Puts `chunk` among the full ones and gives an empty one with room for `bytes`.
  [[nodiscard]] SnapshotChunk* replace(SnapshotChunk* chunk, std::size_t bytes) KV_REQUIRES(lock_);
  [[nodiscard]] SnapshotChunk* extra_chunk(std::size_t bytes);
  void append(SnapshotChunk& chunk, int db, std::string_view key, const store::ValueView& value);
  static void empty(SnapshotChunk& chunk);

  SnapshotMemory& memory_;
  const std::function<store::Lsn()> position_;
  store::Lsn lsn_ = 0;
  std::vector<SnapshotChunk> pool_;
  const std::unique_ptr<char[]> pool_memory_;
  SnapshotChunk* walker_chunk_ = nullptr;

  // A leaf, held while one key is copied.
  base::SpinLock lock_;
  SnapshotChunk* free_ KV_GUARDED_BY(lock_) = nullptr;
  SnapshotChunk* writers_chunk_ KV_GUARDED_BY(lock_) = nullptr;
  List full_ KV_GUARDED_BY(lock_);
};

}  // namespace kvstore::durability
