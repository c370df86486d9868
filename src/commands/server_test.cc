#include "commands/command_fixture.h"

namespace kvstore::commands {
namespace {

COMMAND_TEST("info", InfoEndsEveryLineWithCrLf) {
  const std::string all = "=# Server\r\nversion:1\r\nport:6379\r\n\r\n# Clients\r\nconnected:3\r\n";
  EXPECT_EQ(run("INFO"), all);
  EXPECT_EQ(run("INFO all"), all);
  EXPECT_EQ(run("INFO default"), all);
  EXPECT_EQ(run("INFO Everything server"), all);
}

COMMAND_TEST("info", InfoAnswersTheSectionsAskedForInItsOwnOrder) {
  EXPECT_EQ(run("INFO CLIENTS"), "=# Clients\r\nconnected:3\r\n");
  EXPECT_EQ(run("INFO clients server clients"), run("INFO"));
  EXPECT_EQ(run("INFO bogus"), "=");
}

COMMAND_TEST("config|get", ConfigGetAnswersEachMatchOnce) {
  EXPECT_EQ(run("CONFIG GET save"), "{\"save\": \"\"}");
  EXPECT_EQ(run("CONFIG GET appendonly"), "{\"appendonly\": \"no\"}");
  EXPECT_EQ(run("CONFIG GET MAX* maxmemory"), "{\"maxmemory\": \"0\", \"maxmemory-policy\": \"noeviction\"}");
  EXPECT_EQ(run("CONFIG GET bogus"), "{}");
  EXPECT_EQ(run("CONFIG GET"), "arity(config|get)");
}

COMMAND_TEST("config|set", ConfigSetSaysWhatToDoInstead) {
  EXPECT_EQ(run("CONFIG SET save x"), "-ERR CONFIG SET is not supported: give the option when starting the server");
  EXPECT_EQ(run("CONFIG SET save"), "arity(config|set)");
}

COMMAND_TEST("config|resetstat", ConfigResetstatResetsOnce) {
  EXPECT_EQ(run("CONFIG RESETSTAT"), "+OK");
  EXPECT_EQ(server_.statistics_resets_, 1);
}

COMMAND_TEST("config|help", ConfigHelpListsEverySubcommand) {
  const std::string help = run("CONFIG HELP");
  EXPECT_NE(help.find("+GET <pattern> [<pattern> ...], +    Answers"), std::string::npos) << help;
  EXPECT_NE(help.find("+RESETSTAT, "), std::string::npos) << help;
}

COMMAND_TEST("config", ConfigNamesAnUnknownSubcommand) {
  EXPECT_EQ(run("CONFIG REWRITE"), "-ERR unknown subcommand 'REWRITE'. Try CONFIG HELP.");
}

COMMAND_TEST("time", TimeAnswersSecondsAndMicroseconds) {
  EXPECT_EQ(run("TIME"), "[\"1700000000\", \"123456\"]");
  EXPECT_EQ(run("TIME x"), "arity(time)");
}

}  // namespace
}  // namespace kvstore::commands
