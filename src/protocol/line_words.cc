#include "protocol/line_words.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/text.h"
#include "protocol/json_text.h"

namespace kvstore::protocol {
namespace {

struct SetOption {
  std::string_view name;
  bool takes_integer;
};

constexpr std::array<SetOption, 8> kSetOptions = {{
    {"EX", true},
    {"PX", true},
    {"EXAT", true},
    {"PXAT", true},
    {"NX", false},
    {"XX", false},
    {"KEEPTTL", false},
    {"GET", false},
}};

std::string_view text_of(std::string_view literal, bool has_escapes, base::Scratch& scratch) {
  if (!has_escapes) return literal.substr(1, literal.size() - 2);
  char* const start = scratch.allocate(literal.size());
  const auto length = static_cast<std::size_t>(decode_string_literal(literal, start) - start);
  scratch.give_back(literal.size() - length);
  return {start, length};
}

// Spelled as an integer. One out of range counts too: the command then says so, instead of storing it as text.
bool is_integer(std::string_view word) {
  if (!word.empty() && (word.front() == '-' || word.front() == '+')) word.remove_prefix(1);
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The next bare word of `text`, or an empty view at its end.
std::string_view take_bare(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  const auto end = std::find_if(text.begin(), text.end(), is_blank);
  const std::string_view word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(word.size());
  return word;
}

// Appends the words of `tail` if every one is an option with its argument; otherwise appends none.
bool take_options(std::string_view tail, std::vector<std::string_view>& words) {
  const std::size_t first = words.size();
  if (!tail.empty() && !is_blank(tail.front())) return false;
  for (std::string_view word = take_bare(tail); !word.empty(); word = take_bare(tail)) {
    const auto* const option = std::find_if(kSetOptions.begin(), kSetOptions.end(), [word](const SetOption& known) {
      return base::equals_ignoring_case(known.name, word);
    });
    bool fits = option != kSetOptions.end();
    if (fits) words.push_back(word);
    if (fits && option->takes_integer) {
      words.push_back(take_bare(tail));
      fits = is_integer(words.back());
    }
    if (!fits) {
      words.resize(first);
      return false;
    }
  }
  return true;
}

}  // namespace

bool LineWords::next(std::string_view& word) {
  if (rest_.empty()) return false;
  const char first = rest_.front();
  const bool quoted = (first == '"' && (take_literal(word) || take_between_quotes('"', word))) ||
                      (first == '\'' && take_between_quotes('\'', word));
  if (!quoted) {
    const auto end = std::find_if(rest_.begin(), rest_.end(), is_blank);
    word = take(static_cast<std::size_t>(end - rest_.begin()));
  }
  skip_blanks();
  return true;
}

void LineWords::skip_blanks() {
  while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
}

std::string_view LineWords::take(std::size_t bytes) {
  const std::string_view taken = rest_.substr(0, bytes);
  rest_.remove_prefix(bytes);
  return taken;
}

bool LineWords::take_literal(std::string_view& word) {
  const StringLiteral literal = match_string_literal(rest_);
  if (literal.length == 0) return false;
  if (literal.length < rest_.size() && !is_blank(rest_[literal.length])) return false;
  word = text_of(take(literal.length), literal.has_escapes, scratch_);
  return true;
}

// The closing quote is the first one that a blank or the line end follows, so 'it's' is it's.
bool LineWords::take_between_quotes(char quote, std::string_view& word) {
  bool& no_closing = quote == '"' ? no_closing_double_ : no_closing_single_;
  if (no_closing) return false;
  for (std::size_t at = rest_.find(quote, 1); at != std::string_view::npos; at = rest_.find(quote, at + 1)) {
    if (at + 1 < rest_.size() && !is_blank(rest_[at + 1])) continue;
    word = take(at + 1).substr(1, at - 1);
    return true;
  }
  no_closing = true;
  return false;
}

void split_set_rest(std::string_view rest, std::vector<std::string_view>& words, base::Scratch& scratch) {
  const char quote = rest.front();
  if (quote == '"') {
    const StringLiteral literal = match_string_literal(rest);
    if (literal.length != 0) {
      const std::size_t value = words.size();
      words.emplace_back();  // filled below: decoding is for nothing when the options do not fit
      if (take_options(rest.substr(literal.length), words)) {
        words[value] = text_of(rest.substr(0, literal.length), literal.has_escapes, scratch);
        return;
      }
      words.pop_back();
    }
  } else if (quote == '\'') {
    // No option holds a quote, so only the last one can close the value.
    const std::size_t closing = rest.rfind('\'');
    if (closing != 0) {
      words.push_back(rest.substr(1, closing - 1));
      if (take_options(rest.substr(closing + 1), words)) return;
      words.pop_back();
    }
  }
  const bool quoted = (quote == '"' || quote == '\'') && rest.size() >= 2 && rest.back() == quote;
  words.push_back(quoted ? rest.substr(1, rest.size() - 2) : rest);
}

}  // namespace kvstore::protocol
