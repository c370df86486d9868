#include "protocol/json_text.h"

#include <simdjson.h>

#include <array>
#include <cstring>

namespace kvstore::protocol {
namespace {

constexpr std::uint64_t every_byte(std::uint8_t byte) { return 0x0101010101010101U * byte; }
constexpr std::uint64_t kHighBits = every_byte(0x80);

std::uint64_t load8(const char* p) {
  std::uint64_t word = 0;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

// Non-zero when one of the 8 bytes is a control character, '"' or '\'. A byte's borrow reaches its neighbour only when
// the byte itself was found, so the answer "none" is always right.
constexpr std::uint64_t needs_escape(std::uint64_t word) {
  const std::uint64_t control = word - every_byte(0x20);
  const std::uint64_t quote = (word ^ every_byte('"')) - every_byte(1);
  const std::uint64_t backslash = (word ^ every_byte('\\')) - every_byte(1);
  return (control | quote | backslash) & ~word & kHighBits;
}

bool is_special(unsigned char byte) { return byte < 0x20 || byte == '"' || byte == '\\'; }

// For each byte the letter behind its backslash; 'u' for \u00XX; 0 for no escape.
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> table{};
  for (std::size_t i = 0; i < 0x20; ++i) table[i] = 'u';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  table['\b'] = 'b';
  table['\f'] = 'f';
  table['"'] = '"';
  table['\\'] = '\\';
  return table;
}();

constexpr std::string_view kReplacement = "\\ufffd";
constexpr std::string_view kHexDigits = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Four hex digits at p, or -1.
int read_hex4(const char* p, const char* end) {
  if (end - p < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_value(p[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

bool is_high_surrogate(int unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(int unit) { return unit >= 0xDC00 && unit < 0xE000; }

// The second half of a surrogate pair, \uDC00 to \uDFFF, at p; or -1.
int read_low_surrogate(const char* p, const char* end) {
  if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return -1;
  const int unit = read_hex4(p + 2, end);
  return is_low_surrogate(unit) ? unit : -1;
}

// The escape whose backslash is at p: its length (2, 6 or, for a surrogate pair, 12), or 0.
std::size_t scan_escape(const char* p, const char* end, bool& lone_surrogate) {
  if (end - p < 2) return 0;
  if (p[1] != 'u') return std::strchr("\"\\/bfnrt", p[1]) != nullptr && p[1] != '\0' ? 2 : 0;
  const int unit = read_hex4(p + 2, end);
  if (unit < 0) return 0;
  if (is_high_surrogate(unit) && read_low_surrogate(p + 6, end) >= 0) return 12;
  if (is_high_surrogate(unit) || is_low_surrogate(unit)) lone_surrogate = true;
  return 6;
}

char* write_utf8(int code, char* out) {
  const auto put = [&out](int byte) { *out++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
  return out;
}

char decode_letter(char letter) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return letter;
  }
}

// Length of the well-formed UTF-8 sequence at the start of `text` (Unicode 15, table 3-7), or 0.
std::size_t utf8_sequence(std::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xC0U) != 0x80U) return 0;
  }
  return length;
}

// Calls `plain(begin, length)` for runs that stay as they are, `special(byte)` for bytes that are escaped and `bad()`
// for those that are part of no character, in order.
template <typename Plain, typename Special, typename Bad>
void walk(std::string_view text, BadUtf8 bad_utf8, Plain plain, Special special, Bad bad) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const std::uint64_t high_bits = bad_utf8 == BadUtf8::kReplace ? kHighBits : 0;
  while (p != end) {
    const char* const run = p;
    while (end - p >= 8 && (needs_escape(load8(p)) | (load8(p) & high_bits)) == 0) p += 8;
    while (p != end && !is_special(static_cast<unsigned char>(*p))) {
      if (high_bits != 0 && static_cast<signed char>(*p) < 0) {
        const std::size_t length = utf8_sequence({p, static_cast<std::size_t>(end - p)});
        if (length == 0) break;
        p += length;
      } else {
        ++p;
      }
    }
    if (p != run) plain(run, static_cast<std::size_t>(p - run));
    if (p == end) return;
    if (is_special(static_cast<unsigned char>(*p))) {
      special(static_cast<unsigned char>(*p));
    } else {
      bad();
    }
    ++p;
  }
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  while (end - p >= 8 && (load8(p) & kHighBits) == 0) p += 8;
  while (p != end && static_cast<signed char>(*p) >= 0) ++p;
  return p == end || simdjson::validate_utf8(p, static_cast<std::size_t>(end - p));
}

StringLiteral scan_string_literal(std::string_view text) {
  StringLiteral literal;
  if (text.empty() || text.front() != '"') return literal;
  const char* p = text.data() + 1;
  const char* const end = text.data() + text.size();
  std::uint64_t seen = 0;
  for (;;) {
    while (end - p >= 8) {
      const std::uint64_t word = load8(p);
      if (needs_escape(word) != 0) break;
      seen |= word;
      p += 8;
    }
    while (p != end && !is_special(static_cast<unsigned char>(*p))) {
      seen |= static_cast<unsigned char>(*p);
      ++p;
    }
    if (p == end) return {};
    if (*p == '"') break;
    if (*p != '\\') return {};
    const std::size_t escape_length = scan_escape(p, end, literal.has_lone_surrogate);
    if (escape_length == 0) return {};
    literal.has_escapes = true;
    p += escape_length;
  }
  literal.length = static_cast<std::size_t>(p + 1 - text.data());
  literal.has_non_ascii = (seen & kHighBits) != 0;
  return literal;
}

StringLiteral match_string_literal(std::string_view text) {
  const StringLiteral literal = scan_string_literal(text);
  if (literal.has_lone_surrogate) return {};
  if (literal.has_non_ascii && !is_utf8(text.substr(0, literal.length))) return {};
  return literal;
}

char* decode_string_literal(std::string_view literal, char* out) {
  const char* p = literal.data() + 1;
  const char* const end = literal.data() + literal.size() - 1;
  while (p != end) {
    const void* const found = std::memchr(p, '\\', static_cast<std::size_t>(end - p));
    const char* const stop = found != nullptr ? static_cast<const char*>(found) : end;
    std::memcpy(out, p, static_cast<std::size_t>(stop - p));
    out += stop - p;
    p = stop;
    if (p == end) break;
    if (p[1] != 'u') {
      *out++ = decode_letter(p[1]);
      p += 2;
      continue;
    }
    int code = read_hex4(p + 2, end);
    p += 6;
    if (is_high_surrogate(code)) {
      code = 0x10000 + ((code - 0xD800) << 10) + (read_low_surrogate(p, end) - 0xDC00);
      p += 6;
    }
    out = write_utf8(code, out);
  }
  return out;
}

std::size_t escaped_size(std::string_view text, BadUtf8 bad) {
  std::size_t size = 0;
  walk(
      text, bad, [&size](const char*, std::size_t length) { size += length; },
      [&size](unsigned char byte) { size += kEscapes[byte] == 'u' ? 6 : 2; }, [&size] { size += kReplacement.size(); });
  return size;
}

char* escape(std::string_view text, BadUtf8 bad, char* out) {
  walk(
      text, bad,
      [&out](const char* run, std::size_t length) {
        std::memcpy(out, run, length);
        out += length;
      },
      [&out](unsigned char byte) {
        *out++ = '\\';
        *out++ = kEscapes[byte];
        if (kEscapes[byte] != 'u') return;
        *out++ = '0';
        *out++ = '0';
        *out++ = kHexDigits[byte >> 4];
        *out++ = kHexDigits[byte & 0xF];
      },
      [&out] { out += kReplacement.copy(out, kReplacement.size()); });
  return out;
}

char* write_base64(std::string_view bytes, char* out) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto at = [bytes](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const unsigned group = (at(i) << 16U) | (at(i + 1) << 8U) | at(i + 2);
    *out++ = kAlphabet[group >> 18U];
    *out++ = kAlphabet[(group >> 12U) & 63U];
    *out++ = left > 1 ? kAlphabet[(group >> 6U) & 63U] : '=';
    *out++ = left > 2 ? kAlphabet[group & 63U] : '=';
  }
  return out;
}

}  // namespace kvstore::protocol
