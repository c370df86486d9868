// SharedBytes and Scratch: small, but everything stands on them.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/scratch.h"
#include "base/shared_bytes.h"

namespace kvstore::base {
namespace {

TEST(SharedBytesTest, CountsItsHolders) {
  SharedBytesRef first = SharedBytesRef::copy_of("value");
  EXPECT_TRUE(first.unique());
  SharedBytesRef second = first;
  EXPECT_FALSE(first.unique());
  EXPECT_EQ(second->view(), "value");
  second = SharedBytesRef();
  EXPECT_TRUE(first.unique());
  SharedBytes* bare = first.release();
  EXPECT_FALSE(first);
  SharedBytesRef third = SharedBytesRef::share(bare);
  const SharedBytesRef adopted = SharedBytesRef::adopt(bare);
  EXPECT_FALSE(adopted.unique());
  third = std::move(first);  // first is empty: what third held is dropped at once
  EXPECT_TRUE(adopted.unique());
}

TEST(SharedBytesTest, ReferencesMayBeDroppedOnAnyThread) {
  for (int round = 0; round < 100; ++round) {
    const SharedBytesRef block = SharedBytesRef::copy_of("shared among threads");
    std::vector<std::thread> readers;
    for (int i = 0; i < 4; ++i) {
      readers.emplace_back([copy = block] { EXPECT_EQ(copy->view(), "shared among threads"); });
    }
    for (std::thread& reader : readers) reader.join();
    EXPECT_TRUE(block.unique());
  }
}

TEST(ScratchTest, WhatItHandsOutStaysUntilReset) {
  Scratch scratch;
  std::vector<std::pair<std::string_view, std::string>> copies;
  for (std::size_t size : {0UL, 1UL, 100UL, 16'000UL, 16'384UL, 16'385UL, 1'000'000UL, 5UL, 16'000UL}) {
    const std::string text(size, static_cast<char>('a' + copies.size()));
    copies.emplace_back(scratch.copy(text), text);
  }
  for (const auto& [copy, text] : copies) EXPECT_EQ(copy, text);
  scratch.reset();
  EXPECT_EQ(scratch.copy("again"), "again");
}

TEST(ScratchTest, GivenBackBytesAreHandedOutAgain) {
  Scratch scratch;
  char* first = scratch.allocate(100);
  scratch.give_back(60);
  EXPECT_EQ(scratch.allocate(1), first + 40);
}

}  // namespace
}  // namespace kvstore::base
