// When a commit begins: at once for those who find none under way; behind another when most of those whom that one
// answers, or who waited at its end, have come, or some turns after all are answered.
#include "server/commit_driver.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "durability/log_for_tests.h"

namespace kvstore::server {
namespace {

using durability::testing::TestLog;

// Takes a write and leaves it under way until the test ends it.
class LoopOfOneWrite : public net::EventLoop {
 public:
  void listen(int /*listen_fd*/, std::function<EventLoop&()> /*next*/) override {}
  void stop_listening() override {}
  void adopt(int /*fd*/) override {}
  bool write_durably(const net::DurableWrite& write) override {
    EXPECT_FALSE(write_.has_value());
    write_ = write;
    return true;
  }
  void turn_again() override { again_ = true; }
  void run() override {}
  void stop(int /*linger_ms*/) override {}
  void wake() override {}

  [[nodiscard]] bool writes() const { return write_.has_value(); }
  [[nodiscard]] bool takes_another_turn() { return std::exchange(again_, false); }
  void end_write() {
    const net::DurableWrite write = *std::exchange(write_, std::nullopt);
    write.completion->on_write_done(static_cast<int>(write.length));
  }

 private:
  std::optional<net::DurableWrite> write_;
  bool again_ = false;
};

class CommitDriverTest : public testing::Test {
 protected:
  void append(std::size_t bytes) { log_.log().append(std::string(bytes, 'x'), {}); }
  // Turns until a write is under way.
  int turns_until_write() {
    int turns = 0;
    do {
      driver_.advance(false);
      ++turns;
    } while (!loop_.writes() && loop_.takes_another_turn());
    EXPECT_TRUE(loop_.writes());
    return turns;
  }

  TestLog log_;
  durability::LogService service_{log_.log(), log_.pool(), {}};
  LoopOfOneWrite loop_;
  CommitDriver driver_{log_.log(), service_, loop_};
};

TEST_F(CommitDriverTest, FirstWriteIsCommittedAtOnce) {
  append(10);
  EXPECT_EQ(turns_until_write(), 1);
  loop_.end_write();
}

TEST_F(CommitDriverTest, LittleBehindACommitWaitsSomeTurnsForCompany) {
  append(10);
  EXPECT_EQ(turns_until_write(), 1);
  append(10);
  driver_.advance(false);  // one is under way
  loop_.end_write();
  EXPECT_EQ(turns_until_write(), 4);
  loop_.end_write();
}

TEST_F(CommitDriverTest, MostOfThoseWhoAreAnsweredOrWaitedAreEnough) {
  append(100);
  EXPECT_EQ(turns_until_write(), 1);
  append(20);
  loop_.end_write();
  // Of 120 bytes and their records' frames. 20 have come.
  driver_.advance(false);
  EXPECT_TRUE(loop_.takes_another_turn());
  append(60);
  EXPECT_EQ(turns_until_write(), 1);
  loop_.end_write();
}

TEST_F(CommitDriverTest, TurnsAreNotCountedWhileClientsAreStillAnswered) {
  append(100);
  EXPECT_EQ(turns_until_write(), 1);
  loop_.end_write();
  append(10);
  for (int turn = 0; turn < 20; ++turn) {
    driver_.advance(true);
    EXPECT_TRUE(loop_.takes_another_turn());
  }
  EXPECT_EQ(turns_until_write(), 4);
  loop_.end_write();
}

TEST_F(CommitDriverTest, NothingToCommitLetsTheLoopSleepSoon) {
  append(10);
  EXPECT_EQ(turns_until_write(), 1);
  loop_.end_write();
  int turns = 0;
  do {
    driver_.advance(false);
    ++turns;
  } while (loop_.takes_another_turn());
  EXPECT_EQ(turns, 4);
  EXPECT_FALSE(loop_.writes());
  // What comes later finds no commit before it.
  append(10);
  EXPECT_EQ(turns_until_write(), 1);
  loop_.end_write();
}

}  // namespace
}  // namespace kvstore::server
