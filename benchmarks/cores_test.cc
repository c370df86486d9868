// Core lists are read and written as the kernel does, and server and load share no core when there are two.
#include "cores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvstore::benchmarks {
namespace {

using testing::ElementsAre;

TEST(Cores, ListsAreReadInAnyOrderAndWrittenInTheirShortestForm) {
  const Result<Cores> cores = parse_cores("6,0-2,1,8-9");
  ASSERT_TRUE(cores.ok());
  EXPECT_THAT(cores.value(), ElementsAre(0, 1, 2, 6, 8, 9));
  EXPECT_EQ(cores_text(cores.value()), "0-2,6,8-9");
  EXPECT_EQ(cores_text(parse_cores("5").value()), "5");
}

TEST(Cores, WhatIsNoListIsRefused) {
  for (const char* text : {"", ",", "1,", "a", "1-", "-1", "3-2", "1-2-3", "1 2", "999999"}) {
    EXPECT_FALSE(parse_cores(text).ok()) << text;
  }
}

TEST(Cores, SplitGivesTheLoadTheLargerHalf) {
  EXPECT_THAT(split_cores({4, 5, 7}).server, ElementsAre(4));
  EXPECT_THAT(split_cores({4, 5, 7}).load, ElementsAre(5, 7));
  EXPECT_THAT(split_cores({0, 1}).server, ElementsAre(0));
  EXPECT_THAT(split_cores({0, 1}).load, ElementsAre(1));
}

TEST(Cores, ASingleCoreServesBoth) {
  EXPECT_THAT(split_cores({3}).server, ElementsAre(3));
  EXPECT_THAT(split_cores({3}).load, ElementsAre(3));
}

}  // namespace
}  // namespace kvstore::benchmarks
