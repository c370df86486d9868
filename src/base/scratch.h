// Scratch: bytes that live until the end of a batch; handed out in order, freed all at once, addresses stable.
//
// Thread rule: one thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace kvstore::base {

class Scratch {
 public:
  // `bytes` uninitialised bytes, valid until reset().
  [[nodiscard]] char* allocate(std::size_t bytes) {
    if (bytes > block_size_ - used_) next_block(bytes);
    char* start = block_ + used_;
    used_ += bytes;
    return start;
  }
  // Gives back the last `bytes` of the newest allocation, when less was needed than asked for.
  void give_back(std::size_t bytes) { used_ -= bytes; }

  [[nodiscard]] std::string_view copy(std::string_view bytes) {
    char* start = allocate(bytes.size());
    if (!bytes.empty()) std::memcpy(start, bytes.data(), bytes.size());
    return {start, bytes.size()};
  }

  // Drops everything handed out; keeps one block of the usual size.
  void reset() {
    if (blocks_.size() > 1) blocks_.erase(blocks_.begin() + 1, blocks_.end());
    block_ = first_block();
    block_size_ = block_ != nullptr ? kBlockBytes : 0;
    used_ = 0;
  }

 private:
  static constexpr std::size_t kBlockBytes = 16 * 1024;

  char* first_block() { return blocks_.empty() ? nullptr : blocks_.front().get(); }
  void next_block(std::size_t bytes) {
    if (blocks_.empty()) blocks_.push_back(std::make_unique_for_overwrite<char[]>(kBlockBytes));
    if (block_ == nullptr && bytes <= kBlockBytes) {
      block_ = first_block();
      block_size_ = kBlockBytes;
    } else {
      block_size_ = bytes > kBlockBytes ? bytes : kBlockBytes;
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_size_));
      block_ = blocks_.back().get();
    }
    used_ = 0;
  }

  std::vector<std::unique_ptr<char[]>> blocks_;  // the first has kBlockBytes
  char* block_ = nullptr;
  std::size_t block_size_ = 0;
  std::size_t used_ = 0;
};

}  // namespace kvstore::base
