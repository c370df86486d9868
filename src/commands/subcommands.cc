#include "commands/subcommands.h"

#include <string>

#include "base/assert.h"
#include "base/text.h"
#include "commands/command_table.h"

namespace kvstore::commands {

void run_subcommand(CommandContext& context) {
  const Command* row = resolve_subcommand(context.command, context.args);
  if (row == nullptr) {
    // Like Redis, not more than 128 bytes of what was sent go back.
    context.reply.error("unknown subcommand '" + std::string(context.args[1].substr(0, 128)) + "'. Try " +
                        base::ascii_upper(context.command.name) + " HELP.");
    return;
  }
  if (!row->accepts(context.args.size())) {
    context.reply.wrong_arity(row->name);
    return;
  }
  CommandContext inner = context.with_command(*row);
  row->handler(inner);
}

void reply_help(CommandContext& context) {
  const std::string_view name = context.command.name;
  const std::string_view parent_name = name.substr(0, name.find('|'));
  const Command* parent = context.table.find(parent_name);
  KV_ASSERT(parent != nullptr);

  context.reply.array(1 + 2 * parent->subcommands.size());
  context.reply.simple(base::ascii_upper(parent_name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const Command& row : parent->subcommands) {
    std::string line = base::ascii_upper(row.name.substr(parent_name.size() + 1));
    if (!row.syntax.empty()) line += " " + std::string(row.syntax);
    context.reply.simple(line);
    context.reply.simple("    " + std::string(row.summary));
  }
}

}  // namespace kvstore::commands
