// ArgReader: reads the options of a command, word by word; the first error is kept and answered at the end.
//
//   ArgReader options(context, 2);
//   while (options.more()) {
//     if (options.option("MATCH", pattern)) continue;
//     if (options.option("COUNT", count)) continue;
//     options.fail(errors::kSyntax);
//   }
//   if (!options.finish()) return;
//
// Thread rule: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "commands/command_context.h"

namespace kvstore::commands {

class ArgReader {
 public:
  // Reads from args[first] on.
  ArgReader(CommandContext& context, std::size_t first) : context_(context), next_(first) {}

  // False at the end and after an error.
  [[nodiscard]] bool more() const { return error_.empty() && next_ < context_.args.size(); }
  // How many words are left.
  [[nodiscard]] std::size_t left() const { return context_.args.size() - next_; }
  // The next word, taken. Precondition: more().
  [[nodiscard]] std::string_view take() { return context_.args[next_++]; }
  // The next word, left where it is. Precondition: more().
  [[nodiscard]] std::string_view peek() const { return context_.args[next_]; }

  // Takes the next word when it is `name` in any case.
  [[nodiscard]] bool word(std::string_view name);
  // Takes `name` and the word after it; a missing one is a syntax error.
  [[nodiscard]] bool option(std::string_view name, std::string_view& value);
  // The same for an integer.
  [[nodiscard]] bool option(std::string_view name, std::int64_t& value);
  // The same for the number of a database.
  [[nodiscard]] bool database_option(std::string_view name, int& database);

  // Keeps the error unless there is one already.
  void fail(std::string text) { fail("ERR", std::move(text)); }
  void fail(std::string_view text) { fail("ERR", std::string(text)); }
  void fail(const char* text) { fail("ERR", std::string(text)); }
  void fail(std::string_view code, std::string text) {
    if (!error_.empty()) return;
    code_ = code;
    error_ = std::move(text);
  }
  // True when all went well; otherwise answers the first error.
  [[nodiscard]] bool finish();

 private:
  CommandContext& context_;
  std::size_t next_;
  std::string_view code_;
  std::string error_;
};

[[nodiscard]] std::optional<int> parse_int32(std::string_view text);
[[nodiscard]] constexpr bool is_database(int number) { return number >= 0 && number < store::Keyspace::kDatabases; }

// The integer that `text` spells; answers the error when it spells none.
[[nodiscard]] std::optional<std::int64_t> read_integer(CommandContext& context, std::string_view text);
// The same for the number of a database.
[[nodiscard]] std::optional<int> read_database(CommandContext& context, std::string_view text);

}  // namespace kvstore::commands
