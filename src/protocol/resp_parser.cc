#include "protocol/resp_parser.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "protocol/inline_words.h"

namespace kvstore::protocol {
namespace {

constexpr std::size_t kSpansRetained = 256;

// A length that was read, and the position behind its line; a null position: the line needs the careful reader.
struct Length {
  const char* next = nullptr;
  std::int64_t value = 0;
};

inline bool is_line_end(const char* p) { return std::memcmp(p, "\r\n", 2) == 0; }
inline unsigned digit_at(const char* p) { return static_cast<unsigned char>(*p) - unsigned{'0'}; }

// The usual case of "<length>\r\n" at `from`: no sign, no leading zero, at most 9 digits, all there.
Length scan_length(const char* from, const char* end) {
  constexpr unsigned kDigitsMax = 9;
  if (end - from < 3) return {};
  unsigned digit = digit_at(from);
  if (digit > 9) return {};
  std::int64_t sum = digit;
  const char* p = from + 1;
  if (digit != 0) {
    const char* const stop = end - p > kDigitsMax ? p + kDigitsMax : end;
    while (p != stop && (digit = digit_at(p)) <= 9) {
      sum = sum * 10 + digit;
      ++p;
    }
  }
  if (end - p < 2 || !is_line_end(p)) return {};
  return {p + 2, sum};
}

// The same; one and two digits without a loop.
inline Length scan_short_length(const char* from, const char* end) {
  if (end - from >= 4) {
    const unsigned first = digit_at(from);
    if (first <= 9 && is_line_end(from + 1)) return {from + 3, first};
    const unsigned second = digit_at(from + 1);
    if (first - 1 <= 8 && second <= 9 && is_line_end(from + 2)) return {from + 4, first * 10 + second};
  }
  return scan_length(from, end);
}

}  // namespace

ParseResult RespParser::parse(std::string_view input, std::vector<std::string_view>& words, base::Scratch& scratch) {
  if (input.empty()) return {};
  if (input.front() != '*') return parse_inline(input, words, scratch);
  if (words_left_ == kUnread) {
    const std::size_t consumed = take_whole(input, words);
    if (consumed != 0) {
      searched_ = 0;
      return {ParseStatus::kRequest, consumed};
    }
  }
  return parse_array(input, words);
}

// The usual request: a few words, usually spelled, all there. Returns its size; 0, and nothing appended, when the
// careful reader has to look.
inline std::size_t RespParser::take_whole(std::string_view input, std::vector<std::string_view>& words) const {
  const char* const end = input.data() + std::min(input.size(), whole_bytes_max_);
  const auto [begin, count] = scan_short_length(input.data() + 1, end);
  if (begin == nullptr || count == 0 || count > whole_words_max_) return 0;
  const char* p = begin;
  std::int64_t left = count;
  for (;;) {
    if (p == end || *p != '$') break;
    const auto [bytes, length] = scan_short_length(p + 1, end);
    if (bytes == nullptr || end - bytes < length + 2 || !is_line_end(bytes + length)) break;
    words.emplace_back(bytes, static_cast<std::size_t>(length));
    p = bytes + length + 2;
    if (--left == 0) return static_cast<std::size_t>(p - input.data());
  }
  words.resize(words.size() - static_cast<std::size_t>(count - left));
  return 0;
}

ParseResult RespParser::parse_array(std::string_view input, std::vector<std::string_view>& words) {
  if (words_left_ == kUnread) {
    auto [next, count] = scan_length(input.data() + 1, input.data() + input.size());
    if (next != nullptr) {
      position_ = static_cast<std::size_t>(next - input.data());
      searched_ = 0;
    } else {
      const Step step = read_length_line(input, "too big mbulk count string", "invalid multibulk length", count);
      if (step == Step::kError) return finish(ParseStatus::kError, 0);
      if (step == Step::kIncomplete) return {};
    }
    if (count > limits_.args_max) {
      fail("invalid multibulk length");
      return finish(ParseStatus::kError, 0);
    }
    if (count <= 0) return finish(ParseStatus::kNothing, position_);
    words_left_ = count;
  }

  const std::size_t first = words.size();
  const Step step = read_words(input, words);
  if (step == Step::kDone) {
    if (!spans_.empty()) {
      words.insert(words.begin() + static_cast<std::ptrdiff_t>(first), spans_.size(), std::string_view());
      for (std::size_t i = 0; i < spans_.size(); ++i) {
        words[first + i] = input.substr(spans_[i].offset, spans_[i].length);
      }
    }
    return finish(ParseStatus::kRequest, position_);
  }
  if (step == Step::kIncomplete) {
    for (std::size_t i = first; i < words.size(); ++i) {
      spans_.push_back({static_cast<std::size_t>(words[i].data() - input.data()), words[i].size()});
    }
    words.resize(first);
    return {};
  }
  words.resize(first);
  return finish(ParseStatus::kError, 0);
}

// Appends the bulk strings from position_ on, as far as they are there.
RespParser::Step RespParser::read_words(std::string_view input, std::vector<std::string_view>& words) {
  const char* const begin = input.data();
  const char* const end = begin + input.size();
  while (words_left_ > 0) {
    if (bulk_length_ == kUnread) {
      const char* const header = begin + position_;
      const auto [next, length] = header != end && *header == '$' ? scan_length(header + 1, end) : Length{};
      if (next != nullptr) {
        position_ = static_cast<std::size_t>(next - begin);
        searched_ = 0;
        bulk_length_ = length;
      } else if (const Step step = read_bulk_length(input); step != Step::kDone) {
        return step;
      }
      if (static_cast<std::size_t>(bulk_length_) > limits_.bulk_bytes_max) return fail("invalid bulk length");
      if (position_ + static_cast<std::size_t>(bulk_length_) > limits_.request_bytes_max) {
        return fail("request exceeds the limit of " + std::to_string(limits_.request_bytes_max) + " bytes");
      }
    }
    const auto length = static_cast<std::size_t>(bulk_length_);
    const char* const payload = begin + position_;
    if (static_cast<std::size_t>(end - payload) < length + 2) return Step::kIncomplete;
    if (payload[length] != '\r' || payload[length + 1] != '\n') return fail("expected CRLF after bulk string");
    words.emplace_back(payload, length);
    position_ += length + 2;
    bulk_length_ = kUnread;
    --words_left_;
  }
  return Step::kDone;
}

// The careful reader of a bulk string's header: in pieces, oddly spelled or wrong.
RespParser::Step RespParser::read_bulk_length(std::string_view input) {
  if (position_ == input.size()) return Step::kIncomplete;
  if (input[position_] != '$') {
    return fail(std::string("expected '$', got '") + input[position_] + "'");
  }
  std::int64_t length = 0;
  const Step step = read_length_line(input, "too big bulk count string", "invalid bulk length", length);
  if (step != Step::kDone) return step;
  if (length < 0) return fail("invalid bulk length");
  bulk_length_ = length;
  return Step::kDone;
}

// A type byte at position_, a number, CR LF; moves position_ behind it.
RespParser::Step RespParser::read_length_line(std::string_view input, const char* too_big, const char* invalid,
                                              std::int64_t& value) {
  const std::string_view line = input.substr(position_);
  // Redis gives up when more bytes than this hold no line end; the same bytes get the same answer in any pieces.
  const std::size_t window = std::min(line.size(), limits_.inline_bytes_max + 1);
  const void* const found =
      searched_ < window ? std::memchr(line.data() + searched_, '\r', window - searched_) : nullptr;
  if (found == nullptr) {
    if (window > limits_.inline_bytes_max) return fail(too_big);
    searched_ = window;
    return Step::kIncomplete;
  }
  const auto length = static_cast<std::size_t>(static_cast<const char*>(found) - line.data());
  if (length + 1 == line.size()) {
    searched_ = length;
    return Step::kIncomplete;
  }
  const std::optional<std::int64_t> number = base::parse_int64(line.substr(1, length - 1));
  if (line[length + 1] != '\n' || !number) return fail(invalid);
  value = *number;
  position_ += length + 2;
  searched_ = 0;
  return Step::kDone;
}

ParseResult RespParser::parse_inline(std::string_view input, std::vector<std::string_view>& words,
                                     base::Scratch& scratch) {
  const std::size_t window = std::min(input.size(), limits_.inline_bytes_max + 1);
  const void* const found =
      searched_ < window ? std::memchr(input.data() + searched_, '\n', window - searched_) : nullptr;
  if (found == nullptr) {
    if (window > limits_.inline_bytes_max) {
      fail("too big inline request");
      return finish(ParseStatus::kError, 0);
    }
    searched_ = window;
    return {};
  }
  const auto line_end = static_cast<std::size_t>(static_cast<const char*>(found) - input.data());
  std::string_view line = input.substr(0, line_end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  const std::size_t first = words.size();
  if (!split_inline_words(line, words, scratch)) {
    fail("unbalanced quotes in request");
    return finish(ParseStatus::kError, 0);
  }
  return finish(words.size() == first ? ParseStatus::kNothing : ParseStatus::kRequest, line_end + 1);
}

RespParser::Step RespParser::fail(std::string text) {
  error_ = "ERR Protocol error: " + std::move(text);
  return Step::kError;
}

// Ends a request: the next one begins afresh.
ParseResult RespParser::finish(ParseStatus status, std::size_t consumed) {
  position_ = 0;
  searched_ = 0;
  words_left_ = kUnread;
  bulk_length_ = kUnread;
  if (!spans_.empty()) {
    spans_.clear();
    if (spans_.capacity() > kSpansRetained) spans_.shrink_to_fit();
  }
  return {status, consumed};
}

}  // namespace kvstore::protocol
