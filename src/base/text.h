// Small text helpers shared by parsers and commands: ASCII case, strict integers, number formatting, glob patterns.
//
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvstore::base {

[[nodiscard]] inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
[[nodiscard]] std::string ascii_lower(std::string_view text);
[[nodiscard]] std::string ascii_upper(std::string_view text);
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);

// A signed 64-bit integer in the one spelling Redis accepts: no sign but '-', no leading zeros or spaces, no "-0".
[[nodiscard]] std::optional<std::int64_t> parse_int64(std::string_view text);
// A finite or infinite long double as Redis's INCRBYFLOAT reads it: no spaces around it, never NaN, "inf" allowed.
[[nodiscard]] std::optional<long double> parse_long_double(std::string_view text);
// 17 significant digits, without exponent and without trailing zeros, as INCRBYFLOAT replies.
[[nodiscard]] std::string format_long_double(long double value);
// The shortest decimal that reads back as the same double; inf, -inf and nan spelled so.
[[nodiscard]] std::string format_double(double value);

// Redis's glob: * ? [abc] [a-z] [^a] and \ to escape. Linear memory, no recursion on '*' beyond the last one seen.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case = false);

}  // namespace kvstore::base
