// JsonLineParser: requests of the JSON-line protocol, one a line (docs/protocols.md).
//
// Decided here where the protocol leaves a choice:
//   - a line of blanks only is an empty line;
//   - a quoted word ends at the first quote that a blank or the line end follows; when there is none, the word is taken
//     as it stands, quote included, up to the next blank; the same for a word that goes on behind its closing quote;
//   - quotes inside a bare word are part of it;
//   - the command word may be quoted like any other;
//   - raw control characters and bytes that are not UTF-8 keep a double-quoted word from being a JSON string literal,
//     so it is then the bytes between its quotes, backslashes included;
//   - only the line end, blanks and quotes mean anything: zero bytes, vertical tabs and the like are part of words;
//   - an HTTP request line counts on the first line that is not empty; `POST ` and `Host:` count on every line, in any
//     letter case and with blanks in front;
//   - the limit counts the bytes in front of '\n'.
//
// Thread rule: one thread at a time (the connection's worker).
// Invariant: bytes of an incomplete line are searched for '\n' once.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "protocol/request.h"

namespace kvstore::protocol {

class JsonLineParser final : public RequestParser {
 public:
  explicit JsonLineParser(const ParserLimits& limits = ParserLimits{}) : line_bytes_max_(limits.line_bytes_max) {}

  [[nodiscard]] ParseResult parse(std::string_view input, std::vector<std::string_view>& words,
                                  base::Scratch& scratch) override;

 private:
  std::size_t line_bytes_max_;
  std::size_t searched_ = 0;
  bool at_first_line_ = true;
};

}  // namespace kvstore::protocol
