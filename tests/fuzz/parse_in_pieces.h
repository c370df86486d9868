// Feeds one input to a parser whole and in pieces and demands the same requests. Shared by the parser fuzzers.
//
// The first input byte chooses the length of the pieces; the rest is the connection's bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "protocol/request.h"

namespace kvstore::fuzz {

// Everything the parser said, in one string.
template <typename Parser>
std::string transcript(std::string_view bytes, std::size_t piece_bytes, const protocol::ParserLimits& limits) {
  Parser parser(limits);
  std::string said;
  std::size_t begin = 0;
  for (std::size_t end = std::min(piece_bytes, bytes.size());; end = std::min(end + piece_bytes, bytes.size())) {
    for (;;) {
      // A block of its own, so that AddressSanitizer sees a read beyond the bytes received.
      const std::size_t size = end - begin;
      const auto block = std::make_unique<char[]>(size);
      bytes.copy(block.get(), size, begin);
      std::vector<std::string_view> words;
      base::Scratch scratch;
      const protocol::ParseResult result = parser.parse({block.get(), size}, words, scratch);
      KV_ASSERT(result.consumed <= size);
      KV_ASSERT(words.empty() || result.status == protocol::ParseStatus::kRequest);
      if (result.status == protocol::ParseStatus::kIncomplete) break;
      if (result.status == protocol::ParseStatus::kError || result.status == protocol::ParseStatus::kClose) {
        return said + "end:" + parser.error();
      }
      KV_ASSERT(result.consumed > 0);
      begin += result.consumed;
      if (result.status == protocol::ParseStatus::kNothing) continue;
      said += "request:";
      for (const std::string_view word : words) said.append(std::to_string(word.size())).append(":").append(word);
    }
    if (end == bytes.size()) return said;
  }
}

template <typename Parser>
void expect_same_in_pieces(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return;
  protocol::ParserLimits limits;
  limits.line_bytes_max = 300;
  limits.inline_bytes_max = 100;
  limits.bulk_bytes_max = 200;
  limits.request_bytes_max = 400;
  limits.args_max = 20;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = transcript<Parser>(bytes, std::max<std::size_t>(bytes.size(), 1), limits);
  KV_ASSERT(transcript<Parser>(bytes, data[0] % 32 + std::size_t{1}, limits) == whole);
}

}  // namespace kvstore::fuzz
