// CLIENT and its subcommands: what a connection calls itself and who else is connected.
//
// Thread rule: the worker that owns the connection; no shard is locked.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "commands/args.h"
#include "commands/client_name.h"
#include "commands/errors.h"
#include "commands/families.h"
#include "commands/subcommands.h"

namespace kvstore::commands {

namespace {

void client_id(CommandContext& context) { context.reply.integer(static_cast<std::int64_t>(context.client.id())); }

void client_getname(CommandContext& context) {
  const std::string name = context.client.name();
  if (name.empty()) return context.reply.null();
  context.reply.bulk(name);
}

void client_setname(CommandContext& context) {
  if (!is_client_name(context.args[2])) return context.reply.error(errors::kClientName);
  context.client.set_name(context.args[2]);
  context.reply.ok();
}

void client_setinfo(CommandContext& context) {
  const bool is_name = base::equals_ignoring_case(context.args[2], "LIB-NAME");
  const bool is_version = base::equals_ignoring_case(context.args[2], "LIB-VER");
  if (!is_name && !is_version) {
    return context.reply.error("Unrecognized option '" + std::string(context.args[2]) + "'");
  }
  if (!is_client_name(context.args[3])) {
    return context.reply.error(base::ascii_lower(context.args[2]) +
                               " cannot contain spaces, newlines or special characters.");
  }
  if (is_name) {
    context.client.set_library_name(context.args[3]);
  } else {
    context.client.set_library_version(context.args[3]);
  }
  context.reply.ok();
}

void client_info(CommandContext& context) { context.reply.verbatim(context.client.info_line() + "\n"); }

// NO-EVICT and NO-TOUCH ask to be spared from what this server never does: it closes no connection to free memory
// for others, and a read does not change when a key is evicted.
void client_on_off(CommandContext& context) {
  ArgReader words(context, 2);
  if (!words.word("ON") && !words.word("OFF")) words.fail(errors::kSyntax);
  if (words.finish()) context.reply.ok();
}

// --- CLIENT LIST -----------------------------------------------------------------------------------------------------

// The text after "<name>=" in a line of CLIENT LIST, up to the next space.
std::string_view field(std::string_view line, std::string_view name) {
  std::size_t begin = 0;
  while (begin < line.size()) {
    const std::size_t end = std::min(line.find(' ', begin), line.size());
    const std::string_view word = line.substr(begin, end - begin);
    if (word.size() > name.size() && word.substr(0, name.size()) == name && word[name.size()] == '=') {
      return word.substr(name.size() + 1);
    }
    begin = end + 1;
  }
  return {};
}

struct ClientFilter {
  std::string_view type;  // empty: any; "normal", "master", "replica" or "pubsub"
  bool by_id = false;
  std::vector<std::int64_t> ids;  // sorted

  [[nodiscard]] bool accepts(std::string_view line) const {
    if (by_id) {
      const auto id = base::parse_int64(field(line, "id"));
      return id && std::binary_search(ids.begin(), ids.end(), *id);
    }
    return type.empty() || type == type_of(field(line, "flags"));
  }

 private:
  static std::string_view type_of(std::string_view flags) {
    if (flags.find('M') != std::string_view::npos) return "master";
    if (flags.find('S') != std::string_view::npos) return "replica";
    if (flags.find('P') != std::string_view::npos) return "pubsub";
    return "normal";
  }
};

[[nodiscard]] bool parse_client_filter(CommandContext& context, ClientFilter& filter) {
  ArgReader words(context, 2);
  if (!words.more()) return true;
  if (words.left() == 2 && words.word("TYPE")) {
    const std::string_view sent = words.take();
    for (const std::string_view type : {"normal", "master", "replica", "pubsub"}) {
      if (base::equals_ignoring_case(sent, type)) filter.type = type;
    }
    if (base::equals_ignoring_case(sent, "slave")) filter.type = "replica";
    if (filter.type.empty()) words.fail("Unknown client type '" + std::string(sent) + "'");
  } else if (words.left() >= 2 && words.word("ID")) {
    filter.by_id = true;
    while (words.more()) {
      if (const auto id = base::parse_int64(words.take())) {
        filter.ids.push_back(*id);
      } else {
        words.fail(errors::kClientId);
      }
    }
    std::sort(filter.ids.begin(), filter.ids.end());
  } else {
    words.fail(errors::kSyntax);
  }
  return words.finish();
}

void client_list(CommandContext& context) {
  ClientFilter filter;
  if (!parse_client_filter(context, filter)) return;
  const std::string all = context.server.client_list();
  std::string listed;
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find('\n', begin), all.size() - 1) + 1;
    const std::string_view line = std::string_view(all).substr(begin, end - begin);
    if (filter.accepts(line)) listed += line;
    begin = end;
  }
  context.reply.verbatim(listed);
}

// --- the tables ------------------------------------------------------------------------------------------------------

constexpr std::uint32_t kAnyTime = kNoScript | kLoading | kStale;
constexpr std::string_view kAdminCategories = "@admin @slow @dangerous @connection";
constexpr std::string_view kCategories = "@slow @connection";

constexpr auto kSubcommands = std::to_array<Command>({
    {.name = "client|getname",
     .handler = client_getname,
     .arity = 2,
     .flags = kAnyTime,
     .summary = "Answers the name of the connection.",
     .since = "2.6.9",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = kCategories},
    {.name = "client|help",
     .handler = reply_help,
     .arity = 2,
     .flags = kLoading | kStale,
     .summary = "Answers this help.",
     .since = "5.0.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = kCategories},
    {.name = "client|id",
     .handler = client_id,
     .arity = 2,
     .flags = kAnyTime,
     .summary = "Answers the number of the connection, which no other gets.",
     .since = "5.0.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = kCategories},
    {.name = "client|info",
     .handler = client_info,
     .arity = 2,
     .flags = kAnyTime,
     .summary = "Answers the line that CLIENT LIST has for the connection.",
     .since = "6.2.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = kCategories,
     .tips = "nondeterministic_output"},
    {.name = "client|list",
     .handler = client_list,
     .arity = -2,
     .flags = kAdmin | kAnyTime,
     .syntax = "[TYPE <normal|master|replica|pubsub>] [ID <id> [<id> ...]]",
     .summary = "Answers a line for each connection.",
     .since = "2.4.0",
     .group = "connection",
     .complexity = "O(N) where N is the number of connections",
     .acl_categories = kAdminCategories,
     .tips = "nondeterministic_output"},
    {.name = "client|no-evict",
     .handler = client_on_off,
     .arity = 3,
     .flags = kAdmin | kAnyTime,
     .syntax = "<ON|OFF>",
     .summary = "Changes nothing: no connection is closed to free memory for others.",
     .since = "7.0.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = kAdminCategories},
    {.name = "client|no-touch",
     .handler = client_on_off,
     .arity = 3,
     .flags = kAnyTime,
     .syntax = "<ON|OFF>",
     .summary = "Changes nothing: reads do not change what is evicted.",
     .since = "7.2.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = kCategories},
    {.name = "client|setinfo",
     .handler = client_setinfo,
     .arity = 4,
     .flags = kAnyTime,
     .syntax = "<LIB-NAME name|LIB-VER version>",
     .summary = "Says which client library the connection uses.",
     .since = "7.2.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = kCategories},
    {.name = "client|setname",
     .handler = client_setname,
     .arity = 3,
     .flags = kAnyTime,
     .syntax = "<name>",
     .summary = "Gives the connection a name that CLIENT LIST shows.",
     .since = "2.6.9",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = kCategories},
});

constexpr auto kRows = std::to_array<Command>({
    {.name = "client",
     .handler = run_subcommand,
     .arity = -2,
     .summary = "Commands about connections.",
     .since = "2.4.0",
     .group = "connection",
     .complexity = "Depends on the subcommand",
     .acl_categories = "@slow",
     .subcommands = kSubcommands},
});

}  // namespace

std::span<const Command> client_commands() { return kRows; }

}  // namespace kvstore::commands
