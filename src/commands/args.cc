#include "commands/args.h"

#include <limits>

#include "base/text.h"
#include "commands/errors.h"

namespace kvstore::commands {

namespace {

// The database that `text` names, or the error it deserves.
std::string_view parse_database(std::string_view text, int& database) {
  const std::optional<int> number = parse_int32(text);
  if (!number) return base::parse_int64(text) ? errors::kNotInt32 : errors::kNotInteger;
  if (!is_database(*number)) return errors::kDatabase;
  database = *number;
  return {};
}

}  // namespace

bool ArgReader::word(std::string_view name) {
  if (!base::equals_ignoring_case(peek(), name)) return false;
  ++next_;
  return true;
}

bool ArgReader::option(std::string_view name, std::string_view& value) {
  if (!word(name)) return false;
  if (more()) {
    value = take();
  } else {
    fail(errors::kSyntax);
  }
  return true;
}

bool ArgReader::option(std::string_view name, std::int64_t& value) {
  std::string_view text;
  if (!option(name, text)) return false;
  if (const std::optional<std::int64_t> number = base::parse_int64(text)) {
    value = *number;
  } else {
    fail(errors::kNotInteger);
  }
  return true;
}

bool ArgReader::database_option(std::string_view name, int& database) {
  std::string_view text;
  if (!option(name, text)) return false;
  if (const std::string_view error = parse_database(text, database); !error.empty()) fail(error);
  return true;
}

bool ArgReader::finish() {
  if (error_.empty()) return true;
  context_.reply.error(code_, error_);
  return false;
}

std::optional<int> parse_int32(std::string_view text) {
  const std::optional<std::int64_t> number = base::parse_int64(text);
  if (!number || *number < std::numeric_limits<int>::min() || *number > std::numeric_limits<int>::max()) {
    return std::nullopt;
  }
  return static_cast<int>(*number);
}

std::optional<std::int64_t> read_integer(CommandContext& context, std::string_view text) {
  const std::optional<std::int64_t> number = base::parse_int64(text);
  if (!number) context.reply.error(errors::kNotInteger);
  return number;
}

std::optional<int> read_database(CommandContext& context, std::string_view text) {
  int database = 0;
  const std::string_view error = parse_database(text, database);
  if (error.empty()) return database;
  context.reply.error(error);
  return std::nullopt;
}

}  // namespace kvstore::commands
