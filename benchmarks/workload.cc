// Keys and values (see workload.h).
#include "workload.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace kvstore::benchmarks {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
static_assert(kAlphabet.size() == 64);

}  // namespace

KeyMaker::KeyMaker(std::size_t key_bytes) {
  KV_ASSERT(key_bytes >= kKeyBytesMin);
  buffer_ = "bench:";
  buffer_.resize(key_bytes - kKeyBytesMin, '0');
  buffer_.resize(key_bytes);
}

std::string_view KeyMaker::key(std::uint64_t index) {
  std::uint64_t bits = mix(index);
  for (std::size_t i = buffer_.size(); i > buffer_.size() - kKeyBytesMin; --i) {
    buffer_[i - 1] = kAlphabet[bits & 63U];
    bits >>= 6;
  }
  return buffer_;
}

ValuePool::ValuePool(std::size_t value_bytes) : value_bytes_(value_bytes) {
  bytes_.reserve(value_bytes + kStarts);
  for (std::uint64_t i = 0; bytes_.size() < value_bytes + kStarts; ++i) bytes_ += kAlphabet[mix(i) & 63U];
}

KeyStream::KeyStream(std::uint64_t key_count, std::size_t key_bytes, std::uint64_t seed) : key_bytes_(key_bytes) {
  KV_ASSERT(key_count > 0);
  // Long enough that going round again finds most of a million-key store pushed out of the caches meanwhile.
  constexpr std::size_t kDraws = std::size_t{1} << 20;
  constexpr std::size_t kBytesMax = std::size_t{64} << 20;
  const std::size_t draws = std::clamp<std::size_t>(kBytesMax / key_bytes, 1, kDraws);
  bytes_.resize(draws * key_bytes);
  KeyMaker keys(key_bytes);
  for (std::size_t i = 0; i < draws; ++i) {
    const std::uint64_t index = mix(mix(seed) + i) % key_count;
    std::memcpy(bytes_.data() + i * key_bytes, keys.key(index).data(), key_bytes);
  }
}

}  // namespace kvstore::benchmarks
