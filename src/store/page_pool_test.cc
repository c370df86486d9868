// The pool of chunks: each has one owner, what is given back leaves the memory, and regions come and go as they should.
#include "store/page_pool.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace kvstore::store {
namespace {

constexpr std::size_t kPageBytes = 4096;

std::vector<char*> take(PagePool& pool, std::size_t count) {
  std::vector<char*> chunks;
  for (std::size_t i = 0; i < count; ++i) chunks.push_back(pool.take());
  return chunks;
}

void give(PagePool& pool, const std::vector<char*>& chunks) {
  for (char* const chunk : chunks) pool.give(chunk);
}

bool is_mapped(char* page) {
  unsigned char resident;
  return mincore(page, kPageBytes, &resident) == 0;
}

bool is_resident(char* page) {
  unsigned char resident = 0;
  return mincore(page, kPageBytes, &resident) == 0 && (resident & 1) != 0;
}

// The flags that the system shows for the mapping of this address.
std::string mapping_flags(const char* address) {
  std::ifstream smaps("/proc/self/smaps");
  bool within = false;
  for (std::string line; std::getline(smaps, line);) {
    std::uintptr_t begin;
    std::uintptr_t end;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      const auto wanted = reinterpret_cast<std::uintptr_t>(address);
      within = begin <= wanted && wanted < end;
    } else if (within && line.starts_with("VmFlags:")) {
      return line + " ";
    }
  }
  return {};
}

TEST(PagePool, ChunksAreAlignedAndApart) {
  PagePool pool;
  const std::vector<char*> chunks = take(pool, 100);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(chunks[i]) % PagePool::kChunkBytes, 0U);
    std::memset(chunks[i], static_cast<int>(i), PagePool::kChunkBytes);
  }
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_EQ(chunks[i][0], static_cast<char>(i));
    EXPECT_EQ(chunks[i][PagePool::kChunkBytes - 1], static_cast<char>(i));
  }
  give(pool, chunks);
}

TEST(PagePool, WantsChunksWhenFewAreReady) {
  PagePool pool;
  EXPECT_TRUE(pool.wants_chunks());
  pool.prepare();
  EXPECT_FALSE(pool.wants_chunks());
  std::vector<char*> chunks = take(pool, PagePool::kChunksPerRegion - PagePool::kChunksReady);
  EXPECT_FALSE(pool.wants_chunks());
  chunks.push_back(pool.take());
  EXPECT_TRUE(pool.wants_chunks());
  give(pool, chunks);
}

TEST(PagePool, TakesWhatWasGivenBeforeItMapsMore) {
  PagePool pool;
  const std::vector<char*> first = take(pool, 2 * PagePool::kChunksPerRegion);
  give(pool, first);
  const std::vector<char*> second = take(pool, 2 * PagePool::kChunksPerRegion);
  EXPECT_EQ(std::set<char*>(first.begin(), first.end()), std::set<char*>(second.begin(), second.end()));
  give(pool, second);
}

TEST(PagePool, GivenPagesLeaveTheMemoryButForAFew) {
  PagePool pool;
  const std::vector<char*> chunks = take(pool, PagePool::kWarmMax + 10);
  for (char* const chunk : chunks) std::memset(chunk, 1, PagePool::kChunkBytes);
  give(pool, chunks);
  std::size_t resident = 0;
  for (char* const chunk : chunks) {
    resident += is_resident(chunk) ? 1 : 0;
    EXPECT_EQ(is_resident(chunk), is_resident(chunk + PagePool::kChunkBytes - kPageBytes));
  }
  EXPECT_EQ(resident, PagePool::kWarmMax);
}

// The regions of the few chunks that keep their pages remain, and one for the next that are wanted.
TEST(PagePool, UnusedRegionsAreUnmapped) {
  PagePool pool;
  const std::vector<char*> chunks = take(pool, 10 * PagePool::kChunksPerRegion);
  give(pool, chunks);
  std::size_t mapped = 0;
  for (char* const chunk : chunks) mapped += is_mapped(chunk) ? 1 : 0;
  EXPECT_LE(mapped, 3 * PagePool::kChunksPerRegion);
}

// A region of a small pool must cost only the pages that were touched, whatever the system does by default.
TEST(PagePool, AsksForHugePagesOnlyOnceItIsLarge) {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) GTEST_SKIP() << "a kernel without huge pages";
  PagePool pool;
  std::vector<char*> chunks = take(pool, 1);
  EXPECT_NE(mapping_flags(chunks[0]).find(" nh "), std::string::npos);
  while (chunks.size() * PagePool::kChunkBytes <= PagePool::kSmallPagesBytes + PagePool::kRegionBytes) {
    pool.prepare();
    chunks.push_back(pool.take());
  }
  char* const last = chunks.back();
  EXPECT_NE(mapping_flags(last).find(" hg "), std::string::npos);
  // The system must not make a region huge again when part of it was given back.
  for (unsigned i = 0; i <= PagePool::kWarmMax; ++i) {
    pool.give(chunks.back());
    chunks.pop_back();
  }
  EXPECT_NE(mapping_flags(chunks.back()).find(" nh "), std::string::npos);
  give(pool, chunks);
}

TEST(PagePool, AChunkHasOneOwnerWhoeverTakes) {
  PagePool pool;
  const auto work = [&pool](unsigned number) {
    std::vector<char*> chunks;
    for (unsigned i = 0; i < 2'000; ++i) {
      pool.prepare();
      if (chunks.size() < 8 || (chunks.size() < 70 && i % 3 != 0)) {
        chunks.push_back(pool.take());
        std::memset(chunks.back(), static_cast<int>(number), 64);
      } else {
        ASSERT_EQ(chunks.back()[0], static_cast<char>(number));
        ASSERT_EQ(chunks.back()[63], static_cast<char>(number));
        pool.give(chunks.back());
        chunks.pop_back();
      }
    }
    give(pool, chunks);
  };
  std::vector<std::jthread> threads;
  for (unsigned number = 1; number <= 4; ++number) threads.emplace_back(work, number);
}

}  // namespace
}  // namespace kvstore::store
