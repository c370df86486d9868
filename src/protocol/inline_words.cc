#include "protocol/inline_words.h"

#include <cstddef>

namespace kvstore::protocol {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// What ends a bare word: vertical tab and form feed only separate.
bool ends_bare(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char control_escape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Decodes quoted parts into `out`, which has room for what is left of the line.
class QuotedWord {
 public:
  QuotedWord(std::string_view line, std::size_t position, char* out) : line_(line), position_(position), out_(out) {}

  // False when a quote is left open or is followed by more of the word.
  bool read() {
    while (position_ < line_.size() && !ends_bare(line_[position_])) {
      const char c = line_[position_++];
      if (c == '"') return read_double() && at_end();
      if (c == '\'') return read_single() && at_end();
      *out_++ = c;
    }
    return true;
  }
  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] char* out() const { return out_; }

 private:
  [[nodiscard]] bool at_end() const { return position_ == line_.size() || is_space(line_[position_]); }

  bool read_double() {
    while (position_ < line_.size()) {
      const char c = line_[position_++];
      if (c == '"') return true;
      if (c != '\\' || position_ == line_.size()) {
        *out_++ = c;
      } else if (!read_hex()) {
        *out_++ = control_escape(line_[position_++]);
      }
    }
    return false;
  }

  // \xHH; position_ is just behind the backslash.
  bool read_hex() {
    if (line_[position_] != 'x' || line_.size() - position_ < 3) return false;
    const int high = hex_value(line_[position_ + 1]);
    const int low = hex_value(line_[position_ + 2]);
    if (high < 0 || low < 0) return false;
    *out_++ = static_cast<char>(high * 16 + low);
    position_ += 3;
    return true;
  }

  bool read_single() {
    while (position_ < line_.size()) {
      const char c = line_[position_++];
      if (c == '\'') return true;
      if (c == '\\' && position_ < line_.size() && line_[position_] == '\'') {
        *out_++ = line_[position_++];
      } else {
        *out_++ = c;
      }
    }
    return false;
  }

  std::string_view line_;
  std::size_t position_;
  char* out_;
};

}  // namespace

bool split_inline_words(std::string_view line, std::vector<std::string_view>& words, base::Scratch& scratch) {
  const std::size_t first = words.size();
  std::size_t position = 0;
  for (;;) {
    while (position < line.size() && is_space(line[position])) ++position;
    if (position == line.size()) return true;

    std::size_t end = position;
    while (end < line.size() && !ends_bare(line[end]) && line[end] != '"' && line[end] != '\'') ++end;
    if (end == line.size() || ends_bare(line[end])) {
      words.push_back(line.substr(position, end - position));
      position = end;
      continue;
    }
    const std::size_t room = line.size() - position;
    char* const start = scratch.allocate(room);
    QuotedWord word(line, position, start);
    const bool closed = word.read();
    const auto length = static_cast<std::size_t>(word.out() - start);
    scratch.give_back(room - length);
    if (!closed) {
      words.resize(first);
      return false;
    }
    words.emplace_back(start, length);
    position = word.position();
  }
}

}  // namespace kvstore::protocol
