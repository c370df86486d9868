#include "protocol/resp_writer.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/text.h"

namespace kvstore::protocol {
namespace {

constexpr std::size_t kHeaderBytesMax = 24;   // a type byte, a 64-bit number with its sign, CR LF
constexpr std::size_t kQuotedBytesMax = 128;  // of a command's name, and of its arguments, in an error

inline char* write_number(char* out, std::int64_t number) {
  if (number >= 0 && number < 10) {
    *out = static_cast<char>('0' + number);
    return out + 1;
  }
  if (number >= 0 && number < 100) {
    out[0] = static_cast<char>('0' + number / 10);
    out[1] = static_cast<char>('0' + number % 10);
    return out + 2;
  }
  return std::to_chars(out, out + kHeaderBytesMax, number).ptr;
}

inline char* write_header(char* out, char type, std::int64_t number) {
  *out = type;
  out = write_number(out + 1, number);
  out[0] = '\r';
  out[1] = '\n';
  return out + 2;
}

// As far as Redis shows a word in an error: up to a zero byte, at most `bytes_max`.
std::string_view shown(std::string_view word, std::size_t bytes_max) {
  return word.substr(0, std::min(word.find('\0'), bytes_max));
}

}  // namespace

void RespWriter::begin(base::OutputBuffer& output) {
  output_ = &output;
  start_ = output.size();
  written_ = 0;
  overflowed_ = false;
}

void RespWriter::end() {
  if (!overflowed_) return;
  overflowed_ = false;
  written_ = 0;
  error("ERR", "reply exceeds the limit of " + std::to_string(kReplyBytesMax) + " bytes");
}

inline bool RespWriter::fits(std::size_t bytes) {
  if (bytes <= kReplyBytesMax - written_) [[likely]]
    return true;
  overflow();
  return false;
}

void RespWriter::overflow() {
  if (!overflowed_) output_->truncate(start_);
  overflowed_ = true;
  written_ = kReplyBytesMax;  // nothing more fits
}

inline char* RespWriter::room(std::size_t bytes) { return fits(bytes) ? output_->reserve(bytes) : nullptr; }

inline void RespWriter::commit(std::size_t bytes) {
  output_->commit(bytes);
  written_ += bytes;
}

inline void RespWriter::copy(std::string_view bytes) {
  char* const out = room(bytes.size());
  if (out == nullptr) return;
  std::memcpy(out, bytes.data(), bytes.size());
  commit(bytes.size());
}

void RespWriter::put(std::string_view bytes) { copy(bytes); }

void RespWriter::header(char type, std::int64_t number) {
  char* const out = room(kHeaderBytesMax);
  if (out == nullptr) return;
  commit(static_cast<std::size_t>(write_header(out, type, number) - out));
}

void RespWriter::bulk(std::string_view bytes) {
  char* const start = room(kHeaderBytesMax + bytes.size() + 2);
  if (start == nullptr) return;
  char* out = write_header(start, '$', static_cast<std::int64_t>(bytes.size()));
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  out += bytes.size();
  out[0] = '\r';
  out[1] = '\n';
  commit(static_cast<std::size_t>(out + 2 - start));
}

void RespWriter::bulk_slice(base::SharedBytesRef block, std::size_t offset, std::size_t length) {
  if (!fits(kHeaderBytesMax + length + 2)) return;
  header('$', static_cast<std::int64_t>(length));
  output_->append_shared(std::move(block), offset, length);
  written_ += length;
  put("\r\n");
}

// `start`, `text`, CR LF; line ends at the end of the text are dropped, others become spaces, as in Redis.
void RespWriter::line(std::string_view start, std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n')) text.remove_suffix(1);
  char* out = room(start.size() + text.size() + 2);
  if (out == nullptr) return;
  std::memcpy(out, start.data(), start.size());
  out += start.size();
  for (const char c : text) *out++ = c == '\r' || c == '\n' ? ' ' : c;
  out[0] = '\r';
  out[1] = '\n';
  commit(start.size() + text.size() + 2);
}

void RespWriter::error(std::string_view code, std::string_view text) {
  std::string start = "-";
  start += code;
  if (!code.empty()) start += ' ';
  line(start, text);
}

void RespWriter::key_set(std::string_view /*key*/) { copy("+OK\r\n"); }

void RespWriter::key_not_found(std::string_view /*key*/) { null(); }

void RespWriter::unknown_command(Args args) {
  KV_ASSERT(!args.empty());
  std::string text = "unknown command '";
  text += shown(args[0], kQuotedBytesMax);
  text += "', with args beginning with: ";
  std::size_t quoted = 0;
  for (std::size_t i = 1; i < args.size() && quoted < kQuotedBytesMax; ++i) {
    const std::string_view word = shown(args[i], kQuotedBytesMax - quoted);
    text += '\'';
    text += word;
    text += "' ";
    quoted += word.size() + 3;
  }
  error("ERR", text);
}

void RespWriter::wrong_arity(std::string_view command) {
  std::string text = "wrong number of arguments for '";
  text += command;
  text += "' command";
  error("ERR", text);
}

void Resp2Writer::real(double value) { bulk(base::format_double(value)); }

void Resp3Writer::real(double value) { put("," + base::format_double(value) + "\r\n"); }

void Resp3Writer::verbatim(std::string_view text) {
  constexpr std::string_view kKind = "txt:";
  header('=', static_cast<std::int64_t>(kKind.size() + text.size()));
  put(kKind);
  put(text);
  put("\r\n");
}

}  // namespace kvstore::protocol
