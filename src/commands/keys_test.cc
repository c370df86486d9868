#include "commands/command_fixture.h"

namespace kvstore::commands {
namespace {

constexpr const char* kNotInteger = "-ERR value is not an integer or out of range";
constexpr const char* kNoDatabase = "-ERR DB index is out of range";
constexpr const char* kSame = "-ERR source and destination objects are the same";
constexpr const char* kSyntaxError = "-ERR syntax error";

COMMAND_TEST("del", DelCountsKeysThatWereThere) {
  run("MSET a 1 b 2 c 3");
  EXPECT_EQ(run("DEL a missing b a"), ":2");
  EXPECT_EQ(run("EXISTS a b c"), ":1");
}

COMMAND_TEST("unlink", UnlinkRemovesAsDelDoes) {
  run_words({"SET", "a", std::string(100'000, 'x')});
  EXPECT_EQ(run("UNLINK a b"), ":1");
  EXPECT_EQ(run("EXISTS a"), ":0");
}

COMMAND_TEST("exists", ExistsCountsAKeyAsOftenAsItIsNamed) {
  run("SET a 1");
  EXPECT_EQ(run("EXISTS a b a"), ":2");
  EXPECT_EQ(run("EXISTS"), "arity(exists)");
}

COMMAND_TEST("touch", TouchCountsKeys) {
  run("SET a 1");
  EXPECT_EQ(run("TOUCH a b"), ":1");
}

COMMAND_TEST("type", TypeNamesTheType) {
  run("SET a 1");
  EXPECT_EQ(run("TYPE a"), "+string");
  EXPECT_EQ(run("TYPE b"), "+none");
}

COMMAND_TEST("rename", RenameReplacesTheNewName) {
  run("MSET a 1 b 2");
  EXPECT_EQ(run("RENAME a b"), "+OK");
  EXPECT_EQ(run("MGET a b"), "[nil, \"1\"]");
  EXPECT_EQ(run("RENAME a b"), "-ERR no such key");
}

COMMAND_TEST("rename", RenameToItselfKeepsTheKey) {
  run("SET a 1");
  EXPECT_EQ(run("RENAME a a"), "+OK");
  EXPECT_EQ(run("GET a"), "\"1\"");
  EXPECT_EQ(run("RENAME missing missing"), "-ERR no such key");
}

COMMAND_TEST("rename", RenameKeepsLargeValues) {
  const std::string large(100'000, 'x');
  run_words({"SET", "a", large});
  EXPECT_EQ(run("RENAME a b"), "+OK");
  EXPECT_EQ(run("GET b"), "\"" + large + "\"");
}

COMMAND_TEST("renamenx", RenamenxKeepsAKeyOfTheNewName) {
  run("MSET a 1 b 2");
  EXPECT_EQ(run("RENAMENX a b"), ":0");
  EXPECT_EQ(run("RENAMENX a a"), ":0");
  EXPECT_EQ(run("RENAMENX a c"), ":1");
  EXPECT_EQ(run("MGET a b c"), "[nil, \"2\", \"1\"]");
  EXPECT_EQ(run("RENAMENX a d"), "-ERR no such key");
}

COMMAND_TEST("copy", CopyKeepsAnExistingDestinationUnlessToldToReplaceIt) {
  run("MSET a 1 b 2");
  EXPECT_EQ(run("COPY a b"), ":0");
  EXPECT_EQ(run("COPY a b REPLACE"), ":1");
  EXPECT_EQ(run("COPY a c"), ":1");
  EXPECT_EQ(run("MGET a b c"), "[\"1\", \"1\", \"1\"]");
  EXPECT_EQ(run("COPY missing b REPLACE"), ":0");
  EXPECT_EQ(run("GET b"), "\"1\"");
}

COMMAND_TEST("copy", CopyReachesOtherDatabases) {
  run("SET a 1");
  EXPECT_EQ(run("COPY a a DB 3"), ":1");
  EXPECT_EQ(run("COPY a a db 3"), ":0");
  run("SET a 2");
  EXPECT_EQ(run("COPY a a DB 3 REPLACE"), ":1");
  run("SELECT 3");
  EXPECT_EQ(run("GET a"), "\"2\"");
}

COMMAND_TEST("copy", CopyRefusesToCopyAKeyOntoItself) {
  run("SET a 1");
  EXPECT_EQ(run("COPY a a"), kSame);
  EXPECT_EQ(run("COPY a a DB 0 REPLACE"), kSame);
  EXPECT_EQ(run("COPY a b DB 16"), kNoDatabase);
  EXPECT_EQ(run("COPY a b DB -1"), kNoDatabase);
  EXPECT_EQ(run("COPY a b DB x"), kNotInteger);
  EXPECT_EQ(run("COPY a b DB"), kSyntaxError);
  EXPECT_EQ(run("COPY a a BOGUS"), kSyntaxError);
}

COMMAND_TEST("move", MoveKeepsAKeyThatTheOtherDatabaseHas) {
  run("MSET a 1 b 2");
  EXPECT_EQ(run("MOVE a 1"), ":1");
  EXPECT_EQ(run("EXISTS a"), ":0");
  EXPECT_EQ(run("MOVE a 1"), ":0");
  run("SET a 3");
  EXPECT_EQ(run("MOVE a 1"), ":0");
  EXPECT_EQ(run("GET a"), "\"3\"");
  run("SELECT 1");
  EXPECT_EQ(run("GET a"), "\"1\"");
}

COMMAND_TEST("move", MoveRefusesImpossibleDatabases) {
  EXPECT_EQ(run("MOVE a 0"), kSame);
  EXPECT_EQ(run("MOVE a 16"), kNoDatabase);
  EXPECT_EQ(run("MOVE a x"), kNotInteger);
}

COMMAND_TEST("randomkey", RandomkeyAnswersAKeyOfTheDatabase) {
  EXPECT_EQ(run("RANDOMKEY"), "nil");
  run("SET a 1");
  EXPECT_EQ(run("RANDOMKEY"), "\"a\"");
  run("SELECT 1");
  EXPECT_EQ(run("RANDOMKEY"), "nil");
}

COMMAND_TEST("dbsize", DbsizeCountsOneDatabase) {
  run("MSET a 1 b 2");
  EXPECT_EQ(run("DBSIZE"), ":2");
  run("SELECT 1");
  EXPECT_EQ(run("DBSIZE"), ":0");
}

COMMAND_TEST("flushdb", FlushdbEmptiesOneDatabase) {
  run("SET a 1");
  run("SELECT 1");
  run("SET a 2");
  EXPECT_EQ(run("FLUSHDB"), "+OK");
  EXPECT_EQ(run("DBSIZE"), ":0");
  run("SELECT 0");
  EXPECT_EQ(run("DBSIZE"), ":1");
  EXPECT_EQ(run("FLUSHDB SYNC x"), kSyntaxError);
  EXPECT_EQ(run("DBSIZE"), ":1");
  EXPECT_EQ(run("FLUSHDB sync"), "+OK");
  EXPECT_EQ(run("DBSIZE"), ":0");
}

COMMAND_TEST("flushall", FlushallEmptiesEveryDatabase) {
  run("SET a 1");
  run("SELECT 1");
  run("SET a 2");
  EXPECT_EQ(run("FLUSHALL now"), kSyntaxError);
  EXPECT_EQ(run("DBSIZE"), ":1");
  EXPECT_EQ(run("FLUSHALL ASYNC"), "+OK");
  EXPECT_EQ(run("DBSIZE"), ":0");
  run("SELECT 0");
  EXPECT_EQ(run("DBSIZE"), ":0");
}

COMMAND_TEST("swapdb", SwapdbExchangesDatabases) {
  run("SET a 1");
  EXPECT_EQ(run("SWAPDB 0 2"), "+OK");
  EXPECT_EQ(run("EXISTS a"), ":0");
  run("SELECT 2");
  EXPECT_EQ(run("GET a"), "\"1\"");
  EXPECT_EQ(run("SWAPDB 2 2"), "+OK");
  EXPECT_EQ(run("GET a"), "\"1\"");
}

COMMAND_TEST("swapdb", SwapdbSaysWhichIndexIsWrong) {
  EXPECT_EQ(run("SWAPDB x 0"), "-ERR invalid first DB index");
  EXPECT_EQ(run("SWAPDB 0 99999999999"), "-ERR invalid second DB index");
  EXPECT_EQ(run("SWAPDB 0 16"), kNoDatabase);
  EXPECT_EQ(run("SWAPDB -1 0"), kNoDatabase);
}

}  // namespace
}  // namespace kvstore::commands
