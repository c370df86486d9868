#include "env/paged_bytes.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace kvstore::env {
namespace {

constexpr Page kZeros{};

}  // namespace

PageRef make_page(const Page& bytes) {
  if (std::memcmp(bytes.data(), kZeros.data(), kPageBytes) == 0) return nullptr;
  return std::make_shared<const Page>(bytes);
}

Page bytes_of(const PageRef& page) { return page == nullptr ? kZeros : *page; }

bool same_bytes(const PageRef& a, const PageRef& b) {
  if (a == b) return true;
  if (a == nullptr || b == nullptr) return false;  // invariant 1: the other one is not all zeros
  return std::memcmp(a->data(), b->data(), kPageBytes) == 0;
}

PageRef PagedBytes::page(std::uint64_t number) const {
  const std::uint64_t chunk = number / kPagesInChunk;
  if (chunk >= chunks_.size() || chunks_[chunk] == nullptr) return nullptr;
  return (*chunks_[chunk])[number % kPagesInChunk];
}

std::size_t PagedBytes::read(std::uint64_t offset, std::span<char> bytes) const {
  if (offset >= size_) return 0;
  const std::size_t length = std::min<std::uint64_t>(bytes.size(), size_ - offset);
  for (std::size_t done = 0; done < length;) {
    const std::size_t in_page = (offset + done) % kPageBytes;
    const std::size_t part = std::min(length - done, kPageBytes - in_page);
    const PageRef from = page((offset + done) / kPageBytes);
    std::memcpy(bytes.data() + done, (from == nullptr ? kZeros : *from).data() + in_page, part);
    done += part;
  }
  return length;
}

void PagedBytes::write(std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  if (offset + bytes.size() > size_) resize(offset + bytes.size());
  std::vector<NumberedPage> changed;
  changed.reserve(bytes.size() / kPageBytes + 2);
  while (!bytes.empty()) {
    const std::size_t in_page = offset % kPageBytes;
    const std::size_t part = std::min(bytes.size(), kPageBytes - in_page);
    Page next = bytes_of(page(offset / kPageBytes));
    std::memcpy(next.data() + in_page, bytes.data(), part);
    changed.emplace_back(offset / kPageBytes, make_page(next));
    bytes.remove_prefix(part);
    offset += part;
  }
  set_pages(changed);
}

void PagedBytes::resize(std::uint64_t size) {
  const bool shrinks = size < size_;
  size_ = size;
  chunks_.resize((pages_for(size) + kPagesInChunk - 1) / kPagesInChunk);
  if (shrinks) clear_tail();
}

void PagedBytes::set_pages(std::span<const NumberedPage> pages) {
  for (std::size_t i = 0; i < pages.size();) {
    const std::uint64_t number = pages[i].first / kPagesInChunk;
    auto chunk = chunks_[number] == nullptr ? std::make_shared<Chunk>() : std::make_shared<Chunk>(*chunks_[number]);
    for (; i < pages.size() && pages[i].first / kPagesInChunk == number; ++i) {
      KV_ASSERT(pages[i].first < pages_for(size_));
      (*chunk)[pages[i].first % kPagesInChunk] = pages[i].second;
    }
    chunks_[number] = std::move(chunk);
  }
  const bool touches_end = !pages.empty() && pages.back().first + 1 == pages_for(size_);
  if (touches_end && size_ % kPageBytes != 0) clear_tail();
}

// Keeps invariant 2 in the last page and in the last chunk.
void PagedBytes::clear_tail() {
  if (chunks_.empty() || chunks_.back() == nullptr) return;
  auto chunk = std::make_shared<Chunk>(*chunks_.back());
  const std::uint64_t first_free = pages_for(size_) - (chunks_.size() - 1) * kPagesInChunk;
  std::fill(chunk->begin() + static_cast<std::ptrdiff_t>(first_free), chunk->end(), nullptr);
  if (const std::size_t used = size_ % kPageBytes; used != 0) {
    PageRef& last = (*chunk)[first_free - 1];
    if (last != nullptr && std::memcmp(last->data() + used, kZeros.data(), kPageBytes - used) != 0) {
      Page cut = *last;
      std::fill(cut.begin() + static_cast<std::ptrdiff_t>(used), cut.end(), '\0');
      last = make_page(cut);
    }
  }
  chunks_.back() = std::move(chunk);
}

}  // namespace kvstore::env
