#include <rapidcheck.h>

#include <algorithm>

#include "commands/command_fixture.h"

namespace kvstore::commands {
namespace {

constexpr const char* kSyntaxError = "-ERR syntax error";

COMMAND_TEST("set", SetReplacesWhateverWasThere) {
  EXPECT_EQ(run("SET k first"), "set(k)");
  EXPECT_EQ(run("set k second"), "set(k)");
  EXPECT_EQ(run("GET k"), "\"second\"");
  EXPECT_EQ(run("SET '' ''"), "set()");
  EXPECT_EQ(run_words({"GET", ""}), "\"\"");
}

COMMAND_TEST("set", SetKeepsEveryByte) {
  const std::string bytes("\0\r\n\xff\"'", 6);
  EXPECT_EQ(run_words({"SET", bytes, bytes}), "set(" + bytes + ")");
  EXPECT_EQ(run_words({"GET", bytes}), "\"" + bytes + "\"");
}

COMMAND_TEST("set", SetNxWritesOnlyMissingKeysAndXxOnlyOthers) {
  EXPECT_EQ(run("SET k 1 XX"), "nil");
  EXPECT_EQ(run("EXISTS k"), ":0");
  EXPECT_EQ(run("SET k 1 nx"), "set(k)");
  EXPECT_EQ(run("SET k 2 NX"), "nil");
  EXPECT_EQ(run("GET k"), "\"1\"");
  EXPECT_EQ(run("SET k 3 XX"), "set(k)");
  EXPECT_EQ(run("GET k"), "\"3\"");
}

COMMAND_TEST("set", SetGetAnswersTheOldValueWhetherItWritesOrNot) {
  EXPECT_EQ(run("SET k 1 GET"), "nil");
  EXPECT_EQ(run("SET k 2 GET"), "\"1\"");
  EXPECT_EQ(run("SET k 3 NX GET"), "\"2\"");
  EXPECT_EQ(run("GET k"), "\"2\"");
  EXPECT_EQ(run("SET other 1 XX GET"), "nil");
  EXPECT_EQ(run("EXISTS other"), ":0");
}

COMMAND_TEST("set", SetAnswersTheOldValueEvenWhenItIsLarge) {
  const std::string large(100'000, 'x');
  run_words({"SET", "k", large});
  EXPECT_EQ(run("SET k small GET"), "\"" + large + "\"");
  EXPECT_EQ(run("GET k"), "\"small\"");
}

COMMAND_TEST("set", SetRefusesOptionsThatContradictOrMiss) {
  for (const char* line : {"SET k v NX XX", "SET k v XX NX GET", "SET k v BOGUS", "SET k v EX", "SET k v EX 1 PX 1",
                           "SET k v KEEPTTL EX 1", "SET k v EX 1 KEEPTTL", "SET k v NX EX"}) {
    EXPECT_EQ(run(line), kSyntaxError) << line;
  }
  EXPECT_EQ(run("EXISTS k"), ":0");
  EXPECT_EQ(run("SET k v NX NX KEEPTTL KEEPTTL"), "set(k)");
}

COMMAND_TEST("set", SetSaysThatItCannotExpireInsteadOfForgettingTheTime) {
  for (const char* line : {"SET k v EX 10", "SET k v px 10", "SET k v EXAT 10", "SET k v PXAT 10 NX"}) {
    EXPECT_EQ(run(line), "-ERR expiry is not supported yet") << line;
  }
  EXPECT_EQ(run("EXISTS k"), ":0");
}

COMMAND_TEST("get", GetNamesTheKeyItDoesNotFind) {
  EXPECT_EQ(run("GET k"), "not_found(k)");
  EXPECT_EQ(run("GET"), "arity(get)");
  EXPECT_EQ(run("GET a b"), "arity(get)");
}

COMMAND_TEST("get", GetAnswersLargeValues) {
  const std::string large(1 << 20, 'v');
  run_words({"SET", "k", large});
  EXPECT_EQ(run("GET k"), "\"" + large + "\"");
}

COMMAND_TEST("setnx", SetnxSaysWhetherItWrote) {
  EXPECT_EQ(run("SETNX k 1"), ":1");
  EXPECT_EQ(run("SETNX k 2"), ":0");
  EXPECT_EQ(run("GET k"), "\"1\"");
}

COMMAND_TEST("getset", GetsetAnswersTheOldValue) {
  EXPECT_EQ(run("GETSET k 1"), "nil");
  EXPECT_EQ(run("GETSET k 2"), "\"1\"");
  EXPECT_EQ(run("GET k"), "\"2\"");
}

COMMAND_TEST("getdel", GetdelRemovesTheKeyItAnswers) {
  EXPECT_EQ(run("GETDEL k"), "nil");
  run("SET k v");
  EXPECT_EQ(run("GETDEL k"), "\"v\"");
  EXPECT_EQ(run("EXISTS k"), ":0");
}

COMMAND_TEST("delete", DeleteSaysWhetherTheKeyWasThere) {
  EXPECT_EQ(run("DELETE k"), "deleted(0)");
  run("SET k v");
  EXPECT_EQ(run("DELETE k"), "deleted(1)");
  EXPECT_EQ(run("DELETE k"), "deleted(0)");
  EXPECT_EQ(run("DELETE a b"), "arity(delete)");
}

COMMAND_TEST("append", AppendCreatesAndGrows) {
  EXPECT_EQ(run("APPEND k ab"), ":2");
  EXPECT_EQ(run("APPEND k cde"), ":5");
  EXPECT_EQ(run("APPEND k ''"), ":5");
  EXPECT_EQ(run("GET k"), "\"abcde\"");
  EXPECT_EQ(run("APPEND empty ''"), ":0");
  EXPECT_EQ(run("EXISTS empty"), ":1");  // as in Redis
}

COMMAND_TEST("append", AppendGrowsAcrossTheSizeFromWhichValuesAreLarge) {
  const std::string piece(store::kLargeValueBytes - 1, 'a');
  run_words({"SET", "k", piece});
  EXPECT_EQ(run_words({"APPEND", "k", "bc"}), ":" + std::to_string(piece.size() + 2));
  EXPECT_EQ(run("GET k"), "\"" + piece + "bc\"");
  EXPECT_EQ(run_words({"APPEND", "k", piece}), ":" + std::to_string(2 * piece.size() + 2));
  EXPECT_EQ(run("GET k"), "\"" + piece + "bc" + piece + "\"");
}

COMMAND_TEST("strlen", StrlenCountsBytes) {
  EXPECT_EQ(run("STRLEN k"), ":0");
  run_words({"SET", "k", std::string("a\0b", 3)});
  EXPECT_EQ(run("STRLEN k"), ":3");
}

COMMAND_TEST("setrange", SetrangeFillsWithZeros) {
  EXPECT_EQ(run("SETRANGE k 2 ab"), ":4");
  EXPECT_EQ(run("GET k"), std::string("\"\0\0ab\"", 6));
  EXPECT_EQ(run("SETRANGE k 0 x"), ":4");
  EXPECT_EQ(run("GET k"), std::string("\"x\0ab\"", 6));
  EXPECT_EQ(run("SETRANGE k 3 yz"), ":5");
  EXPECT_EQ(run("GET k"), std::string("\"x\0ayz\"", 7));
}

COMMAND_TEST("setrange", SetrangeOfNothingChangesNothing) {
  EXPECT_EQ(run("SETRANGE k 5 ''"), ":0");
  EXPECT_EQ(run("EXISTS k"), ":0");
  run("SET k abc");
  EXPECT_EQ(run("SETRANGE k 600000000 ''"), ":3");
  EXPECT_EQ(run("STRLEN k"), ":3");
}

COMMAND_TEST("setrange", SetrangeRefusesOffsetsOutOfRange) {
  EXPECT_EQ(run("SETRANGE k -1 x"), "-ERR offset is out of range");
  EXPECT_EQ(run("SETRANGE k x y"), "-ERR value is not an integer or out of range");
  const std::string too_long = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
  EXPECT_EQ(run("SETRANGE k 536870912 x"), too_long);
  EXPECT_EQ(run("SETRANGE k 536870911 xy"), too_long);
  EXPECT_EQ(run("SETRANGE k 9223372036854775807 x"), too_long);
  EXPECT_EQ(run("EXISTS k"), ":0");
}

COMMAND_TEST("getrange", GetrangeCountsFromBothEnds) {
  run("SET k abcdef");
  EXPECT_EQ(run("GETRANGE k 0 -1"), "\"abcdef\"");
  EXPECT_EQ(run("GETRANGE k 1 3"), "\"bcd\"");
  EXPECT_EQ(run("GETRANGE k -3 -2"), "\"de\"");
  EXPECT_EQ(run("GETRANGE k -100 100"), "\"abcdef\"");
  EXPECT_EQ(run("GETRANGE k 4 2"), "\"\"");
  EXPECT_EQ(run("GETRANGE k -1 -3"), "\"\"");
  EXPECT_EQ(run("GETRANGE k -100 -200"), "\"\"");  // both before the first byte, and the wrong way round
  EXPECT_EQ(run("GETRANGE k 6 10"), "\"\"");
  EXPECT_EQ(run("GETRANGE k 0 -100"), "\"a\"");  // as in Redis: the end stops at the first byte
  EXPECT_EQ(run("GETRANGE k -9223372036854775808 9223372036854775807"), "\"abcdef\"");
  EXPECT_EQ(run("GETRANGE missing 0 -1"), "\"\"");
  EXPECT_EQ(run("GETRANGE k 0 x"), "-ERR value is not an integer or out of range");
}

COMMAND_TEST("getrange", GetrangeTakesPartsOfLargeValues) {
  std::string large(50'000, 'a');
  large[20'000] = 'X';
  large[40'000] = 'Y';
  run_words({"SET", "k", large});
  EXPECT_EQ(run("GETRANGE k 20000 40000"), "\"" + large.substr(20'000, 20'001) + "\"");
}

// Pieces around the size from which values are large, and small ones.
rc::Gen<std::string> piece() {
  const auto size = rc::gen::oneOf(rc::gen::inRange<std::size_t>(0, 20), rc::gen::inRange<std::size_t>(8'180, 8'205));
  return rc::gen::map(rc::gen::pair(size, rc::gen::inRange('a', 'z')),
                      [](const auto& made) { return std::string(made.first, static_cast<char>(made.second)); });
}

COMMAND_TEST("setrange", PartsOfStringsAgreeWithAStringInMemory) {
  EXPECT_TRUE(rc::check("SET, APPEND, SETRANGE, GETRANGE and STRLEN do what std::string does", [this] {
    run("DEL k");
    std::string model;
    const auto steps = *rc::gen::inRange(1, 20);
    for (int step = 0; step < steps; ++step) {
      const std::string bytes = *piece();
      const auto offset = *rc::gen::inRange<std::size_t>(0, model.size() + 10);
      switch (*rc::gen::inRange(0, 4)) {
        case 0:
          run_words({"SET", "k", bytes});
          model = bytes;
          break;
        case 1:
          run_words({"APPEND", "k", bytes});
          model += bytes;
          break;
        case 2:
          run_words({"SETRANGE", "k", std::to_string(offset), bytes});
          if (bytes.empty()) break;
          model.resize(std::max(model.size(), offset + bytes.size()));
          model.replace(offset, bytes.size(), bytes);
          break;
        default: {
          const auto end = *rc::gen::inRange<std::size_t>(0, model.size() + 10);
          const std::string part = offset <= end && offset < model.size() ? model.substr(offset, end - offset + 1) : "";
          RC_ASSERT(run_words({"GETRANGE", "k", std::to_string(offset), std::to_string(end)}) == "\"" + part + "\"");
        }
      }
      RC_ASSERT(run("STRLEN k") == ":" + std::to_string(model.size()));
      RC_ASSERT(run("GETRANGE k 0 -1") == "\"" + model + "\"");
    }
  }));
}

COMMAND_TEST("mset", MsetTakesLargeValuesAmongSmallOnes) {
  const std::string x(20'000, 'x');
  const std::string y(9'000, 'y');
  run_words({"MSET", "a", x, "b", "small", "c", y});
  EXPECT_EQ(run("MGET a b c"), "[\"" + x + "\", \"small\", \"" + y + "\"]");
}

COMMAND_TEST("substr", SubstrIsGetrange) {
  run("SET k abcdef");
  EXPECT_EQ(run("SUBSTR k 1 2"), "\"bc\"");
}

COMMAND_TEST("mget", MgetAnswersNullForMissingKeys) {
  run("SET a 1");
  run("SET c 3");
  EXPECT_EQ(run("MGET a b c a"), "[\"1\", nil, \"3\", \"1\"]");
}

COMMAND_TEST("mset", MsetSetsPairsAndTheLastOfEqualKeysWins) {
  EXPECT_EQ(run("MSET a 1 b 2 a 3"), "+OK");
  EXPECT_EQ(run("MGET a b"), "[\"3\", \"2\"]");
}

COMMAND_TEST("mset", MsetRefusesAKeyWithoutValue) {
  EXPECT_EQ(run("MSET a 1 b"), "arity(mset)");
  EXPECT_EQ(run("MSET a"), "arity(mset)");
  EXPECT_EQ(run("EXISTS a"), ":0");
}

COMMAND_TEST("msetnx", MsetnxSetsAllOrNothing) {
  EXPECT_EQ(run("MSETNX a 1 b 2"), ":1");
  EXPECT_EQ(run("MSETNX c 3 b 4"), ":0");
  EXPECT_EQ(run("MGET a b c"), "[\"1\", \"2\", nil]");
  EXPECT_EQ(run("MSETNX a 1 b"), "arity(msetnx)");
}

}  // namespace
}  // namespace kvstore::commands
