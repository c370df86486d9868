// JSON at the level of bytes: UTF-8, string literals, escaping and base64, shared by the JSON-line parser and writer.
//
// Escaping is spelled as Python's json.dumps(text, ensure_ascii=False) spells it.
//
// Thread rule: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvstore::protocol {

[[nodiscard]] bool is_utf8(std::string_view bytes);

// --- string literals -----------------------------------------------------------------------------------------------
// What stands between a pair of double quotes, as RFC 8259's grammar sees it.
struct StringLiteral {
  std::size_t length = 0;  // with both quotes; 0: this is no string literal
  bool has_escapes = false;
  bool has_non_ascii = false;       // then UTF-8 is still to be checked
  bool has_lone_surrogate = false;  // allowed by the grammar, but stands for no text
};
// The literal at the start of `text`, which may go on behind it. Stops at the first byte that rules one out.
[[nodiscard]] StringLiteral scan_string_literal(std::string_view text);
// The literal at the start of `text` if it stands for text: length 0 also for lone surrogates and bad UTF-8.
[[nodiscard]] StringLiteral match_string_literal(std::string_view text);
// Writes what a literal from match_string_literal() stands for; `out` has room for its length. Returns the end.
[[nodiscard]] char* decode_string_literal(std::string_view literal, char* out);

// --- escaping ------------------------------------------------------------------------------------------------------
enum class BadUtf8 : std::uint8_t {
  kAbsent,   // the caller knows that the text is UTF-8
  kReplace,  // every byte that is part of no character becomes \ufffd
};
// Bytes that `text` takes inside a JSON string, quotes not counted; equal to text.size() when nothing is escaped.
[[nodiscard]] std::size_t escaped_size(std::string_view text, BadUtf8 bad);
// Writes those bytes; returns the end.
[[nodiscard]] char* escape(std::string_view text, BadUtf8 bad, char* out);

// --- base64, the standard alphabet with padding ----------------------------------------------------------------------
[[nodiscard]] constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }
[[nodiscard]] char* write_base64(std::string_view bytes, char* out);

}  // namespace kvstore::protocol
