// InputBuffer: the bytes of a connection that do not make a whole request yet.
//
// It grows by what was received, never by what a request declares. Memory comes from realloc, which moves large buffers
// by remapping pages instead of copying them.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/assert.h"

namespace kvstore::server {

class InputBuffer {
 public:
  InputBuffer() = default;
  ~InputBuffer() { std::free(data_); }
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;

  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] std::string_view view() const { return {data_ + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  // Moves the bytes: views taken before are void.
  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (end_ + bytes.size() > capacity_) make_room(bytes.size());
    std::memcpy(data_ + end_, bytes.data(), bytes.size());
    end_ += bytes.size();
  }
  // Views stay valid until the next append(), shrink() or clear().
  void consume(std::size_t bytes) {
    KV_DCHECK(bytes <= end_ - begin_);
    begin_ += bytes;
  }
  // Gives the memory back when nothing is left and it was large.
  void shrink() {
    if (!empty()) return;
    begin_ = end_ = 0;
    if (capacity_ > kRetainedBytes) clear();
  }
  void clear() {
    std::free(std::exchange(data_, nullptr));
    begin_ = end_ = capacity_ = 0;
  }

 private:
  static constexpr std::size_t kRetainedBytes = 4096;

  void make_room(std::size_t bytes) {
    const std::size_t size = end_ - begin_;
    if (begin_ > 0) {
      std::memmove(data_, data_ + begin_, size);
      begin_ = 0;
      end_ = size;
    }
    // Bytes are moved only after at least half the buffer was consumed or it has grown by half: amortised constant.
    if (size + bytes <= capacity_ / 2) return;
    const std::size_t wanted = std::max(size + bytes, capacity_ + capacity_ / 2);
    data_ = static_cast<char*>(std::realloc(data_, wanted));
    KV_ASSERT(data_ != nullptr);
    capacity_ = wanted;
  }

  char* data_ = nullptr;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace kvstore::server
