#include "protocol/json_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <string>

#include "protocol/json_validator.h"

namespace kvstore::protocol {
namespace {

using namespace std::string_literals;

std::string escaped(std::string_view text, BadUtf8 bad = BadUtf8::kReplace) {
  std::string out(escaped_size(text, bad), '?');
  EXPECT_EQ(escape(text, bad, out.data()), out.data() + out.size());
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out(base64_size(bytes.size()), '?');
  EXPECT_EQ(write_base64(bytes, out.data()), out.data() + out.size());
  return out;
}

// "<none>" when `text` is not wholly one literal that stands for text.
std::string decoded(std::string_view text) {
  const std::size_t length = match_string_literal(text).length;
  if (length == 0 || length != text.size()) return "<none>";
  std::string out(text.size(), '?');
  out.resize(static_cast<std::size_t>(decode_string_literal(text, out.data()) - out.data()));
  return out;
}

TEST(JsonText, EscapesAsPythonDoes) {
  EXPECT_EQ(escaped("plain / text \x7f"), "plain / text \x7f");
  EXPECT_EQ(escaped("a\"b\\c\nd\re\tf\bg\fh"), R"(a\"b\\c\nd\re\tf\bg\fh)");
  EXPECT_EQ(escaped("\0\x01\x1f"s), R"(\u0000\u0001\u001f)");
  EXPECT_EQ(escaped("caf\u00e9 \u20ac \U0001F600"), "caf\u00e9 \u20ac \U0001F600");
  EXPECT_EQ(escaped("seven77\n", BadUtf8::kAbsent), "seven77\\n");
}

TEST(JsonText, EveryBadByteIsReplacedOnItsOwn) {
  EXPECT_EQ(escaped("\xff"), "\\ufffd");
  EXPECT_EQ(escaped("a\xe2\x82"
                    "b"),
            "a\\ufffd\\ufffdb");
  EXPECT_EQ(escaped("\xc0\xaf"), "\\ufffd\\ufffd");                        // overlong
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");             // surrogate
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd");  // beyond U+10FFFF
  EXPECT_EQ(escaped("12345678\xff\u00e9\"12345678"), "12345678\\ufffd\u00e9\\\"12345678");
}

TEST(JsonText, Base64PadsToFour) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("\xff\xfe\xfd\xfc"), "//79/A==");
}

TEST(JsonText, DecodesStringLiterals) {
  EXPECT_EQ(decoded(R"("")"), "");
  EXPECT_EQ(decoded(R"("a\"b\\c\/d\b\f\n\r\t")"), "a\"b\\c/d\b\f\n\r\t");
  EXPECT_EQ(decoded(R"("\u0041\u00e9\u20AC\uD83D\uDE00")"), "A\u00e9\u20ac\U0001F600");
  EXPECT_EQ(decoded(R"("\u0000")"), "\0"s);
  EXPECT_EQ(decoded("\"caf\u00e9\""), "caf\u00e9");
}

TEST(JsonText, RefusesWhatIsNoStringLiteral) {
  for (const char* text : {R"()", R"(")", R"("a)", R"("a\")", R"("\q")", R"("\u12")", R"("\u12G4")", R"("a" )",
                           R"('a')", "\"a\nb\"", "\"a\tb\"", "\"\xff\"", "\"\xe2\x82\"", R"("\ud83d")", R"("\ude00")",
                           R"("\ud83d\u0041")", R"("\ud83dx")", R"("\ude00\ud83d")"}) {
    EXPECT_EQ(decoded(text), "<none>") << text;
  }
  EXPECT_EQ(decoded("\"\\\0\""s), "<none>");
}

TEST(JsonValidator, AcceptsExactlyOneText) {
  JsonValidator validator;
  for (const char* text : {"0",
                           "-0",
                           "42",
                           "-1.5e+10",
                           "1E400",
                           "123456789012345678901234567890",
                           "0.1",
                           "true",
                           "false",
                           "null",
                           R"("")",
                           R"("x\u00e9")",
                           "{}",
                           "[]",
                           "[1, 2,3]",
                           R"({"a": {"b": [{}, []]}})",
                           " 42 ",
                           "\n{\r\n\t\"a\" : 1\n}\n",
                           R"("\ud800")",
                           R"([[[[[[]]]]]])",
                           R"({"a":1,"a":2})"}) {
    EXPECT_TRUE(validator.valid(text)) << text;
  }
  for (const char* text : {"",
                           " ",
                           "john",
                           "007",
                           "+1",
                           ".5",
                           "1.",
                           "1e",
                           "1e+",
                           "-",
                           "- 1",
                           "0x10",
                           "tru",
                           "True",
                           "truex",
                           "nul",
                           "NaN",
                           "'a'",
                           R"("a)",
                           R"("a" "b")",
                           "1 2",
                           "{} {}",
                           "[",
                           "]",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{",
                           "}",
                           R"({"a"})",
                           R"({"a":})",
                           R"({"a":1,})",
                           R"({a:1})",
                           R"({"a":1)",
                           "[}",
                           "{]",
                           R"({"a":1])",
                           "[1}",
                           R"({1:2})",
                           "[1],",
                           "\"a\nb\"",
                           "\"\xff\"",
                           "[\"\xc0\xaf\"]",
                           "1\v",
                           "\xef\xbb\xbf"
                           "1"}) {
    EXPECT_FALSE(validator.valid(text)) << text;
  }
  EXPECT_FALSE(validator.valid("1\0"s));
}

TEST(JsonValidator, DepthIsLimitedOnlyByTheText) {
  JsonValidator validator;
  for (const std::size_t depth : {63U, 64U, 65U, 128U, 129U, 1'000'000U}) {
    std::string text;
    std::string closing;
    for (std::size_t i = 0; i < depth; ++i) {
      const bool object = i % 3 == 0;
      text += object ? R"({"":)" : "[";
      closing += object ? '}' : ']';
    }
    const std::string whole = text + "1" + std::string(closing.rbegin(), closing.rend());
    EXPECT_TRUE(validator.valid(whole)) << depth;
    EXPECT_FALSE(validator.valid(whole.substr(0, whole.size() - 1))) << depth;
    std::string wrong = whole;
    wrong[wrong.size() - 1 - depth / 2] = whole[whole.size() - 1 - depth / 2] == ']' ? '}' : ']';
    EXPECT_FALSE(validator.valid(wrong)) << depth;
    EXPECT_TRUE(validator.valid("[]")) << depth;
  }
}

// Text that is JSON or nearly so.
rc::Gen<std::string> json_like() {
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(std::vector<std::string>{
                          "{",    "}", "[",  "]",  ",",      ":", "\"a\"", "\"\\n\"", "1",  "-2.5", "true",
                          "null", " ", "\n", "\"", "\u00e9", "0", "e",     "{\"k\":", "[]", "\xff"})),
                      [](const std::vector<std::string>& parts) {
                        std::string text;
                        for (const std::string& part : parts) text += part;
                        return text;
                      });
}

RC_GTEST_PROP(JsonValidatorProperty, AgreesWithSimdjson, ()) {
  const std::string text = *json_like();
  // simdjson refuses numbers beyond 64 bits and doubles out of range; the grammar does not.
  RC_PRE(std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) < 15);
  JsonValidator validator;
  simdjson::dom::parser parser;
  RC_ASSERT(validator.valid(text) == (parser.parse(text).error() == simdjson::SUCCESS));
}

RC_GTEST_PROP(JsonTextProperty, Utf8AgreesWithSimdjson, (const std::string& bytes)) {
  const auto high =
      *rc::gen::container<std::string>(rc::gen::elementOf("\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9\xed\xa0z"s));
  for (const std::string& text : {bytes, high}) {
    const bool valid = simdjson::validate_utf8(text.data(), text.size());
    RC_ASSERT(is_utf8(text) == valid);
    RC_ASSERT((escaped(text).find("\\ufffd") == std::string::npos) == valid);
  }
}

RC_GTEST_PROP(JsonTextProperty, EscapedTextDecodesToItself, (const std::string& bytes)) {
  const std::string literal = "\"" + escaped(bytes) + "\"";
  RC_ASSERT(match_string_literal(literal).length == literal.size());
  if (is_utf8(bytes)) RC_ASSERT(decoded(literal) == bytes);
}

}  // namespace
}  // namespace kvstore::protocol
