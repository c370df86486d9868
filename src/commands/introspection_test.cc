#include "commands/command_fixture.h"

namespace kvstore::commands {
namespace {

constexpr const char* kSyntaxError = "-ERR syntax error";

std::string info_of_get() {
  return "[\"get\", :2, ~[+readonly, +fast], :1, :1, :1, ~[+@read, +@string, +@fast], [], "
         "[{\"flags\": ~[+RO, +access], \"begin_search\": {\"type\": \"index\", \"spec\": {\"index\": :1}}, "
         "\"find_keys\": {\"type\": \"range\", \"spec\": {\"lastkey\": :0, \"keystep\": :1, \"limit\": :0}}}], []]";
}

COMMAND_TEST("command", CommandWithoutWordsIsInfoOfAll) {
  const std::string all = run("COMMAND");
  EXPECT_EQ(all, run("COMMAND INFO"));
  EXPECT_NE(all.find(info_of_get()), std::string::npos);
  EXPECT_NE(all.find("[\"client|setname\", :3, "), std::string::npos);
  EXPECT_EQ(run("COMMAND BOGUS"), "-ERR unknown subcommand 'BOGUS'. Try COMMAND HELP.");
}

COMMAND_TEST("command|info", CommandInfoHasTheTenElementsOfRedis7) {
  EXPECT_EQ(run("COMMAND INFO GET"), "[" + info_of_get() + "]");
  EXPECT_EQ(run("COMMAND INFO bogus get"), "[nil, " + info_of_get() + "]");
  EXPECT_EQ(run("COMMAND INFO client|ID"),
            "[[\"client|id\", :2, ~[+loading, +stale, +noscript], :0, :0, :0, ~[+@slow, +@connection], [], [], []]]");
  EXPECT_EQ(run("COMMAND INFO client|bogus bogus|id"), "[nil, nil]");
}

COMMAND_TEST("command|info", CommandInfoCountsTheLastKeyFromTheFirst) {
  const std::string rename = run("COMMAND INFO rename");
  EXPECT_NE(rename.find(":1, :2, :1, "), std::string::npos) << rename;
  EXPECT_NE(rename.find("~[+RW, +access, +update]"), std::string::npos) << rename;
  EXPECT_NE(rename.find("{\"lastkey\": :1, \"keystep\": :1, \"limit\": :0}"), std::string::npos) << rename;
  const std::string mset = run("COMMAND INFO mset");
  EXPECT_NE(mset.find("{\"lastkey\": :-1, \"keystep\": :2, \"limit\": :0}"), std::string::npos) << mset;
  EXPECT_NE(mset.find("[\"request_policy:multi_shard\", \"response_policy:all_succeeded\"]"), std::string::npos)
      << mset;
}

COMMAND_TEST("command|count", CommandCountCountsWhatCommandLists) {
  EXPECT_EQ(run("COMMAND COUNT"), ":" + std::to_string(table_.all().size()));
  EXPECT_EQ(run("COMMAND COUNT x"), "arity(command|count)");
}

COMMAND_TEST("command|docs", CommandDocsDescribesCommandsAndTheirSubcommands) {
  EXPECT_EQ(run("COMMAND DOCS bogus"), "{}");
  EXPECT_EQ(run("COMMAND DOCS get")
                .find("{\"get\": {\"summary\": \"Answers the string at a key.\", \"since\": "
                      "\"1.0.0\", \"group\": \"string\", \"complexity\": \"O(1)\", "
                      "\"syntax\": \"key\"}}"),
            0U);
  const std::string client = run("COMMAND DOCS client");
  EXPECT_NE(client.find("\"subcommands\": {\"client|getname\": {"), std::string::npos) << client;
  const std::string all = run("COMMAND DOCS");
  for (const Command* row : table_.all()) {
    EXPECT_NE(all.find("\"" + std::string(row->name) + "\": {\"summary\""), std::string::npos) << row->name;
  }
}

COMMAND_TEST("command|list", CommandListFilters) {
  const std::string all = run("COMMAND LIST");
  EXPECT_NE(all.find("\"get\""), std::string::npos);
  EXPECT_NE(all.find("\"client|setname\""), std::string::npos);
  EXPECT_EQ(run("COMMAND LIST FILTERBY PATTERN SETN*"), "[\"setnx\"]");
  EXPECT_EQ(run("COMMAND LIST FILTERBY PATTERN config|s*"), "[\"config|set\"]");
  EXPECT_EQ(run("COMMAND LIST FILTERBY MODULE json"), "[]");
  EXPECT_EQ(run("COMMAND LIST FILTERBY ACLCAT bogus"), "[]");
  const std::string dangerous = run("COMMAND LIST filterby aclcat Dangerous");
  EXPECT_NE(dangerous.find("\"flushall\""), std::string::npos);
  EXPECT_EQ(dangerous.find("\"get\""), std::string::npos);
}

COMMAND_TEST("command|list", CommandListRefusesHalfAFilter) {
  for (const char* line : {"COMMAND LIST x", "COMMAND LIST FILTERBY", "COMMAND LIST FILTERBY PATTERN",
                           "COMMAND LIST FILTERBY BOGUS x", "COMMAND LIST FILTERBY PATTERN a b"}) {
    EXPECT_EQ(run(line), kSyntaxError) << line;
  }
}

COMMAND_TEST("command|getkeys", CommandGetkeysFindsKeysByTheRow) {
  EXPECT_EQ(run("COMMAND GETKEYS GET k"), "[\"k\"]");
  EXPECT_EQ(run("COMMAND GETKEYS SET k v NX"), "[\"k\"]");
  EXPECT_EQ(run("COMMAND GETKEYS MSET a 1 b 2"), "[\"a\", \"b\"]");
  EXPECT_EQ(run("COMMAND GETKEYS MSET a 1 b"), "[\"a\", \"b\"]");
  EXPECT_EQ(run("COMMAND GETKEYS DEL a b c"), "[\"a\", \"b\", \"c\"]");
  EXPECT_EQ(run("COMMAND GETKEYS COPY a b DB 1"), "[\"a\", \"b\"]");
}

COMMAND_TEST("command|getkeys", CommandGetkeysRefusesWhatHasNoKeys) {
  EXPECT_EQ(run("COMMAND GETKEYS bogus a"), "-ERR Invalid command specified");
  EXPECT_EQ(run("COMMAND GETKEYS client bogus"), "-ERR Invalid command specified");
  EXPECT_EQ(run("COMMAND GETKEYS client id"), "-ERR The command has no key arguments");
  EXPECT_EQ(run("COMMAND GETKEYS ping x"), "-ERR The command has no key arguments");
  EXPECT_EQ(run("COMMAND GETKEYS GET a b"), "-ERR Invalid number of arguments specified for command");
  EXPECT_EQ(run("COMMAND GETKEYS GET"), "arity(command|getkeys)");
}

COMMAND_TEST("command|help", CommandHelpListsEverySubcommand) {
  const std::string help = run("COMMAND HELP");
  EXPECT_EQ(help.find("[+COMMAND <subcommand> "), 0U) << help;
  EXPECT_NE(help.find("+GETKEYS <full-command>, "), std::string::npos) << help;
}

}  // namespace
}  // namespace kvstore::commands
