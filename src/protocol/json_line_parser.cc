#include "protocol/json_line_parser.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "base/text.h"
#include "protocol/line_words.h"

namespace kvstore::protocol {
namespace {

std::string_view trim_blanks(std::string_view line) {
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  return line;
}

bool starts_with_ignoring_case(std::string_view line, std::string_view prefix) {
  return line.size() >= prefix.size() && base::equals_ignoring_case(line.substr(0, prefix.size()), prefix);
}

// A line that no client of ours sends and every browser does. `line` has no blanks at its ends.
bool gives_http_away(std::string_view line) {
  const char first = base::ascii_lower(line.front());
  if (first == 'p') return starts_with_ignoring_case(line, "post ") || base::equals_ignoring_case(line, "post");
  return first == 'h' && starts_with_ignoring_case(line, "host:");
}

// "<method> <path> HTTP/<digit>...": three words, so that "GET key" and "SET key HTTP/1.1" stay commands.
bool is_http_request_line(std::string_view line) {
  constexpr std::array<std::string_view, 10> kMethods = {"GET",     "HEAD",  "POST",  "PUT",     "DELETE",
                                                         "CONNECT", "PATCH", "TRACE", "OPTIONS", "PRI"};
  const std::size_t version = line.find_last_of(" \t") + 1;
  if (version == 0 || !starts_with_ignoring_case(line.substr(version), "HTTP/")) return false;
  if (line.size() - version < 6 || line[version + 5] < '0' || line[version + 5] > '9') return false;
  const std::string_view method = line.substr(0, line.find_first_of(" \t"));
  const std::string_view path = trim_blanks(line.substr(method.size(), version - method.size()));
  if (path.empty() || path.find_first_of(" \t") != std::string_view::npos) return false;
  return std::any_of(kMethods.begin(), kMethods.end(),
                     [method](std::string_view known) { return base::equals_ignoring_case(known, method); });
}

void split_line(std::string_view line, std::vector<std::string_view>& words, base::Scratch& scratch) {
  LineWords source(line, scratch);
  std::string_view word;
  if (!source.next(word)) return;
  words.push_back(word);
  if (word.size() == 3 && base::equals_ignoring_case(word, "set")) {
    if (!source.next(word)) return;
    words.push_back(word);
    if (!source.rest().empty()) split_set_rest(source.rest(), words, scratch);
    return;
  }
  while (source.next(word)) words.push_back(word);
}

}  // namespace

ParseResult JsonLineParser::parse(std::string_view input, std::vector<std::string_view>& words,
                                  base::Scratch& scratch) {
  // One byte more than the longest line may hold its end; the answer is the same in whatever pieces a line comes.
  const std::size_t window = std::min(input.size(), line_bytes_max_ + 1);
  const void* const found =
      searched_ < window ? std::memchr(input.data() + searched_, '\n', window - searched_) : nullptr;
  if (found == nullptr) {
    searched_ = window;
    if (window <= line_bytes_max_) return {};
    error_ = "ERR Request line exceeds the limit of " + std::to_string(line_bytes_max_) + " bytes";
    return {ParseStatus::kError, 0};
  }
  searched_ = 0;
  const auto length = static_cast<std::size_t>(static_cast<const char*>(found) - input.data());
  const std::size_t consumed = length + 1;
  std::string_view line = input.substr(0, length);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  line = trim_blanks(line);
  if (line.empty()) return {ParseStatus::kNothing, consumed};
  if (gives_http_away(line) || (at_first_line_ && is_http_request_line(line))) {
    return {ParseStatus::kClose, consumed};
  }
  at_first_line_ = false;
  split_line(line, words, scratch);
  return {ParseStatus::kRequest, consumed};
}

}  // namespace kvstore::protocol
