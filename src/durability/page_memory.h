// PageMemory: memory for direct I/O: aligned to pages, zero at first; large pieces are not touched until they are used.
//
// Thread rule: plain memory.
#pragma once

#include <cstddef>
#include <memory>

namespace kvstore::durability {

class PageMemory {
 public:
  PageMemory() = default;
  explicit PageMemory(std::size_t bytes);

  [[nodiscard]] char* data() const { return memory_.get(); }
  explicit operator bool() const { return memory_ != nullptr; }

 private:
  struct Unmap {
    std::size_t bytes;
    void operator()(char* memory) const;
  };
  std::unique_ptr<char, Unmap> memory_{nullptr, Unmap{0}};
};

}  // namespace kvstore::durability
