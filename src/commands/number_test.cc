#include "commands/command_fixture.h"

namespace kvstore::commands {
namespace {

constexpr const char* kNotInteger = "-ERR value is not an integer or out of range";
constexpr const char* kOverflow = "-ERR increment or decrement would overflow";

COMMAND_TEST("incr", IncrCountsFromZero) {
  EXPECT_EQ(run("INCR k"), ":1");
  EXPECT_EQ(run("INCR k"), ":2");
  EXPECT_EQ(run("GET k"), "\"2\"");
}

COMMAND_TEST("incr", IncrGrowsTheTextByADigit) {
  run("SET k 9");
  EXPECT_EQ(run("INCR k"), ":10");
  EXPECT_EQ(run("GET k"), "\"10\"");
  run("SET k -1");
  EXPECT_EQ(run("INCR k"), ":0");
  EXPECT_EQ(run("GET k"), "\"0\"");
}

COMMAND_TEST("incr", IncrRefusesWhatIsNoInteger) {
  for (const char* value : {"abc", "1.0", "01", "+1", "1x", "9223372036854775808", "''", "-0"}) {
    run(std::string("SET k ") + value);
    EXPECT_EQ(run("INCR k"), kNotInteger) << value;
  }
  run_words({"SET", "k", " 1"});
  EXPECT_EQ(run("INCR k"), kNotInteger);
}

COMMAND_TEST("decr", DecrStopsAtTheSmallestInteger) {
  EXPECT_EQ(run("DECR k"), ":-1");
  run("SET k -9223372036854775808");
  EXPECT_EQ(run("DECR k"), kOverflow);
  EXPECT_EQ(run("GET k"), "\"-9223372036854775808\"");
}

COMMAND_TEST("incrby", IncrbyStopsAtTheLargestInteger) {
  EXPECT_EQ(run("INCRBY k 9223372036854775806"), ":9223372036854775806");
  EXPECT_EQ(run("INCRBY k 2"), kOverflow);
  EXPECT_EQ(run("INCRBY k 1"), ":9223372036854775807");
  EXPECT_EQ(run("INCRBY k -9223372036854775808"), ":-1");
  EXPECT_EQ(run("INCRBY k one"), kNotInteger);
  EXPECT_EQ(run("INCRBY k"), "arity(incrby)");
}

COMMAND_TEST("decrby", DecrbyRefusesTheNumberThatHasNoOpposite) {
  EXPECT_EQ(run("DECRBY k 5"), ":-5");
  EXPECT_EQ(run("DECRBY k -9223372036854775808"), "-ERR decrement would overflow");
  EXPECT_EQ(run("DECRBY k 9223372036854775807"), kOverflow);
  EXPECT_EQ(run("GET k"), "\"-5\"");
}

COMMAND_TEST("incrbyfloat", IncrbyfloatWritesPlainDecimals) {
  EXPECT_EQ(run("INCRBYFLOAT k 10.50"), "\"10.5\"");
  EXPECT_EQ(run("INCRBYFLOAT k 0.1"), "\"10.6\"");
  EXPECT_EQ(run("INCRBYFLOAT k -5e0"), "\"5.6\"");
  EXPECT_EQ(run("INCRBYFLOAT k -5.6"), "\"0\"");
  run("SET k 5.0e3");
  EXPECT_EQ(run("INCRBYFLOAT k 2.0e2"), "\"5200\"");
  EXPECT_EQ(run("GET k"), "\"5200\"");
}

COMMAND_TEST("incrbyfloat", IncrbyfloatRefusesWhatIsNoFiniteNumber) {
  run("SET k 1");
  for (const char* word : {"abc", "nan", "''", "1x"}) {
    EXPECT_EQ(run(std::string("INCRBYFLOAT k ") + word), "-ERR value is not a valid float") << word;
  }
  EXPECT_EQ(run("INCRBYFLOAT k inf"), "-ERR increment would produce NaN or Infinity");
  run("SET text abc");
  EXPECT_EQ(run("INCRBYFLOAT text 1"), "-ERR value is not a valid float");
  EXPECT_EQ(run("GET k"), "\"1\"");
}

}  // namespace
}  // namespace kvstore::commands
