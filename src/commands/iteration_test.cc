#include <set>

#include "commands/command_fixture.h"

namespace kvstore::commands {
namespace {

class ScanReply {
 public:
  explicit ScanReply(const std::string& text) {
    // ["<cursor>", ["key", "key"]]
    const std::size_t cursor_end = text.find('"', 2);
    cursor = text.substr(2, cursor_end - 2);
    std::size_t position = cursor_end + 1;
    while ((position = text.find('"', position)) != std::string::npos) {
      const std::size_t end = text.find('"', position + 1);
      keys.push_back(text.substr(position + 1, end - position - 1));
      position = end + 1;
    }
  }
  std::string cursor;
  std::vector<std::string> keys;
};

COMMAND_TEST("keys", KeysAnswersEveryMatchOnce) {
  EXPECT_EQ(run("KEYS *"), "[]");
  run("MSET user:2 a user:1 b other c");
  EXPECT_EQ(run("KEYS user:*"), "[\"user:1\", \"user:2\"]");
  EXPECT_EQ(run("KEYS *"), "[\"other\", \"user:1\", \"user:2\"]");
  EXPECT_EQ(run("KEYS nothing*"), "[]");
  run("SELECT 1");
  EXPECT_EQ(run("KEYS *"), "[]");
}

COMMAND_TEST("keys", KeysReachesEverySlice) {
  constexpr int kKeys = 5000;
  for (int i = 0; i < kKeys; ++i) run_words({"SET", "key:" + std::to_string(10'000 + i), "v"});
  std::string expected = "[";
  for (int i = 0; i < kKeys; ++i) {
    expected += std::string(i == 0 ? "" : ", ") + "\"key:" + std::to_string(10'000 + i) + "\"";
  }
  EXPECT_EQ(run("KEYS key:*"), expected + "]");
}

COMMAND_TEST("scan", ScanEndsAndVisitsEveryKey) {
  constexpr int kKeys = 5000;
  std::set<std::string> expected;
  for (int i = 0; i < kKeys; ++i) {
    expected.insert("key:" + std::to_string(i));
    run_words({"SET", "key:" + std::to_string(i), "v"});
  }
  for (const char* count : {"1", "10", "1000", "100000"}) {
    std::set<std::string> seen;
    std::string cursor = "0";
    std::size_t calls = 0;
    do {
      const ScanReply reply(run("SCAN " + cursor + " COUNT " + count));
      seen.insert(reply.keys.begin(), reply.keys.end());
      cursor = reply.cursor;
      ASSERT_LE(++calls, 100'000U) << "no end";
    } while (cursor != "0");
    EXPECT_EQ(seen, expected) << "COUNT " << count;
  }
}

COMMAND_TEST("scan", ScanAnswersAboutAsManyKeysAsAskedFor) {
  for (int i = 0; i < 5000; ++i) run_words({"SET", "key:" + std::to_string(i), "v"});
  const ScanReply reply(run("SCAN 0"));
  EXPECT_NE(reply.cursor, "0");
  EXPECT_GE(reply.keys.size(), 10U);
  EXPECT_LE(reply.keys.size(), 100U);
  const ScanReply all(run("SCAN 0 COUNT 100000"));
  EXPECT_EQ(all.cursor, "0");
  EXPECT_GE(all.keys.size(), 5000U);
}

COMMAND_TEST("scan", ScanFiltersByPatternAndType) {
  run("MSET user:1 a other b");
  EXPECT_EQ(ScanReply(run("SCAN 0 MATCH user:* COUNT 1000")).keys, std::vector<std::string>{"user:1"});
  EXPECT_EQ(ScanReply(run("SCAN 0 COUNT 1000 type STRING")).keys.size(), 2U);
  EXPECT_EQ(ScanReply(run("SCAN 0 TYPE list COUNT 1000")).keys.size(), 0U);
  EXPECT_EQ(ScanReply(run("SCAN 0 TYPE bogus COUNT 1000")).keys.size(), 0U);
}

COMMAND_TEST("scan", ScanRefusesBadCursorsAndOptions) {
  for (const char* cursor : {"x", "0x", "''", "1 ", "18446744073709551616"}) {
    EXPECT_EQ(run_words({"SCAN", std::string_view(cursor) == "''" ? "" : cursor}), "-ERR invalid cursor") << cursor;
  }
  EXPECT_EQ(run("SCAN 0 MATCH"), "-ERR syntax error");
  EXPECT_EQ(run("SCAN 0 COUNT 0"), "-ERR syntax error");
  EXPECT_EQ(run("SCAN 0 COUNT -5"), "-ERR syntax error");
  EXPECT_EQ(run("SCAN 0 COUNT x"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(run("SCAN 0 BOGUS 1"), "-ERR syntax error");
}

COMMAND_TEST("scan", ScanTakesAnyCursor) {
  run("SET a 1");
  for (const char* cursor : {"1", "4096", "18446744073709551615", "9223372036854775808"}) {
    EXPECT_EQ(run(std::string("SCAN ") + cursor).substr(0, 2), "[\"") << cursor;
  }
}

}  // namespace
}  // namespace kvstore::commands
