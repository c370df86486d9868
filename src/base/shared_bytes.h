// SharedBytes: a reference-counted block of bytes on the heap, for values too large for a record arena.
//
// A reader takes a reference under the shard lock and copies or sends the bytes after it is released, so no
// lock is held for a time that grows with the value. The store, and connection output, hold references.
//
// Thread rule: references may be copied and dropped on any thread. The bytes are written only by a holder that
// knows it is the only one (unique() under the owning shard's lock); otherwise they never change.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kvstore::base {

class SharedBytes {
 public:
  [[nodiscard]] char* data() { return reinterpret_cast<char*>(this + 1); }
  [[nodiscard]] const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::string_view view() const { return {data(), size_}; }
  // Precondition: size <= capacity(), and the caller is the only holder.
  void set_size(std::size_t size) { size_ = size; }

 private:
  friend class SharedBytesRef;
  SharedBytes(std::size_t size, std::size_t capacity) : size_(size), capacity_(capacity) {}

  std::size_t size_;
  std::size_t capacity_;
  std::atomic<std::uint32_t> references_{1};
};

class SharedBytesRef {
 public:
  SharedBytesRef() = default;
  // An uninitialised block of `size` bytes with room for `capacity` (>= size).
  [[nodiscard]] static SharedBytesRef allocate(std::size_t size, std::size_t capacity);
  [[nodiscard]] static SharedBytesRef copy_of(std::string_view bytes);
  // Takes over a reference that release() gave away.
  [[nodiscard]] static SharedBytesRef adopt(SharedBytes* block) { return SharedBytesRef(block); }
  // Another reference to a block that some other reference keeps alive during the call.
  [[nodiscard]] static SharedBytesRef share(SharedBytes* block) {
    // relaxed: the block is alive and published already; the count orders nothing else.
    block->references_.fetch_add(1, std::memory_order_relaxed);
    return SharedBytesRef(block);
  }

  SharedBytesRef(SharedBytesRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedBytesRef& operator=(SharedBytesRef&& other) noexcept {
    SharedBytesRef taken(std::move(other));  // so that what this held is dropped now
    std::swap(block_, taken.block_);
    return *this;
  }
  SharedBytesRef(const SharedBytesRef& other) : block_(other.block_) {
    if (block_ != nullptr) block_->references_.fetch_add(1, std::memory_order_relaxed);  // relaxed: see share()
  }
  SharedBytesRef& operator=(const SharedBytesRef& other) {
    SharedBytesRef copy(other);
    std::swap(block_, copy.block_);
    return *this;
  }
  ~SharedBytesRef() {
    if (block_ != nullptr) drop();
  }

  explicit operator bool() const { return block_ != nullptr; }
  SharedBytes* get() const { return block_; }
  SharedBytes* operator->() const { return block_; }
  // Gives the reference away as a bare pointer, to be kept in a packed record.
  [[nodiscard]] SharedBytes* release() { return std::exchange(block_, nullptr); }
  // True when no other reference exists. Stays true only while nobody else can take one (shard lock held).
  [[nodiscard]] bool unique() const { return block_->references_.load(std::memory_order_acquire) == 1; }

 private:
  explicit SharedBytesRef(SharedBytes* block) : block_(block) {}
  void drop();

  SharedBytes* block_ = nullptr;
};

}  // namespace kvstore::base
