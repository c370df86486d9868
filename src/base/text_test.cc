#include "base/text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

namespace kvstore::base {
namespace {

TEST(ParseInt64, TakesOneSpellingOfEachNumberOnly) {
  EXPECT_EQ(parse_int64("0"), 0);
  EXPECT_EQ(parse_int64("-1"), -1);
  EXPECT_EQ(parse_int64("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_int64("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  for (const char* text : {"", "-", "+1", " 1", "1 ", "01", "-0", "00", "1x", "0x10", "1e3", "9223372036854775808",
                           "-9223372036854775809", "99999999999999999999999"}) {
    EXPECT_EQ(parse_int64(text), std::nullopt) << text;
  }
}

TEST(ParseInt64, ReadsBackEveryNumber) {
  EXPECT_TRUE(rc::check([](std::int64_t number) { RC_ASSERT(parse_int64(std::to_string(number)) == number); }));
}

TEST(LongDouble, ReadsAndWritesAsIncrByFloatDoes) {
  EXPECT_EQ(format_long_double(parse_long_double("10.50").value() + parse_long_double("0.1").value()), "10.6");
  EXPECT_EQ(format_long_double(parse_long_double("5.0e3").value()), "5000");
  EXPECT_EQ(format_long_double(3.0L), "3");
  EXPECT_EQ(format_long_double(-0.0L), "0");
  for (const char* text : {"", " 1", "1 ", "abc", "1x", "nan", "--1"}) {
    EXPECT_EQ(parse_long_double(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_long_double(std::string(256, '1')), std::nullopt);  // longer than Redis's buffer
}

TEST(FormatDouble, IsShortAndReadsBack) {
  EXPECT_EQ(format_double(0.1), "0.1");
  EXPECT_EQ(format_double(3), "3");
  EXPECT_EQ(format_double(100000), "100000");
  EXPECT_EQ(format_double(-1e16), "-10000000000000000");
  EXPECT_EQ(format_double(1e300), "1e+300");
  EXPECT_EQ(format_double(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(format_double(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(format_double(std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_TRUE(
      rc::check([](double number) { RC_ASSERT(std::strtod(format_double(number).c_str(), nullptr) == number); }));
}

TEST(EqualsIgnoringCase, FoldsAsciiOnly) {
  EXPECT_TRUE(equals_ignoring_case("GeT", "gEt"));
  EXPECT_FALSE(equals_ignoring_case("get", "gets"));
  EXPECT_FALSE(equals_ignoring_case("\xc4", "\xe4"));
  EXPECT_EQ(ascii_lower("SetNX-9"), "setnx-9");
  EXPECT_EQ(ascii_upper("SetNX-9"), "SETNX-9");
}

TEST(GlobMatch, KnowsEveryElement) {
  struct Case {
    const char* pattern;
    const char* text;
    bool matches;
  };
  for (const auto& [pattern, text, matches] : std::initializer_list<Case>{{"", "", true},
                                                                          {"", "a", false},
                                                                          {"*", "", true},
                                                                          {"*", "anything", true},
                                                                          {"h?llo", "hello", true},
                                                                          {"h?llo", "hllo", false},
                                                                          {"h*llo", "heeeello", true},
                                                                          {"h[ae]llo", "hallo", true},
                                                                          {"h[ae]llo", "hillo", false},
                                                                          {"h[^e]llo", "hello", false},
                                                                          {"h[^e]llo", "hallo", true},
                                                                          {"h[a-c]llo", "hbllo", true},
                                                                          {"h[c-a]llo", "hbllo", true},
                                                                          {"h[a-c]llo", "hdllo", false},
                                                                          {"h\\?llo", "h?llo", true},
                                                                          {"h\\?llo", "hello", false},
                                                                          {"*a*b*", "xxaxxbxx", true},
                                                                          {"*a*b", "xxaxxbx", false},
                                                                          {"a\\", "a\\", true},
                                                                          {"[\\]]", "]", true},
                                                                          {"[a", "a", true},
                                                                          {"a*", "b", false},
                                                                          {"**", "x", true},
                                                                          {"key:*:x", "key:1:2:x", true}}) {
    EXPECT_EQ(glob_match(pattern, text), matches) << pattern << " " << text;
  }
  EXPECT_TRUE(glob_match("H[A-C]llo", "hbLLO", /*ignore_case=*/true));
}

// Naive matchers need exponential time for this pattern; the test ends at once or not at all.
TEST(GlobMatch, ManyStarsDoNotExplode) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "*a";
  EXPECT_FALSE(glob_match(pattern + "*b", std::string(5000, 'a')));
}

TEST(GlobMatch, NeverReadsOutsideItsArguments) {
  EXPECT_TRUE(rc::check([](const std::string& pattern, const std::string& text) {
    // Exact-size copies, so that AddressSanitizer sees a step too far.
    const std::vector<char> p(pattern.begin(), pattern.end());
    const std::vector<char> t(text.begin(), text.end());
    const bool matches = glob_match({p.data(), p.size()}, {t.data(), t.size()});
    RC_ASSERT(!matches || !pattern.empty() || text.empty());
  }));
}

}  // namespace
}  // namespace kvstore::base
