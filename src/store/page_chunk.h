// PageChunk: one megabyte of address space from the operating system; ChunkSource: a shard's spare ones.
//
// Records and index segments are cut from chunks. Pages cost memory only once they are touched. Chunks are mapped and
// unmapped outside the shard's lock: a table takes a spare under the lock, and after the unlock the spares are refilled
// (Keyspace::prepare_spares). Only when two chunks are used up between two refills is one mapped under the lock.
//
// Huge pages are refused: a table touches its chunks slowly from the front, so with `transparent_hugepage=always` every
// half-used huge page would count in full (some 2 MiB a shard).
//
// Thread rule: PageChunk belongs to one thread; ChunkSource is guarded by its shard's lock.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

namespace kvstore::store {

class PageChunk {
 public:
  static constexpr std::size_t kBytes = std::size_t{1} << 20;

  PageChunk() = default;
  // Ends the process when the system has no address space left: nothing could be stored any more.
  [[nodiscard]] static PageChunk map();

  PageChunk(PageChunk&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  PageChunk& operator=(PageChunk&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  PageChunk(const PageChunk&) = delete;
  PageChunk& operator=(const PageChunk&) = delete;
  ~PageChunk() {
    if (data_ != nullptr) unmap();
  }

  explicit operator bool() const { return data_ != nullptr; }
  [[nodiscard]] char* data() const { return data_; }

 private:
  explicit PageChunk(char* data) : data_(data) {}
  void unmap();

  char* data_ = nullptr;  // zeroed and page-aligned
};

// Gives the pages in [data, data + bytes) back to the system; they read as zero when touched again.
void release_pages(char* data, std::size_t bytes);

class ChunkSource {
 public:
  static constexpr unsigned kSparesWanted = 2;

  // A spare chunk, or one mapped now.
  [[nodiscard]] PageChunk take() {
    missing_known_ = true;
    return count_ > 0 ? std::move(spares_[--count_]) : PageChunk::map();
  }
  // How many chunks give() should be called with. None before the first take(): an unused shard needs no spares.
  [[nodiscard]] unsigned missing() const { return missing_known_ ? kSparesWanted - count_ : 0; }
  // Keeps a spare; a chunk too many is given back to be unmapped by the caller, outside the lock.
  [[nodiscard]] PageChunk give(PageChunk chunk) {
    if (count_ == kSparesWanted) return chunk;
    spares_[count_++] = std::move(chunk);
    return {};
  }

 private:
  std::array<PageChunk, kSparesWanted> spares_;
  unsigned count_ = 0;
  bool missing_known_ = false;
};

}  // namespace kvstore::store
