#include "base/output_buffer.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/heap.h"

namespace kvstore::base {
namespace {

constexpr std::size_t kFirstCapacity = 1024;

}  // namespace

OutputBuffer::~OutputBuffer() {
  heap_free(tail_);
  delete sealed_;
}

void OutputBuffer::append_shared(SharedBytesRef block, std::size_t offset, std::size_t length) {
  KV_ASSERT(offset + length <= block->size());
  if (length == 0) return;
  seal_tail();
  sealed_->push_back(Piece{std::move(block), offset, length});
  sealed_size_ += length;
}

void OutputBuffer::grow_tail(std::size_t bytes) {
  const std::size_t wanted = tail_size_ + bytes;
  const std::size_t capacity = std::max({kFirstCapacity, wanted, tail_capacity_ + tail_capacity_ / 2});
  tail_ = static_cast<char*>(heap_reallocate(tail_, capacity));
  tail_capacity_ = capacity;
}

// Turns the tail into a piece of its own, so that what follows comes after it.
void OutputBuffer::seal_tail() {
  if (sealed_ == nullptr) sealed_ = new std::deque<Piece>;
  const std::size_t length = tail_size_ - tail_begin_;
  if (length == 0) return;
  SharedBytesRef copy = SharedBytesRef::copy_of({tail_ + tail_begin_, length});
  sealed_->push_back(Piece{std::move(copy), 0, length});
  sealed_size_ += length;
  release_tail();
}

void OutputBuffer::release_tail() {
  tail_begin_ = 0;
  tail_size_ = 0;
  if (tail_capacity_ > kRetainedBytes) {
    heap_free(tail_);
    tail_ = nullptr;
    tail_capacity_ = 0;
  }
}

int OutputBuffer::fill(iovec* vectors, int max) const {
  int count = 0;
  if (sealed_ != nullptr) {
    for (const Piece& piece : *sealed_) {
      if (count == max) return count;
      vectors[count++] = {piece.block->data() + piece.offset, piece.length};
    }
  }
  if (count < max && tail_size_ > tail_begin_) {
    vectors[count++] = {tail_ + tail_begin_, tail_size_ - tail_begin_};
  }
  return count;
}

void OutputBuffer::consume(std::size_t bytes) {
  KV_ASSERT(bytes <= size());
  while (sealed_size_ > 0 && bytes > 0) {
    Piece& piece = sealed_->front();
    const std::size_t taken = std::min(bytes, piece.length);
    piece.offset += taken;
    piece.length -= taken;
    sealed_size_ -= taken;
    bytes -= taken;
    if (piece.length == 0) sealed_->pop_front();
  }
  tail_begin_ += bytes;
  if (tail_begin_ == tail_size_) release_tail();
  if (empty()) {
    delete sealed_;
    sealed_ = nullptr;
  }
}

void OutputBuffer::truncate(std::size_t size) {
  KV_ASSERT(size <= this->size());
  if (size >= sealed_size_) {
    tail_size_ = tail_begin_ + (size - sealed_size_);
    return;
  }
  release_tail();
  while (sealed_size_ > size) {
    Piece& piece = sealed_->back();
    const std::size_t dropped = std::min(sealed_size_ - size, piece.length);
    piece.length -= dropped;
    sealed_size_ -= dropped;
    if (piece.length == 0) sealed_->pop_back();
  }
}

void OutputBuffer::swap(OutputBuffer& other) noexcept {
  std::swap(sealed_, other.sealed_);
  std::swap(sealed_size_, other.sealed_size_);
  std::swap(tail_, other.tail_);
  std::swap(tail_begin_, other.tail_begin_);
  std::swap(tail_size_, other.tail_size_);
  std::swap(tail_capacity_, other.tail_capacity_);
}

}  // namespace kvstore::base
