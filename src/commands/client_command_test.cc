#include "commands/command_fixture.h"

namespace kvstore::commands {
namespace {

constexpr const char* kSyntaxError = "-ERR syntax error";
constexpr const char* kClient3 = "id=3 addr=127.0.0.1:1 name= flags=N db=0\n";
constexpr const char* kClient5 = "id=5 addr=127.0.0.1:2 name=id=9 flags=P db=0\n";
constexpr const char* kClient7 = "id=7 addr=127.0.0.1:3 name=me flags=N db=0\n";

COMMAND_TEST("client", ClientNamesAnUnknownSubcommandAndStaysOpen) {
  EXPECT_EQ(run("CLIENT BOGUS"), "-ERR unknown subcommand 'BOGUS'. Try CLIENT HELP.");
  EXPECT_EQ(run("CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type x"),
            "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.");
  EXPECT_EQ(run("CLIENT ''"), "-ERR unknown subcommand ''. Try CLIENT HELP.");
  EXPECT_EQ(run("CLIENT client|id"), "-ERR unknown subcommand 'client|id'. Try CLIENT HELP.");
  EXPECT_EQ(run("CLIENT"), "arity(client)");
  EXPECT_FALSE(client_.closing_);
}

COMMAND_TEST("client", ClientShowsOnlyTheStartOfALongSubcommand) {
  const std::string word(1000, 'x');
  EXPECT_EQ(run_words({"CLIENT", word}), "-ERR unknown subcommand '" + word.substr(0, 128) + "'. Try CLIENT HELP.");
}

COMMAND_TEST("client|id", ClientIdAnswersTheId) {
  EXPECT_EQ(run("CLIENT ID"), ":7");
  EXPECT_EQ(run("client id"), ":7");
  EXPECT_EQ(run("CLIENT ID x"), "arity(client|id)");
}

COMMAND_TEST("client|getname", ClientGetnameAnswersNullForNoName) {
  EXPECT_EQ(run("CLIENT GETNAME"), "nil");
  run("CLIENT SETNAME me");
  EXPECT_EQ(run("CLIENT GETNAME"), "\"me\"");
}

COMMAND_TEST("client|setname", ClientSetnameKeepsNamesOneWord) {
  EXPECT_EQ(run("CLIENT SETNAME me"), "+OK");
  for (const char* name : {"a b", "a\nb", "\x7f", "caf\xc3\xa9"}) {
    EXPECT_EQ(run_words({"CLIENT", "SETNAME", name}),
              "-ERR Client names cannot contain spaces, newlines or special characters.");
  }
  EXPECT_EQ(client_.name(), "me");
  EXPECT_EQ(run("CLIENT SETNAME ''"), "+OK");
  EXPECT_EQ(client_.name(), "");
  EXPECT_EQ(run("CLIENT SETNAME"), "arity(client|setname)");
}

COMMAND_TEST("client|setinfo", ClientSetinfoTakesLibraryNameAndVersion) {
  EXPECT_EQ(run("CLIENT SETINFO lib-name redis-py(x)"), "+OK");
  EXPECT_EQ(run("CLIENT SETINFO LIB-VER 1.2"), "+OK");
  EXPECT_EQ(client_.library_name_, "redis-py(x)");
  EXPECT_EQ(client_.library_version_, "1.2");
  EXPECT_EQ(run_words({"CLIENT", "SETINFO", "LIB-NAME", "a b"}),
            "-ERR lib-name cannot contain spaces, newlines or special characters.");
  EXPECT_EQ(run("CLIENT SETINFO LIB-BOGUS x"), "-ERR Unrecognized option 'LIB-BOGUS'");
}

COMMAND_TEST("client|info", ClientInfoAnswersTheLineOfThisConnection) {
  run("CLIENT SETNAME me");
  EXPECT_EQ(run("CLIENT INFO"), "=id=7 name=me\n");
}

COMMAND_TEST("client|list", ClientListFiltersByType) {
  EXPECT_EQ(run("CLIENT LIST"), "=" + std::string(kClient3) + kClient5 + kClient7);
  EXPECT_EQ(run("CLIENT LIST TYPE normal"), "=" + std::string(kClient3) + kClient7);
  EXPECT_EQ(run("CLIENT LIST type PubSub"), "=" + std::string(kClient5));
  EXPECT_EQ(run("CLIENT LIST TYPE slave"), "=");
  EXPECT_EQ(run("CLIENT LIST TYPE bogus"), "-ERR Unknown client type 'bogus'");
}

COMMAND_TEST("client|list", ClientListFiltersByIdAndIsNotFooledByNames) {
  EXPECT_EQ(run("CLIENT LIST ID 7 3 3"), "=" + std::string(kClient3) + kClient7);
  EXPECT_EQ(run("CLIENT LIST ID 9"), "=");  // client 5 calls itself "id=9"
  EXPECT_EQ(run("CLIENT LIST ID 3 x"), "-ERR Invalid client ID");
  EXPECT_EQ(run("CLIENT LIST ID"), kSyntaxError);
  EXPECT_EQ(run("CLIENT LIST TYPE"), kSyntaxError);
  EXPECT_EQ(run("CLIENT LIST TYPE normal x"), kSyntaxError);
  EXPECT_EQ(run("CLIENT LIST BOGUS"), kSyntaxError);
}

COMMAND_TEST("client|no-evict", ClientNoEvictTakesOnAndOff) {
  EXPECT_EQ(run("CLIENT NO-EVICT on"), "+OK");
  EXPECT_EQ(run("CLIENT NO-EVICT OFF"), "+OK");
  EXPECT_EQ(run("CLIENT NO-EVICT maybe"), kSyntaxError);
}

COMMAND_TEST("client|no-touch", ClientNoTouchTakesOnAndOff) {
  EXPECT_EQ(run("CLIENT NO-TOUCH on"), "+OK");
  EXPECT_EQ(run("CLIENT NO-TOUCH"), "arity(client|no-touch)");
}

COMMAND_TEST("client|help", ClientHelpListsEverySubcommand) {
  const std::string help = run("CLIENT HELP");
  EXPECT_EQ(help.find("[+CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:, +GETNAME, +    Answers"), 0U)
      << help;
  for (const Command& row : table_.find("client")->subcommands) {
    EXPECT_NE(help.find(row.summary), std::string::npos) << row.name;
  }
}

}  // namespace
}  // namespace kvstore::commands
