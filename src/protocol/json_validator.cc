#include "protocol/json_validator.h"

#include <cstring>

#include "protocol/json_text.h"

namespace kvstore::protocol {
namespace {

constexpr std::size_t kWordsRetained = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void skip_space(const char*& p, const char* end) {
  while (p != end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) ++p;
}

bool skip_digits(const char*& p, const char* end) {
  if (p == end || !is_digit(*p)) return false;
  while (p != end && is_digit(*p)) ++p;
  return true;
}

bool scan_number(const char*& p, const char* end) {
  if (*p == '-') ++p;
  if (p == end) return false;
  if (*p == '0') {
    ++p;
  } else if (!skip_digits(p, end)) {
    return false;
  }
  if (p != end && *p == '.') {
    ++p;
    if (!skip_digits(p, end)) return false;
  }
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p != end && (*p == '+' || *p == '-')) ++p;
    if (!skip_digits(p, end)) return false;
  }
  return true;
}

bool scan_word(const char*& p, const char* end, std::string_view word) {
  if (static_cast<std::size_t>(end - p) < word.size() || std::memcmp(p, word.data(), word.size()) != 0) return false;
  p += word.size();
  return true;
}

}  // namespace

bool JsonValidator::valid(std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  depth_ = 0;
  has_non_ascii_ = false;
  outer_.clear();
  bool good = true;
  bool done = false;
  while (good && !done) {
    bool opened = false;
    good = scan_value(p, end, opened);
    if (good && !opened) good = scan_after_value(p, end, done);
  }
  if (outer_.capacity() > kWordsRetained) {
    outer_.clear();
    outer_.shrink_to_fit();
  }
  return good && (!has_non_ascii_ || is_utf8(text));
}

// One scalar or empty aggregate, or the opening of an aggregate up to its first value (`opened`).
bool JsonValidator::scan_value(const char*& p, const char* end, bool& opened) {
  skip_space(p, end);
  if (p == end) return false;
  switch (*p) {
    case '{':
    case '[': {
      const bool object = *p == '{';
      ++p;
      skip_space(p, end);
      if (p != end && *p == (object ? '}' : ']')) {
        ++p;
        return true;
      }
      push(object);
      opened = true;
      return !object || scan_key(p, end);
    }
    case '"':
      return scan_string(p, end);
    case 't':
      return scan_word(p, end, "true");
    case 'f':
      return scan_word(p, end, "false");
    case 'n':
      return scan_word(p, end, "null");
    default:
      return scan_number(p, end);
  }
}

// What may follow a value: closing brackets, then a comma (and a key), or the end of the text (`done`).
bool JsonValidator::scan_after_value(const char*& p, const char* end, bool& done) {
  for (;;) {
    skip_space(p, end);
    if (depth_ == 0) {
      done = true;
      return p == end;
    }
    if (p == end) return false;
    const bool object = (inner_ & 1U) != 0;
    if (*p == ',') {
      ++p;
      return !object || scan_key(p, end);
    }
    if (*p != (object ? '}' : ']')) return false;
    ++p;
    pop();
  }
}

bool JsonValidator::scan_key(const char*& p, const char* end) {
  skip_space(p, end);
  if (!scan_string(p, end)) return false;
  skip_space(p, end);
  if (p == end || *p != ':') return false;
  ++p;
  return true;
}

bool JsonValidator::scan_string(const char*& p, const char* end) {
  const StringLiteral literal = scan_string_literal({p, static_cast<std::size_t>(end - p)});
  has_non_ascii_ |= literal.has_non_ascii;
  p += literal.length;
  return literal.length != 0;
}

void JsonValidator::push(bool object) {
  if (depth_ != 0 && depth_ % 64 == 0) outer_.push_back(inner_);
  inner_ = (inner_ << 1U) | (object ? 1U : 0U);
  ++depth_;
}

void JsonValidator::pop() {
  --depth_;
  inner_ >>= 1U;
  if (depth_ != 0 && depth_ % 64 == 0) {
    inner_ = outer_.back();
    outer_.pop_back();
  }
}

}  // namespace kvstore::protocol
