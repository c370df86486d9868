// The index: growth by splits, keys that collide on purpose, and the fairness of random places.
#include "store/index.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "store/record.h"

namespace kvstore::store {
namespace {

// Reads a hash from the first eight bytes of a key, so that a test can choose it.
std::uint64_t hash_in_key(std::string_view key) {
  std::uint64_t hash;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

// An index over records whose keys are (hash, number).
class Entries {
 public:
  void insert(std::uint64_t hash) {
    const auto number = static_cast<std::uint32_t>(handles.size());
    const RecordShape shape{12, 0};
    const std::uint32_t handle = arena_.allocate(allocation_size(shape.bytes()));
    Record record(arena_.at(handle));
    record.write_header(ValueType::kString, shape);
    std::memcpy(record.at(shape.key_offset()), &hash, sizeof hash);
    std::memcpy(record.at(shape.key_offset() + sizeof hash), &number, sizeof number);
    index.insert(hash, handle);
    handles.emplace_back(hash, handle);
  }
  [[nodiscard]] Index::Place find(std::uint64_t hash, std::uint32_t handle) const {
    return index.find(hash, [handle](std::uint32_t h) { return h == handle; });
  }
  void check_all_found() const {
    for (const auto& [hash, handle] : handles) ASSERT_NE(find(hash, handle).handle, nullptr);
    std::set<std::uint32_t> visited;
    index.visit_all([&](std::uint32_t handle) { EXPECT_TRUE(visited.insert(handle).second); });
    EXPECT_EQ(visited.size(), handles.size());
  }

 private:
  PagePool pool_;
  Arena arena_{pool_};
  base::KeyHasher hasher_{base::KeyHasher::Secret{}};

 public:
  Index index{arena_, Rehash{&hasher_, hash_in_key}, pool_};
  std::vector<std::pair<std::uint64_t, std::uint32_t>> handles;
};

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

TEST(Index, FindsEveryKeyAsItGrows) {
  Entries entries;
  for (std::uint64_t i = 1; i <= 50'000; ++i) {
    entries.insert(mix(i));
    if (i == 700 || i == 5'000) entries.check_all_found();
  }
  entries.check_all_found();
  EXPECT_EQ(entries.index.overflow_size(), 0U);
  // 8.0 to 9.5 bytes are expected in the mean over table sizes; a single table is between half and nine tenths full.
  EXPECT_LT(static_cast<double>(entries.index.bytes()), 12.5 * 50'000);
  for (std::uint64_t i = 100'000; i < 110'000; ++i) {
    EXPECT_EQ(entries.index.find(mix(i), [](std::uint32_t) { return false; }).handle, nullptr);
  }
}

TEST(Index, ErasesFromEveryPlace) {
  Entries entries;
  for (std::uint64_t i = 1; i <= 20'000; ++i) entries.insert(mix(i));
  std::vector<std::pair<std::uint64_t, std::uint32_t>> kept;
  for (std::size_t i = 0; i < entries.handles.size(); ++i) {
    const auto [hash, handle] = entries.handles[i];
    if (i % 3 == 0) {
      kept.emplace_back(hash, handle);
    } else {
      entries.index.erase(hash, entries.find(hash, handle));
      ASSERT_EQ(entries.find(hash, handle).handle, nullptr);
    }
  }
  entries.handles = kept;
  entries.check_all_found();
}

TEST(Index, KeysWithEqualHashesOverflowWithoutGrowingTheDirectory) {
  Entries entries;
  for (int i = 0; i < 2'000; ++i) entries.insert(0x123456789abcdef0);
  EXPECT_EQ(entries.index.overflow_size(), 2'000 - 2 * Bucket::kSlots);
  // Two buckets' worth of equal hashes is too little to split for.
  EXPECT_LT(entries.index.bytes(), 2 * sizeof(Segment) + 2'000 * 64);
  entries.check_all_found();
  for (const auto& [hash, handle] : entries.handles) entries.index.erase(hash, entries.find(hash, handle));
  entries.handles.clear();
  EXPECT_EQ(entries.index.overflow_size(), 0U);
  entries.check_all_found();
}

// Equal directory bits: splits cannot separate these keys, so the directory must not double for them without end.
TEST(Index, KeysWithEqualPrefixesDoNotGrowTheDirectoryOutOfProportion) {
  Entries entries;
  constexpr int kKeys = 20'000;
  for (std::uint64_t i = 0; i < kKeys; ++i) entries.insert(std::uint64_t{0xabcdef} << 28 | (mix(i) & 0xfffffff));
  EXPECT_GT(entries.index.overflow_size(), 0U);
  EXPECT_LT(entries.index.bytes(), kKeys * 100U);
  entries.check_all_found();
}

// Overflow keys stay findable, and are not visited twice, when their segment splits for other keys.
TEST(Index, OverflowKeysSurviveSplits) {
  Entries entries;
  for (std::uint64_t i = 0; i < 60; ++i) entries.insert(mix(7) ^ (i % 2) << 51);
  EXPECT_GT(entries.index.overflow_size(), 0U);
  for (std::uint64_t i = 100; i < 10'000; ++i) entries.insert(mix(i));
  entries.check_all_found();
  for (const auto& [hash, handle] : entries.handles) entries.index.erase(hash, entries.find(hash, handle));
  entries.handles.clear();
  EXPECT_EQ(entries.index.overflow_size(), 0U);
  entries.check_all_found();
}

// A key never changes its bucket number: SCAN would miss it otherwise.
TEST(Index, SplitsKeepTheBucketNumber) {
  Entries entries;
  const auto buckets_of_all = [&entries] {
    std::map<std::uint32_t, unsigned> buckets;
    for (std::uint32_t prefix = 0; prefix < 1U << kPrefixBits;) {
      for (unsigned b = 0; b <= Index::kOverflowBucket; ++b) {
        entries.index.visit_bucket(prefix, b, [&](std::uint32_t handle) { buckets[handle] = b; });
      }
      prefix += 1U << (kPrefixBits - entries.index.depth_at(prefix));
    }
    return buckets;
  };
  for (std::uint64_t i = 0; i < 600; ++i) entries.insert(mix(i));
  const auto before = buckets_of_all();
  for (std::uint64_t i = 600; i < 20'000; ++i) entries.insert(mix(i));
  const auto after = buckets_of_all();
  EXPECT_EQ(after.size(), 20'000U);
  for (const auto& [handle, bucket] : before) EXPECT_EQ(after.at(handle), bucket);
}

// Segments of different depths hold about as many keys each, so choosing by directory entry would favour the shallow.
TEST(Index, RandomPlacesAreFairWhileTheDirectoryIsUneven) {
  Entries entries;
  // A quarter of the keys shares prefix bit 1, the rest bit 0: the halves end at different depths.
  for (std::uint64_t i = 0; i < 8'000; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << 51;
    entries.insert(i % 8 == 0 ? mix(i) | bit : mix(i) & ~bit);
  }
  std::map<std::uint32_t, int> hits;
  int total = 0;
  std::uint64_t random = 1;
  while (total < 400'000) {
    random = mix(random + 0x9e3779b97f4a7c15);
    if (const std::uint32_t* handle = entries.index.handle_at(random)) {
      ++hits[*handle];
      ++total;
    }
  }
  // 50 hits a key are expected; the bounds are seven standard deviations away.
  EXPECT_EQ(hits.size(), 8'000U);
  for (const auto& [handle, count] : hits) {
    ASSERT_GT(count, 50 - 7 * std::sqrt(50)) << handle;
    ASSERT_LT(count, 50 + 7 * std::sqrt(50)) << handle;
  }
}

TEST(HashBits, OtherBucketIsItsOwnInverseAndNeverTheSame) {
  for (unsigned bucket = 0; bucket < kBucketsPerSegment; ++bucket) {
    for (unsigned tag = 1; tag < 256; ++tag) {
      const unsigned other = other_bucket(bucket, tag);
      ASSERT_NE(other, bucket);
      ASSERT_LT(other, kBucketsPerSegment);
      ASSERT_EQ(other_bucket(other, tag), bucket);
    }
  }
}

}  // namespace
}  // namespace kvstore::store
