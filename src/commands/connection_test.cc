#include "commands/command_fixture.h"

namespace kvstore::commands {
namespace {

constexpr const char* kWrongPassword = "-WRONGPASS invalid username-password pair or user is disabled.";
constexpr const char* kBadName = "-ERR Client names cannot contain spaces, newlines or special characters.";

std::string hello_map(int version) {
  const std::string number = std::to_string(version);
  return "resp" + number + "{\"server\": \"kvstore\", \"version\": \"1.2.3\", \"proto\": :" + number +
         ", \"id\": :7, \"mode\": \"standalone\", \"role\": \"master\", \"modules\": []}";
}

COMMAND_TEST("ping", PingAnswersPongOrTheMessage) {
  EXPECT_EQ(run("PING"), "message(PONG)");
  EXPECT_EQ(run("ping hello"), "\"hello\"");
  EXPECT_EQ(run("PING a b"), "arity(ping)");
}

COMMAND_TEST("echo", EchoAnswersBytes) {
  EXPECT_EQ(run_words({"ECHO", std::string_view("a\0b", 3)}), std::string("\"a\0b\"", 5));
  EXPECT_EQ(run("ECHO"), "arity(echo)");
}

COMMAND_TEST("select", SelectChangesTheDatabaseOfLaterCommands) {
  run("SET k 0");
  EXPECT_EQ(run("SELECT 15"), "+OK");
  EXPECT_EQ(run("EXISTS k"), ":0");
  EXPECT_EQ(client_.database(), 15);
}

COMMAND_TEST("select", SelectRefusesImpossibleDatabases) {
  EXPECT_EQ(run("SELECT 16"), "-ERR DB index is out of range");
  EXPECT_EQ(run("SELECT -1"), "-ERR DB index is out of range");
  EXPECT_EQ(run("SELECT x"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(run("SELECT 99999999999"), "-ERR value is out of range, value must between -2147483648 and 2147483647");
  EXPECT_EQ(client_.database(), 0);
}

COMMAND_TEST("quit", QuitAnswersAndCloses) {
  EXPECT_EQ(run("QUIT"), "+OK");
  EXPECT_TRUE(client_.closing_);
}

COMMAND_TEST("reset", ResetPutsTheConnectionBack) {
  run("HELLO 3 SETNAME me");
  run("SELECT 4");
  EXPECT_EQ(run("RESET"), "+RESET");
  EXPECT_EQ(client_.database(), 0);
  EXPECT_EQ(client_.name(), "");
  EXPECT_EQ(client_.protocol(), Protocol::kResp2);
}

COMMAND_TEST("hello", HelloAnswersInTheVersionItSwitchesTo) {
  EXPECT_EQ(run("HELLO 3"), hello_map(3));
  EXPECT_EQ(client_.protocol(), Protocol::kResp3);
  EXPECT_EQ(run("HELLO"), hello_map(3));
  EXPECT_EQ(run("HELLO 2"), hello_map(2));
  EXPECT_EQ(client_.protocol(), Protocol::kResp2);
}

COMMAND_TEST("hello", HelloTakesLoginAndName) {
  EXPECT_EQ(run("HELLO 3 AUTH default anything SETNAME me"), hello_map(3));
  EXPECT_EQ(client_.name(), "me");
  EXPECT_EQ(run("HELLO 3 setname other auth default x"), hello_map(3));
  EXPECT_EQ(client_.name(), "other");
}

COMMAND_TEST("hello", HelloChangesNothingWhenAnyPartIsWrong) {
  EXPECT_EQ(run("HELLO 4"), "-NOPROTO unsupported protocol version");
  EXPECT_EQ(run("HELLO 1"), "-NOPROTO unsupported protocol version");
  EXPECT_EQ(run("HELLO x"), "-ERR Protocol version is not an integer or out of range");
  EXPECT_EQ(run("HELLO 3 BOGUS"), "-ERR Syntax error in HELLO option 'BOGUS'");
  EXPECT_EQ(run("HELLO 3 AUTH default"), "-ERR Syntax error in HELLO option 'AUTH'");
  EXPECT_EQ(run("HELLO 3 SETNAME"), "-ERR Syntax error in HELLO option 'SETNAME'");
  EXPECT_EQ(run("HELLO 3 SETNAME me AUTH bob x"), kWrongPassword);
  EXPECT_EQ(run_words({"HELLO", "3", "SETNAME", "a b"}), kBadName);
  EXPECT_EQ(client_.protocol(), Protocol::kResp2);
  EXPECT_EQ(client_.name(), "");
}

COMMAND_TEST("hello", HelloHasNoMeaningOnJsonLines) {
  client_.protocol_ = Protocol::kJson;
  EXPECT_EQ(run("HELLO 3"), "-ERR HELLO chooses a RESP version; the JSON line protocol has only one");
  EXPECT_EQ(client_.protocol(), Protocol::kJson);
}

COMMAND_TEST("auth", AuthLetsTheDefaultUserInWithAnyPassword) {
  EXPECT_EQ(run("AUTH default x"), "+OK");
  EXPECT_EQ(run("AUTH bob x"), kWrongPassword);
  EXPECT_EQ(run("AUTH x"),
            "-ERR AUTH <password> called without any password configured for the default user. Are you sure your "
            "configuration is correct?");
  EXPECT_EQ(run("AUTH"), "arity(auth)");
  EXPECT_EQ(run("AUTH a b c"), "-ERR syntax error");
}

}  // namespace
}  // namespace kvstore::commands
