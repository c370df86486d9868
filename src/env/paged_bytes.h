// PagedBytes: the bytes of a model file, in shared pages of 4 KiB. A copy costs a pointer for each 256 KiB, and a
// change to a copy costs the pages it touches, so thousands of almost equal disks fit in memory. Used by tests only.
//
// Thread rule: as a value. Copies may be used on different threads: what they share never changes.
// Invariants:
//   1. A page of zeros is a null pointer, wherever it came from.
//   2. Bytes at and beyond size() are zero.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kvstore::env {

inline constexpr std::size_t kPageBytes = 4096;
inline constexpr std::size_t kSectorBytes = 512;

using Page = std::array<char, kPageBytes>;
using PageRef = std::shared_ptr<const Page>;

[[nodiscard]] PageRef make_page(const Page& bytes);
[[nodiscard]] Page bytes_of(const PageRef& page);
[[nodiscard]] bool same_bytes(const PageRef& a, const PageRef& b);
inline std::uint64_t pages_for(std::uint64_t size) { return (size + kPageBytes - 1) / kPageBytes; }

class PagedBytes {
 public:
  using NumberedPage = std::pair<std::uint64_t, PageRef>;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::size_t read(std::uint64_t offset, std::span<char> bytes) const;
  void write(std::uint64_t offset, std::string_view bytes);
  void resize(std::uint64_t size);

  [[nodiscard]] PageRef page(std::uint64_t number) const;
  // Pages in ascending order, each below pages_for(size()); what the last one holds beyond the size is dropped.
  void set_pages(std::span<const NumberedPage> pages);

 private:
  static constexpr std::size_t kPagesInChunk = 64;
  using Chunk = std::array<PageRef, kPagesInChunk>;

  void clear_tail();

  std::uint64_t size_ = 0;
  std::vector<std::shared_ptr<const Chunk>> chunks_;  // null: zeros
};

}  // namespace kvstore::env
