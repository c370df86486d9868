// The connection itself: PING, SELECT, HELLO, AUTH and so on. CLIENT has its own file.
//
// Thread rule: the worker that owns the connection; no shard is locked.

#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"
#include "commands/args.h"
#include "commands/client_name.h"
#include "commands/errors.h"
#include "commands/families.h"

namespace kvstore::commands {

namespace {

constexpr std::string_view kDefaultUser = "default";

void ping(CommandContext& context) {
  if (context.args.size() > 2) return context.reply.wrong_arity(context.command.name);
  if (context.args.size() == 2) return context.reply.bulk(context.args[1]);
  context.reply.message("PONG");
}

void echo(CommandContext& context) { context.reply.bulk(context.args[1]); }

void select(CommandContext& context) {
  const auto database = read_database(context, context.args[1]);
  if (!database) return;
  context.client.select(*database);
  context.reply.ok();
}

void quit(CommandContext& context) {
  context.client.close_after_reply();
  context.reply.ok();
}

void reset(CommandContext& context) {
  context.client.reset();
  context.reply.simple("RESET");
}

// No password is configured: the user "default" may log in with any, as in Redis.
void auth(CommandContext& context) {
  switch (context.args.size()) {
    case 2:
      return context.reply.error(
          "AUTH <password> called without any password configured for the default user. Are you sure your "
          "configuration is correct?");
    case 3:
      if (context.args[1] == kDefaultUser) return context.reply.ok();
      return context.reply.error(errors::kWrongPasswordCode, errors::kWrongPassword);
    default:
      return context.reply.error(errors::kSyntax);
  }
}

struct HelloOptions {
  std::optional<Protocol> protocol;
  std::optional<std::string_view> name;
};

[[nodiscard]] bool parse_hello(CommandContext& context, HelloOptions& options) {
  ArgReader words(context, 1);
  if (words.more()) {
    const auto version = base::parse_int64(words.take());
    if (!version) {
      words.fail("Protocol version is not an integer or out of range");
    } else if (*version == 2 || *version == 3) {
      options.protocol = *version == 2 ? Protocol::kResp2 : Protocol::kResp3;
    } else {
      words.fail(errors::kNoProtocolCode, std::string(errors::kNoProtocol));
    }
  }
  while (words.more()) {
    const std::string_view option = words.peek();
    if (words.left() >= 3 && words.word("AUTH")) {
      const std::string_view user = words.take();
      static_cast<void>(words.take());  // any password: none is configured
      if (user != kDefaultUser) words.fail(errors::kWrongPasswordCode, std::string(errors::kWrongPassword));
    } else if (words.left() >= 2 && words.word("SETNAME")) {
      options.name = words.take();
      if (!is_client_name(*options.name)) words.fail(errors::kClientName);
    } else {
      words.fail("Syntax error in HELLO option '" + std::string(option) + "'");
    }
  }
  return words.finish();
}

void hello(CommandContext& context) {
  if (context.client.protocol() == Protocol::kJson) {
    return context.reply.error("HELLO chooses a RESP version; the JSON line protocol has only one");
  }
  HelloOptions options;
  if (!parse_hello(context, options)) return;
  if (options.name) context.client.set_name(*options.name);
  if (options.protocol) context.client.switch_protocol(*options.protocol);

  protocol::ReplyWriter& reply = context.reply;
  reply.map_as_resp(static_cast<int>(context.client.protocol()), 7);
  reply.bulk("server");
  reply.bulk("kvstore");
  reply.bulk("version");
  reply.bulk(context.server.version());
  reply.bulk("proto");
  reply.integer(static_cast<std::int64_t>(context.client.protocol()));
  reply.bulk("id");
  reply.integer(static_cast<std::int64_t>(context.client.id()));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

// --- the table -------------------------------------------------------------------------------------------------------

constexpr std::uint32_t kBeforeLogin = kNoScript | kLoading | kStale | kFast | kNoAuth | kAllowBusy;

constexpr auto kRows = std::to_array<Command>({
    {.name = "auth",
     .handler = auth,
     .arity = -2,
     .flags = kBeforeLogin,
     .syntax = "[username] password",
     .summary = "Logs the connection in.",
     .since = "1.0.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = "@fast @connection"},
    {.name = "echo",
     .handler = echo,
     .arity = 2,
     .flags = kLoading | kStale | kFast,
     .syntax = "message",
     .summary = "Answers what it was sent.",
     .since = "1.0.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = "@fast @connection"},
    {.name = "hello",
     .handler = hello,
     .arity = -1,
     .flags = kBeforeLogin,
     .syntax = "[protover [AUTH username password] [SETNAME clientname]]",
     .summary = "Chooses the RESP version of the connection and answers what the server is.",
     .since = "6.0.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = "@fast @connection"},
    {.name = "ping",
     .handler = ping,
     .arity = -1,
     .flags = kFast,
     .syntax = "[message]",
     .summary = "Answers PONG, or the message.",
     .since = "1.0.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = "@fast @connection",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "quit",
     .handler = quit,
     .arity = -1,
     .flags = kBeforeLogin,
     .summary = "Closes the connection after the replies before it.",
     .since = "1.0.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = "@fast @connection"},
    {.name = "reset",
     .handler = reset,
     .arity = 1,
     .flags = kBeforeLogin,
     .summary = "Puts the connection back into the state of a new one.",
     .since = "6.2.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = "@fast @connection"},
    {.name = "select",
     .handler = select,
     .arity = 2,
     .flags = kLoading | kStale | kFast,
     .syntax = "index",
     .summary = "Chooses the database that the connection's commands use.",
     .since = "1.0.0",
     .group = "connection",
     .complexity = "O(1)",
     .acl_categories = "@fast @connection"},
});

}  // namespace

std::span<const Command> connection_commands() { return kRows; }

}  // namespace kvstore::commands
