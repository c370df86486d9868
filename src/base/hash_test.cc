// The hash depends on every byte of the key and on the secret, and on nothing else.
#include "base/hash.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace kvstore::base {
namespace {

TEST(KeyHasher, TheSameSecretGivesTheSameHash) {
  const KeyHasher::Secret secret = KeyHasher::random_secret();
  const KeyHasher one(secret);
  const KeyHasher two(secret);
  for (std::size_t size = 0; size < 600; ++size) EXPECT_EQ(one(std::string(size, 'k')), two(std::string(size, 'k')));
}

// Short and long keys take different ways through the code to one function.
TEST(KeyHasher, IsXxh3WithASecretAtEveryLength) {
  const KeyHasher::Secret secret = KeyHasher::random_secret();
  const KeyHasher hasher(secret);
  for (std::size_t size = 0; size < 600; ++size) {
    const std::string key(size, 'k');
    EXPECT_EQ(hasher(key), XXH3_64bits_withSecret(key.data(), size, secret.data(), secret.size())) << size;
  }
}

// Keys chosen to collide in one process must not collide in the next.
TEST(KeyHasher, SecretsAreRandomAndChangeTheHashAtEveryLength) {
  const KeyHasher::Secret secret = KeyHasher::random_secret();
  const KeyHasher::Secret other_secret = KeyHasher::random_secret();
  ASSERT_NE(secret, other_secret);
  const KeyHasher one(secret);
  const KeyHasher other(other_secret);
  for (std::size_t size = 1; size < 600; ++size) EXPECT_NE(one(std::string(size, 'k')), other(std::string(size, 'k')));
}

TEST(KeyHasher, EveryByteCountsWhateverTheLength) {
  const KeyHasher hasher(KeyHasher::random_secret());
  for (const std::size_t size : {1U, 3U, 8U, 16U, 17U, 128U, 129U, 240U, 241U, 1'100U}) {
    std::string key(size, '\0');
    std::set<std::uint64_t> hashes{hasher(key)};
    for (std::size_t i = 0; i < size; ++i) {
      key[i] = 1;
      EXPECT_TRUE(hashes.insert(hasher(key)).second) << "byte " << i << " of " << size;
      key[i] = 0;
    }
  }
}

// Each key in a block of exactly its size: AddressSanitizer sees a read past its end.
TEST(KeyHasher, ReadsNothingBeyondTheKey) {
  const KeyHasher hasher(KeyHasher::random_secret());
  std::set<std::uint64_t> hashes;
  for (std::size_t size = 0; size < 600; ++size) {
    const auto exact = std::make_unique<char[]>(size);
    hashes.insert(hasher({exact.get(), size}));
  }
  EXPECT_EQ(hashes.size(), 600U);
}

// The store takes the shard, the segment, the bucket and the tag from different bits: each group must spread.
TEST(KeyHasher, SpreadsSimilarKeysOverEveryGroupOfBits) {
  const KeyHasher hasher(KeyHasher::random_secret());
  constexpr int kKeys = 64 * 1'000;
  for (const int shift : {58, 46, 28, 8, 0}) {
    std::vector<int> counts(64);
    for (int i = 0; i < kKeys; ++i) ++counts[hasher("key:" + std::to_string(i)) >> shift & 63];
    // 1000 are expected; eight standard deviations are 253.
    for (const int count : counts) EXPECT_NEAR(count, 1'000, 253) << "bits from " << shift;
  }
}

}  // namespace
}  // namespace kvstore::base
