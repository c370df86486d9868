#include "protocol/json_writer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "protocol/json_text.h"
#include "protocol/test_support.h"

namespace kvstore::protocol {
namespace {

using namespace std::string_literals;

template <typename Reply>
std::string json(Reply reply) {
  JsonLineWriter writer;
  const std::string line = test::written(writer, reply);
  EXPECT_TRUE(line.ends_with('\n'));
  return line.substr(0, line.size() - 1);
}

// What GET answers, asserted to be the same for a small value and for a block.
std::string value(std::string_view bytes) {
  const std::string small = json([&](ReplyWriter& w) { w.bulk(bytes); });
  EXPECT_EQ(json([&](ReplyWriter& w) { w.bulk(base::SharedBytesRef::copy_of(bytes)); }), small);
  return small;
}

std::string ok_value(const std::string& text) { return R"({"status": "OK", "value": )" + text + "}"; }

TEST(JsonLineWriter, TheNativeRepliesOfTheProtocol) {
  EXPECT_EQ(json([](ReplyWriter& w) { w.key_set("username"); }),
            R"({"status": "OK", "message": "Key 'username' set"})");
  EXPECT_EQ(json([](ReplyWriter& w) { w.key_not_found("nonexistent"); }),
            R"({"status": "ERROR", "message": "Key 'nonexistent' not found"})");
  EXPECT_EQ(json([](ReplyWriter& w) { w.deleted(true); }), R"({"status": "OK"})");
  EXPECT_EQ(json([](ReplyWriter& w) { w.deleted(false); }), R"({"status": "ERROR"})");
  EXPECT_EQ(json([](ReplyWriter& w) { w.message("PONG"); }), R"({"status": "OK", "message": "PONG"})");
  const std::vector<std::string_view> words = {"FOO", "bar"};
  EXPECT_EQ(json([&](ReplyWriter& w) { w.unknown_command(words); }),
            R"({"status": "ERROR", "message": "Unknown command"})");
  EXPECT_EQ(json([](ReplyWriter& w) { w.wrong_arity("get"); }),
            R"({"status": "ERROR", "message": "Wrong number of arguments for 'GET'"})");
  EXPECT_EQ(json([](ReplyWriter& w) { w.wrong_arity("config|get"); }),
            R"({"status": "ERROR", "message": "Wrong number of arguments for 'CONFIG|GET'"})");
  EXPECT_EQ(json([](ReplyWriter& w) { w.ok(); }), R"({"status": "OK"})");
}

TEST(JsonLineWriter, ErrorsShowTheirCodeUnlessItIsErr) {
  EXPECT_EQ(json([](ReplyWriter& w) { w.error("syntax error"); }), R"({"status": "ERROR", "message": "syntax error"})");
  EXPECT_EQ(json([](ReplyWriter& w) { w.error("WRONGTYPE", "Operation \"x\""); }),
            R"({"status": "ERROR", "code": "WRONGTYPE", "message": "Operation \"x\""})");
}

TEST(JsonLineWriter, TheWorkedExamplesOfTheProtocol) {
  EXPECT_EQ(value("hello world"), ok_value(R"("hello world")"));
  EXPECT_EQ(value("42"), ok_value("42"));
  EXPECT_EQ(value(R"({"name": "Alice", "age": 30})"), ok_value(R"({"name": "Alice", "age": 30})"));
  EXPECT_EQ(value("true"), ok_value("true"));
  EXPECT_EQ(value(R"("hello")"), ok_value(R"("hello")"));
  EXPECT_EQ(value(R"("a\"b")"), ok_value(R"("a\"b")"));
  EXPECT_EQ(value("a\nb"), ok_value(R"("a\nb")"));
  EXPECT_EQ(value(""), ok_value(R"("")"));
  EXPECT_EQ(value("007"), ok_value(R"("007")"));
  EXPECT_EQ(value("it's 5 o'clock"), ok_value(R"("it's 5 o'clock")"));
}

TEST(JsonLineWriter, JsonIsEmbeddedToTheByteExceptForLineEnds) {
  EXPECT_EQ(value("1.50e+400"), ok_value("1.50e+400"));
  EXPECT_EQ(value("123456789012345678901234567890"), ok_value("123456789012345678901234567890"));
  EXPECT_EQ(value("{\r\n\t\"a\" :  1\n}\n"), ok_value("{  \t\"a\" :  1 } "));
  EXPECT_EQ(value(R"("\u00e9\/")"), ok_value(R"("\u00e9\/")"));
  EXPECT_EQ(value("[\"caf\u00e9\"]"), ok_value("[\"caf\u00e9\"]"));
  EXPECT_EQ(value("null"), ok_value("null"));
}

TEST(JsonLineWriter, OtherTextIsAJsonString) {
  EXPECT_EQ(value("tab\t quote\" back\\slash \x01 \x7f caf\u00e9 \U0001F600"),
            ok_value("\"tab\\t quote\\\" back\\\\slash \\u0001 \x7f caf\u00e9 \U0001F600\""));
  EXPECT_EQ(value("\0"s), ok_value(R"("\u0000")"));
  EXPECT_EQ(value("{broken"), ok_value(R"("{broken")"));
}

TEST(JsonLineWriter, OtherBytesAreBase64) {
  EXPECT_EQ(value("\xff\xfe"), R"({"status": "OK", "value_base64": "//4="})");
  EXPECT_EQ(value("\"\xff\""), R"({"status": "OK", "value_base64": "Iv8i"})");
}

TEST(JsonLineWriter, EveryKindOfReplyHasItsJsonForm) {
  EXPECT_EQ(json([](ReplyWriter& w) { w.integer(-42); }), ok_value("-42"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.null(); }), ok_value("null"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.null_array(); }), ok_value("null"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.boolean(true); }), ok_value("true"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.boolean(false); }), ok_value("false"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.real(2.5); }), ok_value("2.5"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.real(std::numeric_limits<double>::infinity()); }), ok_value(R"("inf")"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.real(-std::numeric_limits<double>::infinity()); }), ok_value(R"("-inf")"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.real(std::numeric_limits<double>::quiet_NaN()); }), ok_value(R"("nan")"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.simple("string"); }), ok_value(R"("string")"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.verbatim("42"); }), ok_value(R"("42")"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.array(0); }), ok_value("[]"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.set(0); }), ok_value("[]"));
  EXPECT_EQ(json([](ReplyWriter& w) { w.map(0); }), ok_value("{}"));
}

TEST(JsonLineWriter, AggregatesNest) {
  EXPECT_EQ(json([](ReplyWriter& w) {
              w.array(5);
              w.bulk("1");
              w.map(2);
              w.bulk("k");
              w.set(2);
              w.null();
              w.array(0);
              w.integer(7);
              w.simple("OK");
              w.error("WRONGTYPE", "no");
              w.key_set("k");
              w.bulk("\xff");
            }),
            ok_value(R"([1, {"k": [null, []], "7": "OK"}, {"status": "ERROR", "code": "WRONGTYPE", "message": "no"}, )"
                     R"({"status": "OK", "message": "Key 'k' set"}, {"base64": "/w=="}])"));
}

TEST(JsonLineWriter, MapKeysAreAlwaysStrings) {
  EXPECT_EQ(json([](ReplyWriter& w) {
              w.map(6);
              w.bulk("42");
              w.integer(1);
              w.boolean(true);
              w.integer(2);
              w.real(0.5);
              w.integer(3);
              w.simple("s");
              w.integer(4);
              w.bulk("\xff\"");
              w.integer(5);
              w.bulk(base::SharedBytesRef::copy_of("{}"));
              w.map(0);
            }),
            ok_value(R"({"42": 1, "true": 2, "0.5": 3, "s": 4, "\ufffd\"": 5, "{}": {}})"));
}

TEST(JsonLineWriter, KeysInMessagesAreEscaped) {
  EXPECT_EQ(json([](ReplyWriter& w) { w.key_set("a\"b\n\u00e9"); }),
            "{\"status\": \"OK\", \"message\": \"Key 'a\\\"b\\n\u00e9' set\"}");
  EXPECT_EQ(json([](ReplyWriter& w) { w.key_not_found("\xe2\x82z"); }),
            R"({"status": "ERROR", "message": "Key '\ufffd\ufffdz' not found"})");
}

TEST(JsonLineWriter, LargeValuesKeepTheirPlaceAmongSmallOnes) {
  const auto block = [](std::string_view bytes) { return base::SharedBytesRef::copy_of(bytes); };
  const std::string long_text(100'000, 'x');
  const std::string long_line(100'000, '\n');
  std::string escaped_line;
  for (std::size_t i = 0; i < long_line.size(); ++i) escaped_line += "\\n";
  JsonLineWriter writer;
  const auto reply = [&](ReplyWriter& w) {
    w.array(6);
    w.bulk("first");
    w.bulk(block(long_text));
    w.map(1);
    w.bulk("k");
    w.bulk(block("[1,\n2]"));
    w.bulk(long_text);
    w.bulk(block(long_line));
    w.bulk(block("\xff"));
  };
  const std::string expected = ok_value("[\"first\", \"" + long_text + "\", {\"k\": [1, 2]}, \"" + long_text +
                                        "\", \"" + escaped_line + "\", {\"base64\": \"/w==\"}]") +
                               "\n";
  EXPECT_EQ(test::written(writer, reply), expected);
  EXPECT_EQ(test::written(writer, reply), expected);  // nothing of the last reply is left in the writer
}

TEST(JsonLineWriter, APartOfALargeValueIsTypedByItself) {
  const base::SharedBytesRef block = base::SharedBytesRef::copy_of("ab[1,\n2]\xff\ncd");
  EXPECT_EQ(json([&](ReplyWriter& w) { w.bulk_slice(block, 0, 2); }), ok_value(R"("ab")"));
  EXPECT_EQ(json([&](ReplyWriter& w) { w.bulk_slice(block, 2, 6); }), ok_value("[1, 2]"));
  EXPECT_EQ(json([&](ReplyWriter& w) { w.bulk_slice(block, 3, 1); }), ok_value("1"));
  EXPECT_EQ(json([&](ReplyWriter& w) { w.bulk_slice(block, 8, 1); }), R"({"status": "OK", "value_base64": "/w=="})");
  EXPECT_EQ(json([&](ReplyWriter& w) { w.bulk_slice(block, 9, 3); }), ok_value(R"("\ncd")"));
}

TEST(JsonLineWriter, ALargeValueThatNeedsNoChangeIsNotCopied) {
  for (const std::string& bytes : {std::string(9000, 'x'), "\"" + std::string(9000, 'x') + "\""}) {
    const base::SharedBytesRef block = base::SharedBytesRef::copy_of(bytes);
    base::OutputBuffer output;
    JsonLineWriter writer;
    writer.begin(output);
    writer.bulk(block);
    writer.end();
    EXPECT_FALSE(block.unique());
    output.clear();
    EXPECT_TRUE(block.unique());
  }
}

TEST(JsonLineWriter, DeeplyNestedValuesDoNotOverflowTheStack) {
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  EXPECT_EQ(value(deep), ok_value(deep));
  EXPECT_EQ(value(std::string(1000, '[')), ok_value("\"" + std::string(1000, '[') + "\""));
}

TEST(JsonLineWriter, AReplyOverTheLimitBecomesOneErrorAndSparesItsNeighbours) {
  // 180 MiB of text that grows sixfold; and 17 times 64 MiB that does not grow.
  const base::SharedBytesRef growing = base::SharedBytesRef::copy_of(std::string(180 << 20, '\x01'));
  const base::SharedBytesRef plain = base::SharedBytesRef::copy_of(std::string(64 << 20, 'x'));
  base::OutputBuffer output;
  JsonLineWriter writer;
  const auto one = [&](auto reply) {
    writer.begin(output);
    reply(writer);
    writer.end();
  };
  one([](ReplyWriter& w) { w.integer(1); });
  one([&](ReplyWriter& w) { w.bulk(growing); });
  one([&](ReplyWriter& w) {
    w.array(19);
    w.map(1);
    w.bulk("k");
    w.bulk("v");
    for (int i = 0; i < 17; ++i) w.bulk(plain);
    w.bulk("last");
  });
  one([](ReplyWriter& w) { w.integer(2); });
  EXPECT_TRUE(growing.unique());
  EXPECT_TRUE(plain.unique());
  const std::string error = R"({"status": "ERROR", "message": "reply exceeds the limit of 1073741824 bytes"})";
  EXPECT_EQ(test::bytes_of(output), ok_value("1") + "\n" + error + "\n" + error + "\n" + ok_value("2") + "\n");
}

RC_GTEST_PROP(JsonLineWriterProperty, AnyBytesMakeOneValidJsonLine, (const std::vector<std::string>& values)) {
  JsonLineWriter writer;
  const std::string line = test::written(writer, [&](ReplyWriter& w) {
    w.array(values.size() + 2);
    w.map(values.size());
    for (const std::string& bytes : values) {
      w.bulk(bytes);
      w.bulk(base::SharedBytesRef::copy_of(bytes));
    }
    for (const std::string& bytes : values) w.bulk(bytes);
    w.error(values.empty() ? "" : values.front());
  });
  JsonValidator validator;
  RC_ASSERT(validator.valid(line));
  RC_ASSERT(line.find('\n') == line.size() - 1);
}

RC_GTEST_PROP(JsonLineWriterProperty, TextComesBackFromItsString, ()) {
  const auto parts = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(std::vector<std::string>{
      "a", "plain text", "\"", "\\", "\n", "\r", "\t", "\0"s, "\x1f", "\x7f", "/", "\u00e9", "\u20ac", "\U0001F600"}));
  std::string text = "x";  // not JSON
  for (const std::string& part : parts) text += part;
  const std::string line = json([&](ReplyWriter& w) { w.bulk(text); });
  const std::string literal = line.substr(26, line.size() - 27);
  RC_ASSERT(match_string_literal(literal).length == literal.size());
  std::string decoded(literal.size(), '?');
  decoded.resize(static_cast<std::size_t>(decode_string_literal(literal, decoded.data()) - decoded.data()));
  RC_ASSERT(decoded == text);
}

}  // namespace
}  // namespace kvstore::protocol
