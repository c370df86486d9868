// What commands with subcommands (CLIENT, CONFIG, COMMAND) share: finding the subcommand's row, and HELP.
//
// Thread rule: as for every handler.
#pragma once

#include "commands/command_context.h"

namespace kvstore::commands {

// The handler of a row with subcommands: runs the one that args[1] names.
// Precondition: args has at least two words, so such a row's arity is at most -2, or its own handler checks.
void run_subcommand(CommandContext& context);

// The handler of "<name>|help": one line for the command, then two for each subcommand, from the rows.
void reply_help(CommandContext& context);

}  // namespace kvstore::commands
