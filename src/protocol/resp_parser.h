// RespParser: RESP requests (arrays of bulk strings) and Redis inline commands, told apart by their first byte.
//
// Errors are worded as Redis 7.0 words them. Stricter than Redis in one thing: the two bytes behind a length or a bulk
// string must be CR LF, because a stream that is out of step must not be executed.
//
// Thread rule: one thread at a time (the connection's worker).
// Invariants:
//   1. Positions are kept relative to the first byte of the request, so the buffer may move between calls.
//   2. No byte is looked at twice, whatever pieces the request arrives in. Aside: the line end of an inline command,
//   and
//      the headers of a few words, when the rest of them came later.
//   3. Memory grows with bytes received, never with a length or count that was only announced.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/request.h"

namespace kvstore::protocol {

class RespParser final : public RequestParser {
 public:
  explicit RespParser(const ParserLimits& limits = ParserLimits{})
      : limits_(limits),
        whole_bytes_max_(std::min(limits.bulk_bytes_max, limits.request_bytes_max)),
        whole_words_max_(std::min(kWholeWordsMax, limits.args_max)) {}

  [[nodiscard]] ParseResult parse(std::string_view input, std::vector<std::string_view>& words,
                                  base::Scratch& scratch) override;

 private:
  static constexpr std::int64_t kUnread = -1;

  struct Span {
    std::size_t offset;
    std::size_t length;
  };
  enum class Step : std::uint8_t { kDone, kIncomplete, kError };

  // Requests of more words are read by parse_array() from the start.
  static constexpr std::int64_t kWholeWordsMax = 8;

  std::size_t take_whole(std::string_view input, std::vector<std::string_view>& words) const;
  ParseResult parse_array(std::string_view input, std::vector<std::string_view>& words);
  ParseResult parse_inline(std::string_view input, std::vector<std::string_view>& words, base::Scratch& scratch);
  Step read_words(std::string_view input, std::vector<std::string_view>& words);
  Step read_bulk_length(std::string_view input);
  Step read_length_line(std::string_view input, const char* too_big, const char* invalid, std::int64_t& value);
  Step fail(std::string text);
  ParseResult finish(ParseStatus status, std::size_t consumed);

  ParserLimits limits_;
  // A request up to this size, and of so many words, keeps within the limits.
  std::size_t whole_bytes_max_;
  std::int64_t whole_words_max_;
  std::size_t position_ = 0;            // of the next byte to understand
  std::size_t searched_ = 0;            // bytes from position_ on that hold no line end
  std::int64_t words_left_ = kUnread;   // of the array being read
  std::int64_t bulk_length_ = kUnread;  // of the bulk string at position_, when its header was read
  std::vector<Span> spans_;             // words of the array that came in earlier calls
};

}  // namespace kvstore::protocol
