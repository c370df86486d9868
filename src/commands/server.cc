// The server as a whole: INFO, CONFIG, TIME.
//
// Thread rule: any worker; no shard is locked.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "commands/args.h"
#include "commands/errors.h"
#include "commands/families.h"
#include "commands/subcommands.h"

namespace kvstore::commands {

namespace {

// --- INFO ------------------------------------------------------------------------------------------------------------

// Adds a section's lines, each ended by CR LF whether it had a CR or not, behind an empty line when it is not the
// first.
void add_section(std::string& text, std::string_view section) {
  if (section.empty()) return;
  if (!text.empty()) text += "\r\n";
  for (std::size_t begin = 0; begin < section.size();) {
    const std::size_t end = std::min(section.find('\n', begin), section.size());
    std::string_view line = section.substr(begin, end - begin);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    text += line;
    text += "\r\n";
    begin = end + 1;
  }
}

void info(CommandContext& context) {
  std::vector<std::string> wanted;
  bool all = context.args.size() == 1;
  for (const std::string_view word : context.args.subspan(1)) {
    wanted.push_back(base::ascii_lower(word));
    all = all || wanted.back() == "default" || wanted.back() == "all" || wanted.back() == "everything";
  }
  std::string text;
  for (const std::string_view section : context.server.info_sections()) {
    if (all || std::find(wanted.begin(), wanted.end(), section) != wanted.end()) {
      add_section(text, context.server.info_section(section));
    }
  }
  context.reply.verbatim(text);
}

// --- CONFIG ----------------------------------------------------------------------------------------------------------

void config_get(CommandContext& context) {
  const auto matches = [&context](const std::string& name) {
    const protocol::Args patterns = context.args.subspan(2);
    return std::any_of(patterns.begin(), patterns.end(), [&name](std::string_view pattern) {
      return base::glob_match(pattern, name, /*ignore_case=*/true);
    });
  };
  auto values = context.server.config();
  std::erase_if(values, [&matches](const auto& value) { return !matches(value.first); });
  context.reply.map(values.size());
  for (const auto& [name, value] : values) {
    context.reply.bulk(name);
    context.reply.bulk(value);
  }
}

void config_resetstat(CommandContext& context) {
  context.server.reset_statistics();
  context.reply.ok();
}

void config_set(CommandContext& context) {
  context.reply.error("CONFIG SET is not supported: give the option when starting the server");
}

// --- TIME --------------------------------------------------------------------------------------------------

void time(CommandContext& context) {
  constexpr std::int64_t kMicrosPerSecond = 1'000'000;
  context.reply.array(2);
  context.reply.bulk(std::to_string(context.now_us / kMicrosPerSecond));
  context.reply.bulk(std::to_string(context.now_us % kMicrosPerSecond));
}

// --- the tables ------------------------------------------------------------------------------------------------------

constexpr std::uint32_t kAdminAnyTime = kAdmin | kNoScript | kLoading | kStale;
constexpr std::string_view kAdminCategories = "@admin @slow @dangerous";

constexpr auto kConfigSubcommands = std::to_array<Command>({
    {.name = "config|get",
     .handler = config_get,
     .arity = -3,
     .flags = kAdminAnyTime,
     .syntax = "<pattern> [<pattern> ...]",
     .summary = "Answers the options whose names match and their values.",
     .since = "2.0.0",
     .group = "server",
     .complexity = "O(N) where N is the number of options",
     .acl_categories = kAdminCategories},
    {.name = "config|help",
     .handler = reply_help,
     .arity = 2,
     .flags = kLoading | kStale,
     .summary = "Answers this help.",
     .since = "5.0.0",
     .group = "server",
     .complexity = "O(1)",
     .acl_categories = "@slow"},
    {.name = "config|resetstat",
     .handler = config_resetstat,
     .arity = 2,
     .flags = kAdminAnyTime,
     .summary = "Sets the counters that INFO shows back to zero.",
     .since = "2.0.0",
     .group = "server",
     .complexity = "O(1)",
     .acl_categories = kAdminCategories},
    {.name = "config|set",
     .handler = config_set,
     .arity = -4,
     .flags = kAdminAnyTime,
     .syntax = "<option> <value> [<option> <value> ...]",
     .summary = "Answers an error: options are given when the server is started.",
     .since = "2.0.0",
     .group = "server",
     .complexity = "O(1)",
     .acl_categories = kAdminCategories,
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
});

constexpr auto kRows = std::to_array<Command>({
    {.name = "config",
     .handler = run_subcommand,
     .arity = -2,
     .summary = "Commands about the server's options.",
     .since = "2.0.0",
     .group = "server",
     .complexity = "Depends on the subcommand",
     .acl_categories = "@slow",
     .subcommands = kConfigSubcommands},
    {.name = "info",
     .handler = info,
     .arity = -1,
     .flags = kLoading | kStale,
     .syntax = "[section [section ...]]",
     .summary = "Answers figures about the server, for people and monitoring.",
     .since = "1.0.0",
     .group = "server",
     .complexity = "O(1)",
     .acl_categories = "@slow @dangerous",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special"},
    {.name = "time",
     .handler = time,
     .arity = 1,
     .flags = kLoading | kStale | kFast,
     .summary = "Answers the server's clock: seconds since 1970 and microseconds.",
     .since = "2.6.0",
     .group = "server",
     .complexity = "O(1)",
     .acl_categories = "@fast",
     .tips = "nondeterministic_output"},
});

}  // namespace

std::span<const Command> server_commands() { return kRows; }

}  // namespace kvstore::commands
