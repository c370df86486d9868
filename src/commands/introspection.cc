// COMMAND: the command table as clients see it.
//
// Thread rule: reads constants only.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "commands/args.h"
#include "commands/command_table.h"
#include "commands/errors.h"
#include "commands/families.h"
#include "commands/subcommands.h"

namespace kvstore::commands {

namespace {

using protocol::ReplyWriter;

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

void reply_set(ReplyWriter& reply, const std::vector<std::string_view>& words) {
  reply.set(words.size());
  for (const std::string_view word : words) reply.simple(word);
}

std::vector<const Command*> announced(const CommandTable& table) {
  std::vector<const Command*> rows(table.all().begin(), table.all().end());
  std::erase_if(rows, [](const Command* row) { return (row->flags & kHidden) != 0; });
  return rows;
}

// --- COMMAND, COMMAND INFO -------------------------------------------------------------------------------------------

std::vector<std::string_view> flag_names(std::uint32_t flags) {
  static constexpr std::pair<Flag, std::string_view> kNames[] = {
      {kWrite, "write"},
      {kReadonly, "readonly"},
      {kDenyOom, "denyoom"},
      {kAdmin, "admin"},
      {kFast, "fast"},
      {kLoading, "loading"},
      {kStale, "stale"},
      {kNoScript, "noscript"},
      {kNoAuth, "no_auth"},
      {kNoMulti, "no_multi"},
      {kSkipMonitor, "skip_monitor"},
      {kAllowBusy, "allow_busy"},
  };
  std::vector<std::string_view> names;
  for (const auto& [flag, name] : kNames) {
    if ((flags & flag) != 0) names.push_back(name);
  }
  return names;
}

// Where the keys are, in the form Redis 7 added: one range that begins at a fixed word.
void reply_key_specs(ReplyWriter& reply, const Command& row) {
  if (row.keys.first == 0) return reply.array(0);
  reply.array(1);
  reply.map(3);
  reply.bulk("flags");
  const bool writes = (row.flags & kWrite) != 0;
  reply_set(reply, writes ? std::vector<std::string_view>{"RW", "access", "update"}
                          : std::vector<std::string_view>{"RO", "access"});
  reply.bulk("begin_search");
  reply.map(2);
  reply.bulk("type");
  reply.bulk("index");
  reply.bulk("spec");
  reply.map(1);
  reply.bulk("index");
  reply.integer(row.keys.first);
  reply.bulk("find_keys");
  reply.map(2);
  reply.bulk("type");
  reply.bulk("range");
  reply.bulk("spec");
  reply.map(3);
  reply.bulk("lastkey");  // counted from the first key; negative from the end
  reply.integer(row.keys.last < 0 ? row.keys.last : row.keys.last - row.keys.first);
  reply.bulk("keystep");
  reply.integer(row.keys.step);
  reply.bulk("limit");
  reply.integer(0);
}

void reply_info(ReplyWriter& reply, const Command& row) {
  reply.array(10);
  reply.bulk(row.name);
  reply.integer(row.arity);
  reply_set(reply, flag_names(row.flags));
  reply.integer(row.keys.first);
  reply.integer(row.keys.last);
  reply.integer(row.keys.step);
  reply_set(reply, split_words(row.acl_categories));
  const std::vector<std::string_view> tips = split_words(row.tips);
  reply.array(tips.size());
  for (const std::string_view tip : tips) reply.bulk(tip);
  reply_key_specs(reply, row);
  reply.array(row.subcommands.size());
  for (const Command& subcommand : row.subcommands) reply_info(reply, subcommand);
}

void reply_info_of_all(CommandContext& context) {
  const std::vector<const Command*> rows = announced(context.table);
  context.reply.array(rows.size());
  for (const Command* row : rows) reply_info(context.reply, *row);
}

void command(CommandContext& context) {
  if (context.args.size() == 1) return reply_info_of_all(context);
  run_subcommand(context);
}

void command_info(CommandContext& context) {
  if (context.args.size() == 2) return reply_info_of_all(context);
  context.reply.array(context.args.size() - 2);
  for (const std::string_view name : context.args.subspan(2)) {
    if (const Command* row = context.table.find_full(name)) {
      reply_info(context.reply, *row);
    } else {
      context.reply.null();
    }
  }
}

void command_count(CommandContext& context) {
  context.reply.integer(static_cast<std::int64_t>(announced(context.table).size()));
}

// --- COMMAND DOCS ----------------------------------------------------------------------------------------------------

void reply_docs(ReplyWriter& reply, const Command& row) {
  const std::pair<std::string_view, std::string_view> members[] = {
      {"summary", row.summary},       {"since", row.since},   {"group", row.group},
      {"complexity", row.complexity}, {"syntax", row.syntax},
  };
  std::size_t count = row.subcommands.empty() ? 0 : 1;
  for (const auto& member : members) count += member.second.empty() ? 0 : 1;

  reply.bulk(row.name);
  reply.map(count);
  for (const auto& [name, text] : members) {
    if (text.empty()) continue;
    reply.bulk(name);
    reply.bulk(text);
  }
  if (row.subcommands.empty()) return;
  reply.bulk("subcommands");
  reply.map(row.subcommands.size());
  for (const Command& subcommand : row.subcommands) reply_docs(reply, subcommand);
}

void command_docs(CommandContext& context) {
  std::vector<const Command*> rows;
  if (context.args.size() == 2) {
    rows = announced(context.table);
  } else {
    for (const std::string_view name : context.args.subspan(2)) {
      if (const Command* row = context.table.find_full(name)) rows.push_back(row);
    }
  }
  context.reply.map(rows.size());
  for (const Command* row : rows) reply_docs(context.reply, *row);
}

// --- COMMAND LIST ----------------------------------------------------------------------------------------------------

struct ListFilter {
  bool module = false;  // there are no modules: nothing passes
  std::optional<std::string_view> category;
  std::optional<std::string_view> pattern;

  [[nodiscard]] bool accepts(const Command& row) const {
    if (module) return false;
    if (pattern) return base::glob_match(*pattern, row.name, /*ignore_case=*/true);
    if (!category) return true;
    const std::vector<std::string_view> categories = split_words(row.acl_categories);
    return std::any_of(categories.begin(), categories.end(),
                       [this](std::string_view name) { return base::equals_ignoring_case(name.substr(1), *category); });
  }
};

[[nodiscard]] bool parse_list_filter(CommandContext& context, ListFilter& filter) {
  ArgReader words(context, 2);
  if (!words.more()) return true;
  if (words.left() == 3 && words.word("FILTERBY")) {
    std::string_view text;
    if (words.option("MODULE", text)) {
      filter.module = true;
    } else if (words.option("ACLCAT", text)) {
      filter.category = text;
    } else if (words.option("PATTERN", text)) {
      filter.pattern = text;
    } else {
      words.fail(errors::kSyntax);
    }
  } else {
    words.fail(errors::kSyntax);
  }
  return words.finish();
}

void command_list(CommandContext& context) {
  ListFilter filter;
  if (!parse_list_filter(context, filter)) return;
  std::vector<std::string_view> names;
  for (const Command* row : announced(context.table)) {
    if (filter.accepts(*row)) names.push_back(row->name);
    for (const Command& subcommand : row->subcommands) {
      if (filter.accepts(subcommand)) names.push_back(subcommand.name);
    }
  }
  context.reply.array(names.size());
  for (const std::string_view name : names) context.reply.bulk(name);
}

// --- COMMAND GETKEYS -------------------------------------------------------------------------------------------------

void command_getkeys(CommandContext& context) {
  const protocol::Args request = context.args.subspan(2);
  const Command* row = context.table.find(request[0]);
  if (row != nullptr) row = resolve_subcommand(*row, request);
  if (row == nullptr) return context.reply.error("Invalid command specified");
  if (row->keys.first == 0) return context.reply.error("The command has no key arguments");
  if (!row->accepts(request.size())) {
    return context.reply.error("Invalid number of arguments specified for command");
  }
  const auto size = static_cast<int>(request.size());
  const int last = row->keys.last < 0 ? size + row->keys.last : row->keys.last;
  std::vector<std::string_view> keys;
  for (int i = row->keys.first; i <= last && i < size; i += row->keys.step) {
    keys.push_back(request[static_cast<std::size_t>(i)]);
  }
  context.reply.array(keys.size());
  for (const std::string_view key : keys) context.reply.bulk(key);
}

// --- the tables ------------------------------------------------------------------------------------------------------

constexpr std::string_view kCategories = "@slow @connection";

constexpr auto kSubcommands = std::to_array<Command>({
    {.name = "command|count",
     .handler = command_count,
     .arity = 2,
     .flags = kLoading | kStale,
     .summary = "Answers the number of commands.",
     .since = "2.8.13",
     .group = "server",
     .complexity = "O(N) where N is the number of commands",
     .acl_categories = kCategories},
    {.name = "command|docs",
     .handler = command_docs,
     .arity = -2,
     .flags = kLoading | kStale,
     .syntax = "[<command-name> ...]",
     .summary = "Answers what people read about commands: all of them, or those named.",
     .since = "7.0.0",
     .group = "server",
     .complexity = "O(N) where N is the number of commands asked for",
     .acl_categories = kCategories,
     .tips = "nondeterministic_output_order"},
    {.name = "command|getkeys",
     .handler = command_getkeys,
     .arity = -4,
     .flags = kLoading | kStale,
     .syntax = "<full-command>",
     .summary = "Answers the keys among the words of a command.",
     .since = "2.8.13",
     .group = "server",
     .complexity = "O(N) where N is the number of words",
     .acl_categories = kCategories},
    {.name = "command|help",
     .handler = reply_help,
     .arity = 2,
     .flags = kLoading | kStale,
     .summary = "Answers this help.",
     .since = "5.0.0",
     .group = "server",
     .complexity = "O(1)",
     .acl_categories = kCategories},
    {.name = "command|info",
     .handler = command_info,
     .arity = -2,
     .flags = kLoading | kStale,
     .syntax = "[<command-name> ...]",
     .summary = "Answers what clients need about commands: all of them, or those named.",
     .since = "2.8.13",
     .group = "server",
     .complexity = "O(N) where N is the number of commands asked for",
     .acl_categories = kCategories,
     .tips = "nondeterministic_output_order"},
    {.name = "command|list",
     .handler = command_list,
     .arity = -2,
     .flags = kLoading | kStale,
     .syntax = "[FILTERBY <MODULE|ACLCAT|PATTERN> <text>]",
     .summary = "Answers the names of commands.",
     .since = "7.0.0",
     .group = "server",
     .complexity = "O(N) where N is the number of commands",
     .acl_categories = kCategories,
     .tips = "nondeterministic_output_order"},
});

constexpr auto kRows = std::to_array<Command>({
    {.name = "command",
     .handler = command,
     .arity = -1,
     .flags = kLoading | kStale,
     .summary = "Answers COMMAND INFO of every command.",
     .since = "2.8.13",
     .group = "server",
     .complexity = "O(N) where N is the number of commands",
     .acl_categories = kCategories,
     .tips = "nondeterministic_output_order",
     .subcommands = kSubcommands},
});

}  // namespace

std::span<const Command> introspection_commands() { return kRows; }

}  // namespace kvstore::commands
