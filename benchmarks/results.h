// Results: what a benchmark writes with --json: where and when it ran, its options, and one row a measurement.
//
// Thread rule: one thread.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvstore/status.h"

namespace kvstore::benchmarks {

// A JSON object under construction; members stay in the order they were added.
class JsonObject {
 public:
  JsonObject& add(std::string_view name, std::string_view value);
  JsonObject& add(std::string_view name, const char* value) { return add(name, std::string_view(value)); }
  JsonObject& add(std::string_view name, double value);  // null when it is not finite: JSON has no such numbers
  JsonObject& add(std::string_view name, bool value) { return add_raw(name, value ? "true" : "false"); }
  template <std::integral Integer>
  JsonObject& add(std::string_view name, Integer value) {
    return add_raw(name, std::to_string(value));
  }
  JsonObject& add(std::string_view name, std::span<const std::uint64_t> values);
  JsonObject& add(std::string_view name, const JsonObject& object) { return add_raw(name, object.text()); }

  [[nodiscard]] std::string text() const { return "{" + members_ + "}"; }

 private:
  JsonObject& add_raw(std::string_view name, std::string_view json);

  std::string members_;
};

// `text` as a JSON string literal. Bytes that are not UTF-8 become U+FFFD, so that the file always parses.
[[nodiscard]] std::string json_string(std::string_view text);

class Results {
 public:
  // `benchmark` is the program's name.
  explicit Results(std::string_view benchmark);
  // Every option of the command line, with the value that was in force.
  JsonObject& options() { return options_; }
  void add_row(const JsonObject& row) { rows_.push_back(row.text()); }
  void add_row_text(std::string json) { rows_.push_back(std::move(json)); }

  [[nodiscard]] std::string text() const;
  // Replaces the file; kIoError with the reason when it cannot be written.
  [[nodiscard]] Status write_file(const std::string& path) const;

 private:
  JsonObject head_;
  JsonObject options_;
  std::vector<std::string> rows_;
};

}  // namespace kvstore::benchmarks
