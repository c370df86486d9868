// The log as a whole: what is appended and committed is what is read back.
#include "durability/log.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "durability/log_for_tests.h"

namespace kvstore::durability {
namespace {

using testing::ReadBack;
using testing::TestLog;

store::ValueView text(std::string_view bytes) { return {store::ValueType::kString, bytes, nullptr}; }

TEST(Log, GivesBackWhatWasCommittedInOrder) {
  TestLog test;
  LogGroup group(test.log());
  group.on_set(0, "a", text("1"));
  const Lsn first = group.seal();
  group.on_set(3, "b", text("2"));
  group.on_erase(0, "a");
  const Lsn second = group.seal();
  EXPECT_GT(second, first);
  test.log().commit_here();
  EXPECT_EQ(test.log().acknowledged_lsn(), second);
  const ReadBack read = test.read_back();
  EXPECT_EQ(read.text(), "set 0 a=1 | set 3 b=2, erase 0 a | ");
  EXPECT_EQ(read.end.lsn, second);
  EXPECT_FALSE(read.end.damage);
}

TEST(Log, AcknowledgesNothingBeforeItIsWritten) {
  TestLog test;
  LogGroup group(test.log());
  group.on_set(0, "a", text("1"));
  const Lsn lsn = group.seal();
  EXPECT_LT(test.log().acknowledged_lsn(), lsn);
  const std::optional<Log::Commit> commit = test.log().begin_commit();
  ASSERT_TRUE(commit);
  EXPECT_LT(test.log().acknowledged_lsn(), lsn);
  EXPECT_FALSE(test.log().begin_commit()) << "one commit at a time";
  ASSERT_TRUE(commit->file->write_durably(commit->offset, commit->bytes).ok());
  test.log().finish_commit({});
  EXPECT_EQ(test.log().acknowledged_lsn(), lsn);
}

TEST(Log, WhatIsAppendedDuringACommitIsTheNextOne) {
  TestLog test;
  LogGroup group(test.log());
  group.on_set(0, "a", text("1"));
  static_cast<void>(group.seal());
  const std::optional<Log::Commit> commit = test.log().begin_commit();
  group.on_set(0, "b", text("2"));
  const Lsn second = group.seal();
  ASSERT_TRUE(commit->file->write_durably(commit->offset, commit->bytes).ok());
  test.log().finish_commit({});
  EXPECT_LT(test.log().acknowledged_lsn(), second);
  test.log().commit_here();
  EXPECT_EQ(test.log().acknowledged_lsn(), second);
  EXPECT_EQ(test.read_back().text(), "set 0 a=1 | set 0 b=2 | ");
}

TEST(Log, NothingIsAcknowledgedAfterAFailedWrite) {
  TestLog test;
  LogGroup group(test.log());
  group.on_set(0, "a", text("1"));
  const Lsn lsn = group.seal();
  ASSERT_TRUE(test.log().begin_commit());
  test.log().finish_commit({StatusCode::kIoError, "broken"});
  EXPECT_EQ(test.failures(), std::vector<std::string>{"broken"});
  EXPECT_LT(test.log().acknowledged_lsn(), lsn);
  EXPECT_FALSE(test.log().begin_commit()) << "a failed write is not tried again";
  EXPECT_EQ(test.log().wait_acknowledged(lsn).code(), StatusCode::kIoError);
}

TEST(Log, ALargeValueGoesThroughManyBatchesAndSegments) {
  TestLog test;
  std::string big(20 * TestLog::kBatchBytes + 12345, 'x');
  for (std::size_t i = 0; i < big.size(); i += 4099) big[i] = static_cast<char>(i);
  base::SharedBytesRef block = base::SharedBytesRef::copy_of(big);
  LogGroup group(test.log());
  group.on_set(0, "before", text("1"));
  group.on_set(0, "big", {store::ValueType::kString, block->view(), block.get()});
  group.on_set(0, "after", text("2"));
  const Lsn lsn = group.seal();
  EXPECT_FALSE(block.unique()) << "shared, not copied";
  test.commit_all();
  EXPECT_EQ(test.log().acknowledged_lsn(), lsn);
  EXPECT_TRUE(block.unique()) << "let go when it is written";
  const ReadBack read = test.read_back();
  ASSERT_EQ(read.groups.size(), 1U);
  ASSERT_EQ(read.groups[0].size(), 3U);
  EXPECT_TRUE(read.groups[0][1] == "set 0 big=" + big);
  EXPECT_EQ(read.groups[0][2], "set 0 after=2");
  EXPECT_GT(read.end.segment->number, 1U);
}

TEST(Log, WaitsForASegmentAndGoesOnWhenOneIsReady) {
  TestLog test;
  LogGroup group(test.log());
  Lsn lsn = 0;
  for (int i = 0; i < 40; ++i) {
    group.on_set(0, "k" + std::to_string(i), text(std::string(100'000, 'v')));
    lsn = group.seal();
  }
  test.log().commit_here();
  EXPECT_LT(test.log().acknowledged_lsn(), lsn) << "two small segments do not hold 4 MB";
  test.commit_all();
  EXPECT_EQ(test.log().acknowledged_lsn(), lsn);
  EXPECT_EQ(test.read_back().groups.size(), 40U);
}

TEST(Log, AMarkerIsWrittenOnceForAnIdleLog) {
  TestLog test;
  LogGroup group(test.log());
  group.on_set(0, "a", text("1"));
  static_cast<void>(group.seal());
  test.log().commit_here();
  EXPECT_TRUE(test.log().wants_marker());
  test.write_marker();
  EXPECT_FALSE(test.log().wants_marker());
  EXPECT_FALSE(test.log().begin_marker());
  EXPECT_EQ(test.read_back().end.batches, 2U);
}

TEST(Log, EverySecondAcknowledgesBeforeTheSyncAndSyncsAllFiles) {
  TestLog test(Mode::kEverySecond);
  LogGroup group(test.log());
  Lsn lsn = 0;
  for (int i = 0; i < 15; ++i) {
    group.on_set(0, "k" + std::to_string(i), text(std::string(100'000, 'v')));
    lsn = group.seal();
  }
  test.commit_all();
  EXPECT_EQ(test.log().acknowledged_lsn(), lsn);
  EXPECT_LT(test.log().durable_lsn(), lsn);
  ASSERT_TRUE(test.log().sync().ok());
  EXPECT_EQ(test.log().durable_lsn(), lsn);
  EXPECT_EQ(test.read_back().groups.size(), 15U);
}

TEST(Log, GoesOnWhereItEndedAfterARestart) {
  TestLog test;
  for (int start = 0; start < 4; ++start) {
    LogGroup group(test.log());
    group.on_set(0, "k" + std::to_string(start), text("v"));
    static_cast<void>(group.seal());
    test.commit_all();
    test.restart();
  }
  EXPECT_EQ(test.read_back().text(), "set 0 k0=v | set 0 k1=v | set 0 k2=v | set 0 k3=v | ");
}

TEST(Log, SegmentsAreLetGoAlsoWhileTheyAreUsedAsFastAsTheyAreFilled) {
  constexpr int kSegments = 200;
  TestLog test;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(test.pool().take(100 + i));
  test.start_service();
  int taken = 0;
  while (taken < kSegments && test.pool().used_bytes() == (2U + taken) * TestLog::kSegmentBytes) {
    if (!test.pool().take(200 + taken)) continue;
    ++taken;
    test.service().segment_taken();
    if (taken == 5) test.service().request_recycle(102);
  }
  EXPECT_LT(taken, kSegments);
}

TEST(Log, ThreadsThatWaitShareCommits) {
  TestLog test;
  test.start_service();
  constexpr int kThreads = 4;
  constexpr int kWrites = 100;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&test, t] {
      LogGroup group(test.log());
      for (int i = 0; i < kWrites; ++i) {
        group.on_set(t, std::to_string(i), text("v"));
        const Lsn lsn = group.seal();
        EXPECT_TRUE(test.log().wait_acknowledged(lsn).ok());
        EXPECT_GE(test.log().acknowledged_lsn(), lsn);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const ReadBack read = test.read_back();
  EXPECT_EQ(read.groups.size(), static_cast<std::size_t>(kThreads * kWrites));
  std::map<int, int> next;
  for (const auto& records : read.groups) {
    const int db = std::stoi(records[0].substr(4));
    EXPECT_EQ(records[0], "set " + std::to_string(db) + " " + std::to_string(next[db]++) + "=v");
  }
}

TEST(Log, AnyGroupsComeBackWhole) {
  EXPECT_TRUE(rc::check([] {
    TestLog test;
    std::vector<std::vector<std::string>> expected;
    const auto count = *rc::gen::inRange(1, 30);
    for (int i = 0; i < count; ++i) {
      LogGroup group(test.log());
      std::vector<std::string> records;
      const auto changes = *rc::gen::inRange(1, 5);
      for (int c = 0; c < changes; ++c) {
        const auto key = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
        const std::string value(static_cast<std::size_t>(*rc::gen::inRange(0, 20'000)), 'v');
        base::SharedBytesRef block;
        store::ValueView view{store::ValueType::kString, value, nullptr};
        if (value.size() >= store::kLargeValueBytes) {
          block = base::SharedBytesRef::copy_of(value);
          view = {store::ValueType::kString, block->view(), block.get()};
        }
        group.on_set(1, key, view);
        records.emplace_back("set 1 ");
        records.back().append(key).append("=").append(value);
      }
      static_cast<void>(group.seal());
      expected.push_back(records);
      if (*rc::gen::arbitrary<bool>()) test.commit_all();
    }
    test.commit_all();
    RC_ASSERT(test.read_back().groups == expected);
  }));
}

}  // namespace
}  // namespace kvstore::durability
