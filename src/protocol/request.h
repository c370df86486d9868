// A request as every protocol hands it on: words. The first names the command.
//
// Thread rule: plain values; the words are views of bytes that live until the batch they belong to has run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/scratch.h"

namespace kvstore::protocol {

using Args = std::span<const std::string_view>;

struct ParserLimits {
  std::size_t line_bytes_max = std::size_t{64} << 20;    // one JSON line
  std::size_t inline_bytes_max = 64 * 1024;              // one RESP inline line, as in Redis
  std::size_t bulk_bytes_max = std::size_t{512} << 20;   // one RESP bulk string
  std::size_t request_bytes_max = std::size_t{1} << 30;  // one RESP request in all
  std::int64_t args_max = 1024 * 1024;                   // words of one RESP request
};

enum class ParseStatus : std::uint8_t {
  kRequest,     // `consumed` bytes made a request; its words were appended
  kNothing,     // `consumed` bytes made no request (an empty line): go on
  kIncomplete,  // more bytes are needed; nothing was consumed
  kError,       // reply with error(), then close
  kClose,       // close at once without a reply (an HTTP request)
};

struct ParseResult {
  ParseStatus status = ParseStatus::kIncomplete;
  std::size_t consumed = 0;
};

// One per connection: keeps how far an incomplete request was understood, so that bytes are not read twice.
class RequestParser {
 public:
  virtual ~RequestParser() = default;
  // `input` begins at the first byte not yet consumed. After kIncomplete the next call passes the same bytes (perhaps
  // at another address) with more behind them. Words are appended to `words`; those that needed decoding live in
  // `scratch`, the others are views of `input`. Nothing is appended unless the status is kRequest.
  [[nodiscard]] virtual ParseResult parse(std::string_view input, std::vector<std::string_view>& words,
                                          base::Scratch& scratch) = 0;
  // After kError: RESP text with its code, e.g. "ERR Protocol error: ...".
  [[nodiscard]] const std::string& error() const { return error_; }

 protected:
  std::string error_;
};

}  // namespace kvstore::protocol
