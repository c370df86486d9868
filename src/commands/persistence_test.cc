#include <gtest/gtest.h>

#include "commands/command_fixture.h"

namespace kvstore::commands {
namespace {

class Persistent : public CommandTest {
 protected:
  Persistent() { server_.persistence_.enabled_ = true; }
};

constexpr const char* kSyntaxError = "-ERR syntax error";

// --- without persistence ---

COMMAND_TEST("flush", FlushDeletesNothing) {
  run("SET k v");
  EXPECT_EQ(run("FLUSH"), "message(No persistence enabled)");
  EXPECT_EQ(run("DBSIZE"), ":1");
}

COMMAND_TEST("snapshot", SnapshotSaysThatThereIsNoPersistence) {
  EXPECT_EQ(run("SNAPSHOT"), "message(No persistence enabled)");
}

COMMAND_TEST("save", SaveIsAnErrorWithoutPersistence) { EXPECT_EQ(run("SAVE"), "-ERR No persistence enabled"); }

COMMAND_TEST("bgsave", BgsaveIsAnErrorWithoutPersistence) {
  EXPECT_EQ(run("BGSAVE"), "-ERR No persistence enabled");
  EXPECT_EQ(run("BGSAVE NOW"), kSyntaxError);
}

COMMAND_TEST("bgrewriteaof", BgrewriteaofIsAnErrorWithoutPersistence) {
  EXPECT_EQ(run("BGREWRITEAOF"), "-ERR No persistence enabled");
}

COMMAND_TEST("lastsave", LastsaveAnswersATime) { EXPECT_EQ(run("LASTSAVE"), ":1700000000"); }

COMMAND_TEST("waitaof", WaitaofChecksItsNumbers) {
  EXPECT_EQ(run("WAITAOF x 0 0"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(run("WAITAOF 2 0 0"), "-ERR value is out of range, value must between 0 and 1");
  EXPECT_EQ(run("WAITAOF 1 -1 0"), "-ERR value is out of range, must be positive");
  EXPECT_EQ(run("WAITAOF 1 0 x"), "-ERR timeout is not an integer or out of range");
  EXPECT_EQ(run("WAITAOF 1 0 -1"), "-ERR timeout is negative");
  EXPECT_EQ(run("WAITAOF 1 0 9223372036854775807"), "-ERR timeout is not an integer or out of range");
  EXPECT_EQ(run("WAITAOF 1 0 0"), "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  EXPECT_EQ(run("WAITAOF 0 0 0"), "[:0, :0]");
}

COMMAND_TEST("shutdown", ShutdownSaysNothingToRespAndASentenceToJson) {
  EXPECT_EQ(run("SHUTDOWN"), "");
  EXPECT_EQ(server_.shutdowns_, 1);
  EXPECT_TRUE(client_.closing_);
  client_.protocol_ = Protocol::kJson;
  EXPECT_EQ(run("SHUTDOWN NOSAVE now FORCE"), "message(Server shutting down)");
  EXPECT_EQ(server_.shutdowns_, 2);
}

COMMAND_TEST("shutdown", ShutdownRefusesWhatItCannotDo) {
  EXPECT_EQ(run("SHUTDOWN BOGUS"), kSyntaxError);
  EXPECT_EQ(run("SHUTDOWN SAVE NOSAVE"), kSyntaxError);
  EXPECT_EQ(run("SHUTDOWN ABORT NOW"), kSyntaxError);
  EXPECT_EQ(run("SHUTDOWN ABORT"), "-ERR No shutdown in progress.");
  EXPECT_EQ(run("SHUTDOWN SAVE"), "-ERR SHUTDOWN SAVE is not possible: no persistence is enabled");
  EXPECT_EQ(server_.shutdowns_, 0);
  EXPECT_FALSE(client_.closing_);
}

// --- with it ---

TEST_F(Persistent, FlushAnswersWhenEverythingIsOnDisk) {
  server_.persistence_.durable_lsn_ = 99;
  EXPECT_EQ(run("FLUSH"), "");
  EXPECT_EQ(server_.persistence_.syncs_, 1);
  EXPECT_EQ(answer_now(), "(waits)");
  server_.persistence_.durable_lsn_ = 100;
  EXPECT_EQ(answer_now(), "message(All data flushed to disk)");
}

TEST_F(Persistent, SnapshotAndSaveAnswerWhenTheFileIsComplete) {
  server_.persistence_.result_.reset();
  run("SNAPSHOT");
  EXPECT_EQ(answer_now(), "(waits)");
  server_.persistence_.result_ = Status{};
  EXPECT_EQ(answer_now(), "message(Snapshot saved to kvstore.db.snapshot)");
  run("SAVE");
  EXPECT_EQ(answer_now(), "+OK");
}

TEST_F(Persistent, AFailedSnapshotIsAnErrorWithItsReason) {
  server_.persistence_.result_ = Status{StatusCode::kNoSpace, "no room"};
  run("SNAPSHOT");
  EXPECT_EQ(answer_now(), "-ERR no room");
}

TEST_F(Persistent, SaveAndBgsaveDoNotRunBesideASnapshot) {
  server_.persistence_.in_progress_ = true;
  EXPECT_EQ(run("SAVE"), "-ERR Background save already in progress");
  EXPECT_EQ(run("BGSAVE"), "-ERR Background save already in progress");
  EXPECT_EQ(server_.persistence_.snapshots_, 0U);
  EXPECT_EQ(run("BGSAVE SCHEDULE"), "+Background saving scheduled");
  EXPECT_EQ(run("BGREWRITEAOF"), "+Background append only file rewriting scheduled");
  EXPECT_EQ(server_.persistence_.snapshots_, 2U);
}

TEST_F(Persistent, BgsaveAnswersAtOnce) {
  EXPECT_EQ(run("BGSAVE"), "+Background saving started");
  EXPECT_EQ(run("BGREWRITEAOF"), "+Background append only file rewriting started");
  EXPECT_EQ(server_.persistence_.snapshots_, 2U);
}

TEST_F(Persistent, WaitaofTellsHowFarItIsWhenTheTimeIsOver) {
  server_.persistence_.durable_lsn_ = 99;
  run("WAITAOF 1 0 0");
  EXPECT_EQ(answer_now(), "(waits)");
  server_.persistence_.durable_lsn_ = 100;
  EXPECT_EQ(answer_now(), "[:1, :0]");
  run("WAITAOF 1 1 5");
  EXPECT_EQ(answer_now(), "(waits)") << "there are no replicas";
  EXPECT_EQ(answer_at(kNowUs + 5'000), "[:1, :0]");
}

TEST_F(Persistent, ShutdownSavesAndThenEnds) {
  server_.persistence_.result_.reset();
  client_.protocol_ = Protocol::kJson;
  EXPECT_EQ(run("SHUTDOWN"), "");
  EXPECT_EQ(answer_now(), "(waits)");
  EXPECT_EQ(server_.shutdowns_, 0);
  server_.persistence_.result_ = Status{};
  EXPECT_EQ(answer_now(), "message(Server shutting down)");
  EXPECT_EQ(server_.shutdowns_, 1);
  EXPECT_TRUE(client_.closing_);
}

TEST_F(Persistent, ShutdownNosaveEndsAtOnce) {
  run("SHUTDOWN NOSAVE");
  EXPECT_EQ(server_.persistence_.snapshots_, 0U);
  EXPECT_EQ(server_.shutdowns_, 1);
}

TEST_F(Persistent, AFailedSaveKeepsTheServerUnlessForced) {
  server_.persistence_.result_ = Status{StatusCode::kNoSpace, "no room"};
  run("SHUTDOWN SAVE");
  EXPECT_EQ(answer_now(), "-ERR Errors trying to SHUTDOWN. Check logs.");
  EXPECT_EQ(server_.shutdowns_, 0);
  run("SHUTDOWN SAVE FORCE");
  EXPECT_EQ(answer_now(), "");
  EXPECT_EQ(server_.shutdowns_, 1);
}

TEST_F(Persistent, ShutdownWhileTheDataIsLoadedSavesNothing) {
  server_.persistence_.loaded_ = false;
  run("SHUTDOWN");
  run("SHUTDOWN SAVE");
  EXPECT_EQ(server_.persistence_.snapshots_, 0U);
  EXPECT_EQ(server_.shutdowns_, 2);
}
TEST_F(Persistent, AShutdownThatSavesCanBeCalledBack) {
  server_.persistence_.result_.reset();
  run("SHUTDOWN");
  EXPECT_EQ(run("SHUTDOWN ABORT"), "+OK");
  EXPECT_EQ(answer_now(), "-ERR Errors trying to SHUTDOWN. Check logs.");
  EXPECT_EQ(server_.shutdowns_, 0);
  EXPECT_EQ(run("SHUTDOWN ABORT"), "-ERR No shutdown in progress.");
}

}  // namespace
}  // namespace kvstore::commands
