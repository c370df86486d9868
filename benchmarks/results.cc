// Results: the JSON file of a benchmark run (see results.h).
#include "results.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "machine.h"

namespace kvstore::benchmarks {
namespace {

// Length of the valid UTF-8 sequence that begins `text`, 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;   // no overlong forms
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;  // no surrogates
    return byte(1) >= low && byte(1) <= high && follows(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;  // up to U+10FFFF
    return byte(1) >= low && byte(1) <= high && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text, length);
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + '"';
}

JsonObject& JsonObject::add_raw(std::string_view name, std::string_view json) {
  if (!members_.empty()) members_ += ", ";
  members_ += json_string(name);
  members_ += ": ";
  members_ += json;
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, std::string_view value) { return add_raw(name, json_string(value)); }

JsonObject& JsonObject::add(std::string_view name, double value) {
  return add_raw(name, std::isfinite(value) ? fmt::format("{:.6g}", value) : std::string("null"));
}

JsonObject& JsonObject::add(std::string_view name, std::span<const std::uint64_t> values) {
  std::string list;
  for (const std::uint64_t value : values) {
    if (!list.empty()) list += ", ";
    list += std::to_string(value);
  }
  return add_raw(name, "[" + list + "]");
}

Results::Results(std::string_view benchmark) {
  head_.add("benchmark", benchmark)
      .add("date", utc_now())
      .add("commit", build_commit())
      .add("compiler", build_compiler())
      .add("build_type", build_type())
      .add("processor", processor_name())
      .add("cores", processor_count());
}

std::string Results::text() const {
  std::string head = head_.text();
  head.pop_back();  // the closing brace: more members follow
  std::string out = head + ",\n \"options\": " + options_.text() + ",\n \"results\": [";
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    out += i == 0 ? "\n  " : ",\n  ";
    out += rows_[i];
  }
  return out + "\n ]}\n";
}

Status Results::write_file(const std::string& path) const {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) {
    return {StatusCode::kIoError, fmt::format("cannot write {}: {}", path, std::strerror(errno))};
  }
  const std::string content = text();
  const bool written = std::fwrite(content.data(), 1, content.size(), file) == content.size();
  const int write_errno = errno;
  if (std::fclose(file) != 0 || !written) {
    const int reason = written ? errno : write_errno;
    return {StatusCode::kIoError, fmt::format("cannot write {}: {}", path, std::strerror(reason))};
  }
  return {};
}

}  // namespace kvstore::benchmarks
