// KeyHasher: 64-bit XXH3 over a secret drawn at random for each process, so that nobody can choose keys that collide.
// Source: xxHash 0.8, XXH3_64bits_withSecret.
//
// Thread rule: const after construction; any thread may hash.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace kvstore::base {

class KeyHasher {
 public:
  static constexpr std::size_t kSecretBytes = XXH3_SECRET_DEFAULT_SIZE;  // 192
  using Secret = std::array<unsigned char, kSecretBytes>;

  explicit KeyHasher(const Secret& secret) : secret_(secret) {}
  // A secret from the operating system's random source.
  [[nodiscard]] static Secret random_secret();

  [[nodiscard]] std::uint64_t operator()(std::string_view bytes) const {
    return bytes.size() <= kShortBytes ? hash_short(bytes) : hash_long(bytes);
  }

 private:
  static constexpr std::size_t kShortBytes = 16;

  // The same function twice: for short keys all of it but a few instructions falls away, and they need no call.
  [[nodiscard, gnu::flatten]] std::uint64_t hash_short(std::string_view bytes) const {
    if (bytes.size() > kShortBytes) __builtin_unreachable();
    return XXH3_64bits_withSecret(bytes.data(), bytes.size(), secret_.data(), kSecretBytes);
  }
  [[nodiscard]] std::uint64_t hash_long(std::string_view bytes) const;

  Secret secret_;
};

}  // namespace kvstore::base
