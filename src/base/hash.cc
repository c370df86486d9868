#include "base/hash.h"

#include <sys/random.h>

#include "base/assert.h"

namespace kvstore::base {

KeyHasher::Secret KeyHasher::random_secret() {
  Secret secret;
  // Requests of up to 256 bytes are never cut short (getrandom(2)).
  static_assert(kSecretBytes <= 256);
  KV_ASSERT(getrandom(secret.data(), secret.size(), 0) == static_cast<ssize_t>(secret.size()));
  return secret;
}

std::uint64_t KeyHasher::hash_long(std::string_view bytes) const {
  return XXH3_64bits_withSecret(bytes.data(), bytes.size(), secret_.data(), kSecretBytes);
}

}  // namespace kvstore::base
