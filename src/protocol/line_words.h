// The words of a JSON-protocol line, and the value and options that end a SET line (docs/protocols.md).
//
// A word that needs no decoding is a view of the line; a decoded one lives in the scratch.
//
// Thread rule: one thread; plain values.
#pragma once

#include <string_view>
#include <vector>

#include "base/scratch.h"

namespace kvstore::protocol {

[[nodiscard]] constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Takes words off the front of a line, one after the other. In all it looks at each byte a bounded number of times.
class LineWords {
 public:
  LineWords(std::string_view line, base::Scratch& scratch) : rest_(line), scratch_(scratch) { skip_blanks(); }

  // False at the end of the line.
  [[nodiscard]] bool next(std::string_view& word);
  // What is left, without blanks in front.
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  void skip_blanks();
  std::string_view take(std::size_t bytes);
  bool take_literal(std::string_view& word);
  bool take_between_quotes(char quote, std::string_view& word);

  std::string_view rest_;
  base::Scratch& scratch_;
  // No closing quote of this kind stands before a blank or the line end any more: looking again would make a line of
  // opening quotes cost the square of its length.
  bool no_closing_double_ = false;
  bool no_closing_single_ = false;
};

// Appends the value, and options if there are any, that `rest` (what follows the key of a SET, without blanks at
// either end, not empty) stands for.
void split_set_rest(std::string_view rest, std::vector<std::string_view>& words, base::Scratch& scratch);

}  // namespace kvstore::protocol
