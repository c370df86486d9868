#include "base/text.h"

#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace kvstore::base {

std::string ascii_lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) c = ascii_lower(c);
  return lowered;
}

std::string ascii_upper(std::string_view text) {
  std::string raised(text);
  for (char& c : raised) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  return raised;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}

std::optional<std::int64_t> parse_int64(std::string_view text) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  const std::string_view digits = text.front() == '-' ? text.substr(1) : text;
  if (digits.empty() || (digits.front() == '0' && text.size() > 1)) return std::nullopt;
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<long double> parse_long_double(std::string_view text) {
  // Redis reads with strtold through a 256-byte buffer; longer text is refused.
  if (text.empty() || text.size() > 255) return std::nullopt;
  if (std::isspace(static_cast<unsigned char>(text.front())) != 0) return std::nullopt;
  std::array<char, 256> buffer;
  text.copy(buffer.data(), text.size());
  buffer[text.size()] = '\0';
  char* stop = nullptr;
  errno = 0;
  const long double value = std::strtold(buffer.data(), &stop);
  if (stop != buffer.data() + text.size() || std::isnan(value)) return std::nullopt;
  if (errno == ERANGE && (value == HUGE_VALL || value == -HUGE_VALL || value == 0)) return std::nullopt;
  return value;
}

std::string format_long_double(long double value) {
  std::array<char, 5 * 1024> buffer;  // LDBL_MAX has 4933 digits
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.17Lf", value);
  std::string text(buffer.data(), static_cast<std::size_t>(length));
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

std::string format_double(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 32> buffer;
  // Whole numbers as Redis's "%.17g" writes them: 100000, not 1e+05.
  const bool whole = std::trunc(value) == value && std::fabs(value) < 1e17;
  char* end = buffer.data() + buffer.size();
  const auto result = whole ? std::to_chars(buffer.data(), end, value, std::chars_format::fixed)
                            : std::to_chars(buffer.data(), end, value);
  return {buffer.data(), result.ptr};
}

namespace {

// Matches one pattern element that is not '*' against `c`; moves `position` behind the element.
bool match_element(std::string_view pattern, std::size_t& position, char c, bool ignore_case) {
  const auto fold = [ignore_case](char x) { return ignore_case ? ascii_lower(x) : x; };
  const char wanted = fold(c);
  const char kind = pattern[position++];
  if (kind == '?') return true;
  if (kind == '\\' && position < pattern.size()) return fold(pattern[position++]) == wanted;
  if (kind != '[') return fold(kind) == wanted;

  const bool negated = position < pattern.size() && pattern[position] == '^';
  if (negated) ++position;
  bool matched = false;
  while (position < pattern.size() && pattern[position] != ']') {
    if (pattern[position] == '\\' && position + 1 < pattern.size()) {
      matched |= fold(pattern[position + 1]) == wanted;
      position += 2;
    } else if (position + 2 < pattern.size() && pattern[position + 1] == '-') {
      auto low = static_cast<unsigned char>(fold(pattern[position]));
      auto high = static_cast<unsigned char>(fold(pattern[position + 2]));
      if (low > high) std::swap(low, high);
      const auto byte = static_cast<unsigned char>(wanted);
      matched |= byte >= low && byte <= high;
      position += 3;
    } else {
      matched |= fold(pattern[position]) == wanted;
      ++position;
    }
  }
  if (position < pattern.size()) ++position;  // the ']'; a missing one ends the pattern
  return matched != negated;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case) {
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = kNone;  // just behind the last '*' seen
  std::size_t retry = 0;     // where in the text that '*' stops next time
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      retry = t;
      continue;
    }
    std::size_t next = p;
    if (p < pattern.size() && match_element(pattern, next, text[t], ignore_case)) {
      p = next;
      ++t;
      continue;
    }
    if (star == kNone) return false;
    p = star;
    t = ++retry;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace kvstore::base
