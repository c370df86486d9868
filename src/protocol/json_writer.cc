#include "protocol/json_writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "protocol/json_text.h"

namespace kvstore::protocol {
namespace {

constexpr std::string_view kOpenValue = R"({"status": "OK", "value": )";

// From this size on a copy is made into a block of its own, so that the output's tail does not have to move.
constexpr std::size_t kBlockBytes = 64 * 1024;
constexpr std::size_t kRememberedRetained = 64;

}  // namespace

// --- one reply -------------------------------------------------------------------------------------------------------

void JsonLineWriter::begin(base::OutputBuffer& output) {
  output_ = &output;
  out_ = &output;
  start_ = output.size();
  written_ = 0;
  overflowed_ = false;
}

void JsonLineWriter::end() {
  if (!remembered_.empty()) splice();
  if (overflowed_) {
    overflowed_ = false;
    written_ = 0;
    levels_.clear();
    error("ERR", "reply exceeds the limit of " + std::to_string(kReplyBytesMax) + " bytes");
  }
  KV_ASSERT(levels_.empty());
}

// Puts the remembered values between the pieces of staged_.
void JsonLineWriter::splice() {
  out_ = output_;
  std::string_view staged;
  iovec piece{};
  if (staged_.fill(&piece, 1) == 1) staged = {static_cast<const char*>(piece.iov_base), piece.iov_len};
  std::size_t copied = 0;
  for (const Remembered& value : remembered_) {
    if (overflowed_) break;
    out_->append(staged.substr(copied, value.offset - copied));  // counted when it was staged
    copied = value.offset;
    typed_value(value.bytes, value.place, value.block);
  }
  if (!overflowed_) out_->append(staged.substr(copied));
  staged_.clear();
  remembered_.clear();
  if (remembered_.capacity() > kRememberedRetained) remembered_.shrink_to_fit();
}

// --- structure -------------------------------------------------------------------------------------------------------

JsonLineWriter::Place JsonLineWriter::separate() {
  if (levels_.empty()) return Place::kTop;
  Level& level = levels_.back();
  const bool is_map = level.opening == '{';
  const bool is_key = is_map && level.left % 2 == 0;
  if (is_map && !is_key) {
    put(": ");
  } else if (!level.first) {
    put(", ");
  }
  level.first = false;
  return is_key ? Place::kKey : Place::kElement;
}

void JsonLineWriter::finish_value(Place place) {
  if (place == Place::kTop) {
    put("}\n");
  } else {
    close_levels();
  }
}

void JsonLineWriter::finish_object(Place place) {
  KV_ASSERT(place != Place::kKey);
  if (place == Place::kTop) {
    put("\n");
  } else {
    close_levels();
  }
}

// One more element is complete, and with it every aggregate that it was the last of.
void JsonLineWriter::close_levels() {
  while (!levels_.empty()) {
    if (--levels_.back().left > 0) return;
    put(levels_.back().opening == '{' ? "}" : "]");
    levels_.pop_back();
  }
  put("}\n");
}

void JsonLineWriter::open(char opening, std::size_t elements) {
  if (overflowed_) return;
  const Place place = separate();
  KV_ASSERT(place != Place::kKey);
  if (place == Place::kTop) put(kOpenValue);
  if (elements == 0) {
    put(opening == '{' ? "{}" : "[]");
    finish_value(place);
    return;
  }
  put({&opening, 1});
  levels_.push_back({opening, true, elements});
}

// --- values ----------------------------------------------------------------------------------------------------------

void JsonLineWriter::literal(std::string_view text) {
  if (overflowed_) return;
  const Place place = separate();
  if (place == Place::kTop) put(kOpenValue);
  if (place == Place::kKey) put("\"");
  put(text);
  if (place == Place::kKey) put("\"");
  finish_value(place);
}

void JsonLineWriter::integer(std::int64_t value) {
  char digits[24];
  const char* const end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  literal({digits, static_cast<std::size_t>(end - digits)});
}

void JsonLineWriter::real(double value) {
  const std::string text = base::format_double(value);
  if (std::isfinite(value)) {
    literal(text);
  } else {
    text_value(text);
  }
}

void JsonLineWriter::simple(std::string_view text) {
  if (!levels_.empty() || text != "OK") return text_value(text);
  put("{\"status\": \"OK\"}\n");
}

void JsonLineWriter::text_value(std::string_view text) {
  if (overflowed_) return;
  const Place place = separate();
  if (place == Place::kTop) put(kOpenValue);
  put_any_string(text);
  finish_value(place);
}

void JsonLineWriter::bulk(std::string_view bytes) {
  if (overflowed_) return;
  const Place place = separate();
  typed_value(bytes, place, {});
  finish_value(place);
}

void JsonLineWriter::bulk_slice(base::SharedBytesRef block, std::size_t offset, std::size_t length) {
  if (overflowed_) return;
  const Place place = separate();
  out_ = &staged_;
  const std::string_view bytes = block->view().substr(offset, length);
  remembered_.push_back({staged_.size(), place, bytes, std::move(block)});
  finish_value(place);
}

// `block` is where the bytes of a large value live; it is empty otherwise.
void JsonLineWriter::typed_value(std::string_view bytes, Place place, const base::SharedBytesRef& block) {
  if (place == Place::kKey) return put_any_string(bytes);
  const bool top = place == Place::kTop;
  if (validator_.valid(bytes)) {
    if (top) put(kOpenValue);
    put_json(bytes, block);
  } else if (is_utf8(bytes)) {
    if (top) put(kOpenValue);
    put_string(bytes, block);
  } else {
    put(top ? R"({"status": "OK", "value_base64": ")" : R"({"base64": ")");
    put_base64(bytes);
    put(top ? R"(")" : R"("})");
  }
}

// --- objects with a status of their own
// --------------------------------------------------------------------------------

void JsonLineWriter::error(std::string_view code, std::string_view text) {
  if (overflowed_) return;
  const Place place = separate();
  put(R"({"status": "ERROR", )");
  if (!code.empty() && code != "ERR") {
    put(R"("code": )");
    put_any_string(code);
    put(", ");
  }
  put(R"("message": )");
  put_any_string(text);
  put("}");
  finish_object(place);
}

void JsonLineWriter::message(std::string_view text) {
  if (overflowed_) return;
  const Place place = separate();
  put(R"({"status": "OK", "message": )");
  put_any_string(text);
  put("}");
  finish_object(place);
}

void JsonLineWriter::key_set(std::string_view key) {
  key_message(R"({"status": "OK", "message": "Key ')", key, R"(' set"})");
}

void JsonLineWriter::key_not_found(std::string_view key) {
  key_message(R"({"status": "ERROR", "message": "Key ')", key, R"(' not found"})");
}

void JsonLineWriter::key_message(std::string_view opening, std::string_view key, std::string_view closing) {
  if (overflowed_) return;
  const Place place = separate();
  put(opening);
  put_escaped(key);
  put(closing);
  finish_object(place);
}

void JsonLineWriter::deleted(bool was_there) {
  if (overflowed_) return;
  const Place place = separate();
  put(was_there ? R"({"status": "OK"})" : R"({"status": "ERROR"})");
  finish_object(place);
}

void JsonLineWriter::unknown_command(Args /*args*/) { error("ERR", "Unknown command"); }

void JsonLineWriter::wrong_arity(std::string_view command) {
  error("ERR", "Wrong number of arguments for '" + base::ascii_upper(command) + "'");
}

// --- bytes -----------------------------------------------------------------------------------------------------------

bool JsonLineWriter::fits(std::size_t bytes) {
  if (bytes <= kReplyBytesMax - written_) return true;
  if (!overflowed_) output_->truncate(start_);
  overflowed_ = true;
  written_ = kReplyBytesMax;  // nothing more fits
  return false;
}

template <typename Write>
void JsonLineWriter::put_exactly(std::size_t bytes, Write write) {
  if (__builtin_expect(!fits(bytes), false)) return;
  written_ += bytes;
  if (bytes < kBlockBytes || out_ == &staged_) {  // staged_ stays one piece, see splice()
    char* const out = out_->reserve(bytes);
    write(out);
    out_->commit(bytes);
    return;
  }
  base::SharedBytesRef block = base::SharedBytesRef::allocate(bytes, bytes);
  write(block->data());
  out_->append_shared(std::move(block), 0, bytes);
}

void JsonLineWriter::put(std::string_view bytes) {
  put_exactly(bytes.size(), [bytes](char* out) { std::memcpy(out, bytes.data(), bytes.size()); });
}

// `bytes` as they are; by reference when they belong to a block.
void JsonLineWriter::put_unchanged(std::string_view bytes, const base::SharedBytesRef& block) {
  if (!block) return put(bytes);
  if (!fits(bytes.size())) return;
  written_ += bytes.size();
  out_->append_shared(block, static_cast<std::size_t>(bytes.data() - block->data()), bytes.size());
}

// One JSON text; outside its strings, where alone they can stand, line ends become spaces.
void JsonLineWriter::put_json(std::string_view text, const base::SharedBytesRef& block) {
  if (text.find('\n') != std::string_view::npos || text.find('\r') != std::string_view::npos) {
    put_exactly(text.size(), [text](char* out) {
      std::transform(text.begin(), text.end(), out, [](char c) { return c == '\n' || c == '\r' ? ' ' : c; });
    });
  } else {
    put_unchanged(text, block);
  }
}

void JsonLineWriter::put_string(std::string_view text, const base::SharedBytesRef& block) {
  const std::size_t size = escaped_size(text, BadUtf8::kAbsent);
  put("\"");
  if (size != text.size()) {
    put_exactly(size, [text](char* out) { static_cast<void>(escape(text, BadUtf8::kAbsent, out)); });
  } else {
    put_unchanged(text, block);
  }
  put("\"");
}

void JsonLineWriter::put_any_string(std::string_view text) {
  put("\"");
  put_escaped(text);
  put("\"");
}

void JsonLineWriter::put_escaped(std::string_view text) {
  const std::size_t size = escaped_size(text, BadUtf8::kReplace);
  if (size == text.size()) return put(text);
  put_exactly(size, [text](char* out) { static_cast<void>(escape(text, BadUtf8::kReplace, out)); });
}

void JsonLineWriter::put_base64(std::string_view bytes) {
  put_exactly(base64_size(bytes.size()), [bytes](char* out) { static_cast<void>(write_base64(bytes, out)); });
}

}  // namespace kvstore::protocol
