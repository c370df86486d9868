// LogBuffer: room for one batch, filled by writers and then written in place; blocks of large values are noted and
// brought in when it is written.
//
//   page 0: room for a segment header, then from page 1 the batch: header, payload, padding
//
// Thread rule: guarded by the log: by its mutex while it is filled, by the commit under way afterwards.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/prefetch.h"
#include "durability/log_format.h"
#include "durability/log_group.h"
#include "durability/page_memory.h"

namespace kvstore::durability {

class alignas(64) LogBuffer {
 public:
  explicit LogBuffer(std::size_t batch_bytes)
      : payload_max_(batch_bytes - kBatchHeaderBytes), memory_(kPageBytes + batch_bytes) {}

  void reset(Lsn first_lsn) {
    first_lsn_ = first_lsn;
    used_ = block_bytes_ = moved_ = taken_ = taken_insertions_ = taken_of_block_ = 0;
    insertions_.clear();
  }
  [[nodiscard]] std::size_t room() const { return payload_max_ - used_; }
  void add(std::string_view bytes) {
    std::memcpy(payload() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
  }
  // Asks for the lines of the next `bytes`, some records ahead of where they go: the disk has read them since they were
  // written last, and the next appends would wait for them with the log's lock held.
  void prefetch(std::size_t bytes) const {
    constexpr std::size_t kAhead = 512;
    constexpr std::size_t kLine = 64;
    constexpr std::size_t kBytesMax = 1024;
    const char* const next = payload() + used_ + kAhead;
    for (std::size_t at = 0; at < std::min(bytes, kBytesMax); at += kLine) base::prefetch_to_write(next + at);
  }
  void insert(base::SharedBytesRef block, std::string_view bytes) {
    block_bytes_ += bytes.size();
    insertions_.push_back({used_, std::move(block), bytes});
  }

  [[nodiscard]] std::size_t payload_max() const { return payload_max_; }
  [[nodiscard]] bool empty() const { return used_ == 0 && insertions_.empty(); }
  [[nodiscard]] bool has_blocks() const { return !insertions_.empty(); }
  // Of the stream, what take() has not moved yet, and where that begins.
  [[nodiscard]] std::size_t stream_bytes() const { return used_ + block_bytes_ - moved_; }
  [[nodiscard]] Lsn first_lsn() const { return first_lsn_ + moved_; }

  [[nodiscard]] char* segment_header() const { return memory_.data(); }
  [[nodiscard]] char* batch() const { return memory_.data() + kPageBytes; }
  [[nodiscard]] char* payload() const { return batch() + kBatchHeaderBytes; }

  // Moves the next bytes of the stream, at most `room`, to `to`; blocks are let go when they are through.
  std::size_t take(char* to, std::size_t room) {
    const std::size_t wanted = room;
    while (room > 0) {
      const bool at_block = taken_insertions_ < insertions_.size() && insertions_[taken_insertions_].offset == taken_;
      if (at_block) {
        Insertion& insertion = insertions_[taken_insertions_];
        const std::size_t bytes = std::min(room, insertion.bytes.size() - taken_of_block_);
        std::memcpy(to, insertion.bytes.data() + taken_of_block_, bytes);
        to += bytes;
        room -= bytes;
        taken_of_block_ += bytes;
        if (taken_of_block_ < insertion.bytes.size()) break;
        insertion.block = {};
        taken_of_block_ = 0;
        ++taken_insertions_;
        continue;
      }
      const std::size_t end = taken_insertions_ < insertions_.size() ? insertions_[taken_insertions_].offset : used_;
      const std::size_t bytes = std::min(room, end - taken_);
      if (bytes == 0) break;
      std::memcpy(to, payload() + taken_, bytes);
      to += bytes;
      room -= bytes;
      taken_ += bytes;
    }
    moved_ += wanted - room;
    return wanted - room;
  }

 private:
  // What add() touches, in one cache line.
  std::size_t payload_max_;
  PageMemory memory_;
  std::size_t used_ = 0;  // of the payload, without blocks

  Lsn first_lsn_ = 0;
  std::size_t block_bytes_ = 0;
  std::vector<Insertion> insertions_;
  // How far take() is.
  std::size_t moved_ = 0;
  std::size_t taken_ = 0;
  std::size_t taken_insertions_ = 0;
  std::size_t taken_of_block_ = 0;
};

}  // namespace kvstore::durability
