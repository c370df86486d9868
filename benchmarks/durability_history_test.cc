// KeyHistory: which states after a crash are losses, which are allowed, and which are made up.
#include "durability_history.h"

#include <gtest/gtest.h>

namespace kvstore::benchmarks {
namespace {

// a and b got OK, c was on its way.
KeyHistory two_acknowledged_one_unanswered() {
  KeyHistory history;
  history.sent("a");
  history.acknowledged();
  history.sent("b");
  history.acknowledged();
  history.sent("c");
  return history;
}

TEST(KeyHistory, LastAcknowledgedValueLosesNothing) {
  const KeyHistory::Verdict verdict = two_acknowledged_one_unanswered().judge("b");
  EXPECT_EQ(verdict.acknowledged, 2U);
  EXPECT_EQ(verdict.persisted, 2U);
  EXPECT_EQ(verdict.unanswered, 1U);
  EXPECT_FALSE(verdict.unanswered_there);
  EXPECT_FALSE(verdict.never_sent);
}

TEST(KeyHistory, UnansweredValueMayBeThere) {
  const KeyHistory::Verdict verdict = two_acknowledged_one_unanswered().judge("c");
  EXPECT_EQ(verdict.persisted, 2U);
  EXPECT_TRUE(verdict.unanswered_there);
  EXPECT_FALSE(verdict.never_sent);
}

TEST(KeyHistory, OlderValueLosesTheWritesAfterIt) {
  const KeyHistory::Verdict verdict = two_acknowledged_one_unanswered().judge("a");
  EXPECT_EQ(verdict.acknowledged, 2U);
  EXPECT_EQ(verdict.persisted, 1U);
}

TEST(KeyHistory, MissingKeyLosesEveryWrite) {
  const KeyHistory::Verdict verdict = two_acknowledged_one_unanswered().judge(std::nullopt);
  EXPECT_EQ(verdict.acknowledged, 2U);
  EXPECT_EQ(verdict.persisted, 0U);
  EXPECT_FALSE(verdict.never_sent);
}

TEST(KeyHistory, ForeignValueIsMadeUpAndLosesEveryWrite) {
  for (const char* found : {"", "ab", "B"}) {
    const KeyHistory::Verdict verdict = two_acknowledged_one_unanswered().judge(found);
    EXPECT_TRUE(verdict.never_sent);
    EXPECT_EQ(verdict.persisted, 0U);
  }
}

TEST(KeyHistory, KeyWithoutAcknowledgedWritesMayBeMissing) {
  KeyHistory history;
  history.sent("a");
  const KeyHistory::Verdict verdict = history.judge(std::nullopt);
  EXPECT_EQ(verdict.acknowledged, 0U);
  EXPECT_EQ(verdict.unanswered, 1U);
}

}  // namespace
}  // namespace kvstore::benchmarks
