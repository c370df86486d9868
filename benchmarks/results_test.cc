// Results: what is written is valid JSON, whatever bytes the texts hold.
#include "results.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace kvstore::benchmarks {
namespace {

TEST(JsonString, EscapesWhatJsonForbids) {
  EXPECT_EQ(json_string("plain"), R"("plain")");
  EXPECT_EQ(json_string("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json_string("line\nend\t\x01"), "\"line\\u000aend\\u0009\\u0001\"");
  EXPECT_EQ(json_string(std::string_view("\0", 1)), R"("\u0000")");
}

TEST(JsonString, KeepsUtf8AndReplacesWhatIsNot) {
  EXPECT_EQ(json_string("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
  EXPECT_EQ(json_string("\xc3"), R"("\ufffd")");                                // cut off
  EXPECT_EQ(json_string("\xc0\x80"), R"("\ufffd\ufffd")");                      // overlong
  EXPECT_EQ(json_string("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");            // surrogate
  EXPECT_EQ(json_string("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");  // above U+10FFFF
}

TEST(JsonObject, KeepsOrderAndTypes) {
  const std::vector<std::uint64_t> sizes = {0, 100};
  JsonObject inner;
  inner.add("x", 1);
  JsonObject object;
  object.add("text", "a").add("number", 1.5).add("yes", true).add("list", std::span(sizes)).add("inner", inner);
  EXPECT_EQ(object.text(), R"({"text": "a", "number": 1.5, "yes": true, "list": [0, 100], "inner": {"x": 1}})");
}

TEST(JsonObject, NumbersThatJsonDoesNotHaveAreNull) {
  JsonObject object;
  object.add("nan", std::nan("")).add("infinite", std::numeric_limits<double>::infinity());
  EXPECT_EQ(object.text(), R"({"nan": null, "infinite": null})");
}

TEST(Results, UnwritableFileIsReported) {
  const Results results("test");
  const Status status = results.write_file("/nonexistent-directory/results.json");
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find("/nonexistent-directory/results.json"), std::string::npos);
}

TEST(Results, NamesWhereAndWhenItRan) {
  Results results("test");
  results.options().add("a", 1);
  JsonObject row;
  row.add("b", 2);
  results.add_row(row);
  const std::string text = results.text();
  for (const char* member : {R"("benchmark": "test")", R"("date": "20)", R"("commit": ")", R"("processor": ")",
                             R"("options": {"a": 1})", R"({"b": 2})"}) {
    EXPECT_NE(text.find(member), std::string::npos) << member << " in " << text;
  }
}

}  // namespace
}  // namespace kvstore::benchmarks
