#include "protocol/resp_parser.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "protocol/test_support.h"

namespace kvstore::protocol {
namespace {

using test::failure;
using test::Outcome;
using test::request;
using test::Words;
using namespace std::string_literals;

std::vector<Outcome> parse(std::string_view input, const ParserLimits& limits = {}) {
  return test::parse_every_way<RespParser>(input, limits);
}

std::vector<Outcome> just(Outcome outcome) { return {std::move(outcome)}; }
std::vector<Outcome> protocol_error(const std::string& text) { return {failure("ERR Protocol error: " + text)}; }

std::string encode(const Words& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return bytes;
}

TEST(RespParser, ReadsAnArrayOfBulkStrings) {
  EXPECT_EQ(parse("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n"), just(request({"SET", "k", "hello"})));
}

TEST(RespParser, ReadsEmptyAndBinaryWords) {
  const std::string binary = "\r\n$1\r\n\0*\xff"s;
  EXPECT_EQ(parse(encode({"ECHO", "", binary})), just(request({"ECHO", "", binary})));
}

TEST(RespParser, ReadsPipelinedRequestsOfBothKindsInOrder) {
  EXPECT_EQ(
      parse("*1\r\n$4\r\nPING\r\nECHO 'a b'\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nQUIT\n"),
      (std::vector<Outcome>{request({"PING"}), request({"ECHO", "a b"}), request({"GET", "k"}), request({"QUIT"})}));
}

TEST(RespParser, EmptyAndNegativeArraysAreNoRequest) {
  EXPECT_EQ(parse("*0\r\n*-1\r\n*-10\r\nPING\r\n"), just(request({"PING"})));
}

TEST(RespParser, RefusesBadArrayLengths) {
  for (const char* length : {"", "x", "03", "+3", "-0", "1 ", " 1", "3000000000", "99999999999999999999", "1\n"}) {
    EXPECT_EQ(parse("*" + std::string(length) + "\r\nPING\r\n"), protocol_error("invalid multibulk length")) << length;
  }
  EXPECT_EQ(parse("*1\rx$4"), protocol_error("invalid multibulk length"));
}

TEST(RespParser, RefusesMoreWordsThanAllowed) {
  ParserLimits limits;
  limits.args_max = 2;
  EXPECT_EQ(parse("*2\r\n$1\r\na\r\n$1\r\nb\r\n*3\r\n", limits),
            (std::vector<Outcome>{request({"a", "b"}), failure("ERR Protocol error: invalid multibulk length")}));
}

TEST(RespParser, RefusesWhatIsNotABulkString) {
  EXPECT_EQ(parse("*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n"), protocol_error("expected '$', got 'f'"));
  EXPECT_EQ(parse("*1\r\nfoo\r\n"), protocol_error("expected '$', got 'f'"));
  EXPECT_EQ(parse("*1\r\n\r\n"), protocol_error("expected '$', got '\r'"));
}

TEST(RespParser, RefusesBadBulkLengths) {
  for (const char* length : {"", "-1", "-10", "blabla", "01", "+1", "2000000000", "99999999999999999999", "1\n"}) {
    EXPECT_EQ(parse("*2\r\n$3\r\nGET\r\n$" + std::string(length) + "\r\nx\r\n"), protocol_error("invalid bulk length"))
        << length;
  }
}

TEST(RespParser, RefusesBulkStringsThatGoOnBehindTheirLength) {
  EXPECT_EQ(parse("*1\r\n$4\r\nPINGS\r\n"), protocol_error("expected CRLF after bulk string"));
  EXPECT_EQ(parse("*1\r\n$4\r\nPING\rX"), protocol_error("expected CRLF after bulk string"));
}

TEST(RespParser, AShortBadLengthIsFoundBehindALengthThatCameInPieces) {
  EXPECT_EQ(parse("*3\r\n$\r\n"), protocol_error("invalid bulk length"));
  EXPECT_EQ(parse("*2\r\n$1000000000000\r\n"), protocol_error("invalid bulk length"));
  EXPECT_EQ(parse("*2\r\n$12\r\n123456789012\r\n$\r\n"), protocol_error("invalid bulk length"));
}

TEST(RespParser, TheBulkLimitIsInclusive) {
  ParserLimits limits;
  limits.bulk_bytes_max = 12;
  EXPECT_EQ(parse("*1\r\n$12\r\n123456789012\r\n", limits), just(request({"123456789012"})));
  EXPECT_EQ(parse("*1\r\n$13\r\n", limits), protocol_error("invalid bulk length"));
}

TEST(RespParser, RefusesARequestLargerThanAllowedBeforeItArrives) {
  ParserLimits limits;
  limits.request_bytes_max = 30;
  EXPECT_EQ(parse("*2\r\n$9\r\n123456789\r\n$9\r\n", limits), protocol_error("request exceeds the limit of 30 bytes"));
}

TEST(RespParser, RefusesEndlessLinesAtTheLimitOnly) {
  ParserLimits limits;
  limits.inline_bytes_max = 16;
  const std::string digits(15, '1');
  EXPECT_EQ(parse("*" + digits, limits), std::vector<Outcome>{});
  EXPECT_EQ(parse("*" + digits + "1", limits), protocol_error("too big mbulk count string"));
  EXPECT_EQ(parse("*1\r\n$" + digits, limits), std::vector<Outcome>{});
  EXPECT_EQ(parse("*1\r\n$" + digits + "1", limits), protocol_error("too big bulk count string"));
  EXPECT_EQ(parse("PING 78901234567\n", limits), just(request({"PING", "78901234567"})));
  EXPECT_EQ(parse("PING 789012345678\n", limits), protocol_error("too big inline request"));
}

TEST(RespParser, InlineWordsAreQuotedAsRedisQuotesThem) {
  const std::vector<std::pair<std::string, Words>> table = {
      {"SET k v", {"SET", "k", "v"}},
      {"  SET \t k\v\fv  ", {"SET", "k\v\fv"}},
      {R"(SET "a b" 'c d')", {"SET", "a b", "c d"}},
      {R"(SET "\x41\x0a\n\r\t\b\a\\\"\q" x)", {"SET", "A\n\n\r\t\b\a\\\"q", "x"}},
      {R"(SET "\xZ1" "\x4")", {"SET", "xZ1", "x4"}},
      {R"(SET 'it\'s' 'a\nb')", {"SET", "it's", "a\\nb"}},
      {R"(SET pre"fix ed" p're fix')", {"SET", "prefix ed", "pre fix"}},
      {R"(SET "" '')", {"SET", "", ""}},
      {R"(SET back\slash)", {"SET", "back\\slash"}},
      {"SET a\0b \"c\0\""s, {"SET", "a\0b"s, "c\0"s}},
  };
  for (const auto& [line, words] : table) {
    EXPECT_EQ(parse(line + "\r\n"), just(request(words))) << line;
    EXPECT_EQ(parse(line + "\n"), just(request(words))) << line;
  }
}

TEST(RespParser, RefusesUnbalancedQuotes) {
  for (const char* line : {R"(set """test-key""" test-value)", R"(GET "a)", R"(GET 'a)", R"(GET "a"b)", R"(GET 'a'b)",
                           R"(GET "a\")", R"(GET a"b"c)", R"(GET ")", R"(GET "\)"}) {
    EXPECT_EQ(parse(std::string(line) + "\r\nPING\r\n"), protocol_error("unbalanced quotes in request")) << line;
  }
}

TEST(RespParser, AnnouncedLengthsTakeNoMemoryAndNoTime) {
  // Each of these would be gigabytes if the parser believed it.
  EXPECT_EQ(parse("*1048576\r\n$536870912\r\nx"), std::vector<Outcome>{});
}

TEST(RespParser, ALargeRequestInSmallPiecesKeepsItsWords) {
  Words words(1000, "word");
  words.push_back(std::string(100'000, 'x'));
  const std::string bytes = encode(words);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
    RespParser parser;
    std::vector<std::string_view> parsed;
    base::Scratch scratch;
    std::size_t given = 0;
    ParseResult result;
    while (result.status == ParseStatus::kIncomplete && given < bytes.size()) {
      given = std::min(given + step, bytes.size());
      result = parser.parse(std::string_view(bytes).substr(0, given), parsed, scratch);
    }
    ASSERT_EQ(result.status, ParseStatus::kRequest);
    EXPECT_EQ(result.consumed, bytes.size());
    EXPECT_EQ(Words(parsed.begin(), parsed.end()), words);
  }
}

RC_GTEST_PROP(RespParserProperty, AnyWordsComeBackHoweverTheyAreCut, (const std::vector<Words>& requests)) {
  std::string bytes;
  std::vector<Outcome> expected;
  for (const Words& words : requests) {
    bytes += encode(words);
    if (!words.empty()) expected.push_back(request(words));
  }
  RC_ASSERT(test::parse_pieces<RespParser>({bytes}, {}) == expected);
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto length = *rc::gen::inRange<std::size_t>(1, 20);
    pieces.push_back(std::string_view(bytes).substr(at, length));
    at += length;
  }
  RC_ASSERT(test::parse_pieces<RespParser>(pieces, {}) == expected);
}

RC_GTEST_PROP(RespParserProperty, AnyBytesParseTheSameInOnePieceAndInMany, ()) {
  // Bytes that mean something to the parser, so that more than the first one is read.
  const auto bytes = *rc::gen::container<std::string>(
      rc::gen::weightedOneOf<char>({{8, rc::gen::elementOf("*$\r\n0123-\"'\\x "s)}, {1, rc::gen::arbitrary<char>()}}));
  ParserLimits limits;
  limits.inline_bytes_max = 20;
  for (const char* start : {"", "*1\r\n", "*2\r\n$1\r\n"}) {
    const auto outcomes = parse(start + bytes, limits);
    RC_ASSERT(!test::depends_on_pieces(outcomes));
  }
}

RC_GTEST_PROP(RespParserProperty, AnyWordSurvivesInlineQuoting, (const std::string& word)) {
  std::string line = "ECHO \"";
  for (const char c : word) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    line += "\\x";
    line += kHex[byte >> 4U];
    line += kHex[byte & 15U];
  }
  RC_ASSERT(test::parse_pieces<RespParser>({line + "\"\n"}, {}) == just(request({"ECHO", word})));
}

}  // namespace
}  // namespace kvstore::protocol
