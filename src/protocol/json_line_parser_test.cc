#include "protocol/json_line_parser.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "protocol/json_text.h"
#include "protocol/test_support.h"

namespace kvstore::protocol {
namespace {

using test::closing;
using test::failure;
using test::Outcome;
using test::request;
using test::Words;
using namespace std::string_literals;

std::vector<Outcome> parse(std::string_view input, const ParserLimits& limits = {}) {
  return test::parse_every_way<JsonLineParser>(input, limits);
}

std::vector<Outcome> just(Outcome outcome) { return {std::move(outcome)}; }

// Lines and the words they stand for; each is also parsed with CR LF, and all of them as one pipeline.
using Table = std::vector<std::pair<std::string, Words>>;

void expect_lines(const Table& table) {
  std::string pipeline;
  std::vector<Outcome> all;
  for (const auto& [line, words] : table) {
    EXPECT_EQ(parse(line + "\n"), just(request(words))) << line;
    EXPECT_EQ(parse(line + "\r\n"), just(request(words))) << line;
    pipeline += line + "\n";
    all.push_back(request(words));
  }
  EXPECT_EQ(test::parse_pieces<JsonLineParser>({pipeline}, {}), all);
}

TEST(JsonLineParser, TheWorkedExamplesOfTheProtocol) {
  expect_lines({
      {R"(SET username "john")", {"SET", "username", "john"}},
      {"GET username", {"GET", "username"}},
      {"DELETE username", {"DELETE", "username"}},
      {"PING", {"PING"}},
      {R"(SET mykey "hello world")", {"SET", "mykey", "hello world"}},
      {"SET mykey hello world", {"SET", "mykey", "hello world"}},
      {R"(SET counter "42")", {"SET", "counter", "42"}},
      {R"(SET data '{"name": "Alice", "age": 30}')", {"SET", "data", R"({"name": "Alice", "age": 30})"}},
      {R"(SET product:1 "{"name": "Laptop", "price": 999}")",
       {"SET", "product:1", R"({"name": "Laptop", "price": 999})"}},
      {R"(SET config:debug "true")", {"SET", "config:debug", "true"}},
      {R"(SET s ""hello"")", {"SET", "s", R"("hello")"}},
      {R"(SET s ""a\"b"")", {"SET", "s", R"("a\"b")"}},
      {R"(SET s "a\nb")", {"SET", "s", "a\nb"}},
      {R"(SET s "")", {"SET", "s", ""}},
      {R"(SET s "007")", {"SET", "s", "007"}},
      {R"(SET s "x" EX 60)", {"SET", "s", "x", "EX", "60"}},
      {"SET s it's 5 o'clock", {"SET", "s", "it's 5 o'clock"}},
  });
}

TEST(JsonLineParser, WordsStandApartByBlanks) {
  expect_lines({
      {"get  \t a\t", {"get", "a"}},
      {" \tMGET a b", {"MGET", "a", "b"}},
      {R"(GET "my key")", {"GET", "my key"}},
      {"GET 'my key'", {"GET", "my key"}},
      {R"(MGET "a\nb" "\u00e9" "\uD83D\uDE00" "")", {"MGET", "a\nb", "\u00e9", "\U0001F600", ""}},
      {"ECHO ''", {"ECHO", ""}},
      {R"("GET" 'k')", {"GET", "k"}},
      {"GET a\0b"s, {"GET", "a\0b"s}},
      {"GET \xff\xfe", {"GET", "\xff\xfe"}},
      {"GET a\vb\fc", {"GET", "a\vb\fc"}},
      {"*1", {"*1"}},
  });
}

TEST(JsonLineParser, AQuotedWordThatIsNoJsonLiteralIsTheBytesBetweenItsQuotes) {
  expect_lines({
      {R"(GET "C:\dir" x)", {"GET", R"(C:\dir)", "x"}},
      {R"(GET "C:\" x)", {"GET", R"(C:\)", "x"}},
      {R"(GET "\ud83d")", {"GET", R"(\ud83d)"}},
      {"GET \"a\tb\"", {"GET", "a\tb"}},
      {"GET \"\\n\xff\"", {"GET", "\\n\xff"}},
      {R"(GET 'a\nb' 'it's')", {"GET", R"(a\nb)", "it's"}},
      {R"(GET "a"b" c)", {"GET", R"(a"b)", "c"}},
  });
}

TEST(JsonLineParser, AnUnbalancedQuoteIsPartOfItsWord) {
  expect_lines({
      {R"(GET "a b)", {"GET", R"("a)", "b"}},
      {"GET 'a b", {"GET", "'a", "b"}},
      {R"(GET "a"b)", {"GET", R"("a"b)"}},
      {R"(GET ")", {"GET", R"(")"}},
      {"GET it's", {"GET", "it's"}},
      {R"(GET a"b c")", {"GET", R"(a"b)", R"(c")"}},
      {R"(GET "a 'b c')", {"GET", R"("a)", "b c"}},
  });
}

TEST(JsonLineParser, SetTakesTheRestOfTheLine) {
  expect_lines({
      {"SET k a  b\tc \t ", {"SET", "k", "a  b\tc"}},
      {"set 'my key' a b", {"set", "my key", "a b"}},
      {R"("SeT" "k" "v")", {"SeT", "k", "v"}},
      {"SET k", {"SET", "k"}},
      {"SET k  ", {"SET", "k"}},
      {"SET", {"SET"}},
      {"SET k v EX 10", {"SET", "k", "v EX 10"}},
      {R"(SET k ")", {"SET", "k", R"(")"}},
      {R"(SET k '')", {"SET", "k", ""}},
      {R"(SET k "a" "b")", {"SET", "k", R"(a" "b)"}},
      {R"(SET k "a\q")", {"SET", "k", R"(a\q)"}},
      {R"(SET k 'a\nb')", {"SET", "k", R"(a\nb)"}},
      {R"(SET k "a')", {"SET", "k", R"("a')"}},
      {R"(SET k "\ud83d")", {"SET", "k", R"(\ud83d)"}},
      {R"(SET k "\ud83d\ude00\u00E9\/")", {"SET", "k", "\U0001F600\u00e9/"}},
      {R"(SET k say "hi")", {"SET", "k", R"(say "hi")"}},
      {R"(SET k "say" hi)", {"SET", "k", R"("say" hi)"}},
      {"SET k \"\xff\\n\"", {"SET", "k", "\xff\\n"}},
      {"SET k a\0b"s, {"SET", "k", "a\0b"s}},
  });
}

TEST(JsonLineParser, SetOptionsCountOnlyBehindAQuotedValue) {
  expect_lines({
      {R"(SET k "v" EX 10 NX)", {"SET", "k", "v", "EX", "10", "NX"}},
      {R"(SET k 'v' px 10 xx get)", {"SET", "k", "v", "px", "10", "xx", "get"}},
      {R"(SET k "a\nb"  EXAT 1  KEEPTTL )", {"SET", "k", "a\nb", "EXAT", "1", "KEEPTTL"}},
      {R"(SET k "" PXAT -5)", {"SET", "k", "", "PXAT", "-5"}},
      {R"(SET k "v" EX 99999999999999999999)", {"SET", "k", "v", "EX", "99999999999999999999"}},
      {R"(SET k 'it's' EX 10)", {"SET", "k", "it's", "EX", "10"}},
      {R"(SET k 'a' b' EX 10)", {"SET", "k", "a' b", "EX", "10"}},
      {R"(SET k "v" NX NX)", {"SET", "k", "v", "NX", "NX"}},
      // What does not fit leaves the whole rest to be the value.
      {R"(SET k "v" EX)", {"SET", "k", R"("v" EX)"}},
      {R"(SET k "v" EX ten)", {"SET", "k", R"("v" EX ten)"}},
      {R"(SET k "v" EX 1.5)", {"SET", "k", R"("v" EX 1.5)"}},
      {R"(SET k "v" EX -)", {"SET", "k", R"("v" EX -)"}},
      {R"(SET k "v" NX FOO)", {"SET", "k", R"("v" NX FOO)"}},
      {R"(SET k "v"EX 10)", {"SET", "k", R"("v"EX 10)"}},
      {R"(SET k "a\q" EX 10)", {"SET", "k", R"("a\q" EX 10)"}},
      {R"(SET k "{"a": 1}" EX 10)", {"SET", "k", R"("{"a": 1}" EX 10)"}},
      {R"(SET k 'v EX 10)", {"SET", "k", "'v EX 10"}},
      {R"(SET k "v" "EX" 10)", {"SET", "k", R"("v" "EX" 10)"}},
  });
}

TEST(JsonLineParser, EmptyLinesAreIgnoredAndOneCarriageReturnIsDropped) {
  EXPECT_EQ(parse("\n\r\n  \t\r\nPING\r\n\n"), just(request({"PING"})));
  EXPECT_EQ(parse("GET a\r\r\n"), just(request({"GET", "a\r"})));
  EXPECT_EQ(parse("GET a\rb\n"), just(request({"GET", "a\rb"})));
}

TEST(JsonLineParser, AnIncompleteLineIsNoRequest) { EXPECT_EQ(parse("GET a"), std::vector<Outcome>{}); }

TEST(JsonLineParser, HttpRequestsCloseTheConnectionBeforeAnythingRuns) {
  for (const char* first_line :
       {"POST / HTTP/1.1", "POST /x", "POST ", "post / HTTP/1.1", "GET / HTTP/1.1", "GET /a?b=c HTTP/1.0",
        "HEAD / HTTP/1.1", "PUT /k HTTP/1.1", "DELETE /k HTTP/1.1", "OPTIONS * HTTP/1.1", "PATCH / HTTP/1.1",
        "TRACE / HTTP/1.1", "CONNECT h:1 HTTP/1.1", "PRI * HTTP/2.0", "Host: localhost", "host:x"}) {
    EXPECT_EQ(parse(std::string(first_line) + "\r\nSET k v\r\n"), just(closing())) << first_line;
    EXPECT_EQ(parse("\r\n" + std::string(first_line) + "\nSET k v\r\n"), just(closing())) << first_line;
  }
}

TEST(JsonLineParser, PostAndHostCloseTheConnectionOnEveryLine) {
  for (const char* line : {"POST / HTTP/1.1", "POST x", "Host: localhost", " host: localhost"}) {
    EXPECT_EQ(parse("PING\n" + std::string(line) + "\nSET k v\n"), (std::vector<Outcome>{request({"PING"}), closing()}))
        << line;
  }
}

TEST(JsonLineParser, CommandsThatOnlyLookLikeHttpAreCommands) {
  expect_lines({
      {"GET /index.html", {"GET", "/index.html"}},
      {"GET HTTP/1.1", {"GET", "HTTP/1.1"}},
      {"SET page HTTP/1.1", {"SET", "page", "HTTP/1.1"}},
      {"SET k POST / HTTP/1.1", {"SET", "k", "POST / HTTP/1.1"}},
      {"GET a HTTP/x", {"GET", "a", "HTTP/x"}},
      {"POSTS a", {"POSTS", "a"}},
      {"GET Host:", {"GET", "Host:"}},
  });
  EXPECT_EQ(parse("PING\nGET a HTTP/1.1\n"),
            (std::vector<Outcome>{request({"PING"}), request({"GET", "a", "HTTP/1.1"})}));
}

TEST(JsonLineParser, ALineOverTheLimitIsAnErrorAtTheLimit) {
  ParserLimits limits;
  limits.line_bytes_max = 10;
  const auto error = just(failure("ERR Request line exceeds the limit of 10 bytes"));
  EXPECT_EQ(parse("GET 567890\n", limits), just(request({"GET", "567890"})));
  EXPECT_EQ(parse("GET 56789\r\n", limits), just(request({"GET", "56789"})));
  EXPECT_EQ(parse("GET 5678901\n", limits), error);
  EXPECT_EQ(parse("GET 5678901", limits), error);
  EXPECT_EQ(parse("GET 567890", limits), std::vector<Outcome>{});
}

TEST(JsonLineParser, ALineOfOpeningQuotesIsReadInLinearTime) {
  // A parser that looks for every closing quote afresh would need 10^11 steps here.
  for (const char* word : {"\"a ", "'a ", "\"\\\" ", "\"a 'b "}) {
    std::string line = "MGET";
    for (int i = 0; i < 400'000; ++i) line += std::string(" ") + word;
    line += '\n';
    JsonLineParser parser;
    std::vector<std::string_view> words;
    base::Scratch scratch;
    EXPECT_EQ(parser.parse(line, words, scratch).consumed, line.size());
    EXPECT_GE(words.size(), 400'001U);
  }
}

RC_GTEST_PROP(JsonLineParserProperty, AnyValueSurvivesASetInSingleQuotes, (std::string value)) {
  std::replace(value.begin(), value.end(), '\n', ' ');
  RC_ASSERT(test::parse_pieces<JsonLineParser>({"SET k '" + value + "'\n"}, {}) == just(request({"SET", "k", value})));
}

RC_GTEST_PROP(JsonLineParserProperty, AnyTextSurvivesAsAJsonLiteral, (std::vector<std::string> texts)) {
  texts.insert(texts.begin(), "SET");
  if (texts.size() > 3) texts.resize(3);
  std::string line;
  for (std::string& text : texts) {
    if (!is_utf8(text)) text = "\u20ac";
    std::string literal(escaped_size(text, BadUtf8::kAbsent), '?');
    static_cast<void>(escape(text, BadUtf8::kAbsent, literal.data()));
    line += '"' + literal + "\" ";
  }
  RC_ASSERT(test::parse_pieces<JsonLineParser>({line + "\n"}, {}) == just(request(texts)));
  texts[0] = "MGET";
  RC_ASSERT(test::parse_pieces<JsonLineParser>({"MGET" + line.substr(5) + "\n"}, {}) == just(request(texts)));
}

RC_GTEST_PROP(JsonLineParserProperty, AnyBytesParseTheSameInOnePieceAndInMany, ()) {
  const auto bytes = *rc::gen::container<std::string>(rc::gen::weightedOneOf<char>(
      {{8, rc::gen::elementOf("SETkN X\"'\\\n\r 1\t"s)}, {1, rc::gen::arbitrary<char>()}}));
  ParserLimits limits;
  limits.line_bytes_max = 50;
  for (const char* start : {"", "SET k ", "GET k\n"}) {
    const auto outcomes = parse(start + bytes, limits);
    RC_ASSERT(!test::depends_on_pieces(outcomes));
  }
}

}  // namespace
}  // namespace kvstore::protocol
