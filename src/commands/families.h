// The families of commands: each file of a family gives its rows here, and CommandTable reads this list.
//
// Thread rule: constants.
#pragma once

#include <span>

#include "commands/command.h"

namespace kvstore::commands {

using Family = std::span<const Command> (*)();

std::span<const Command> string_commands();         // string.cc
std::span<const Command> number_commands();         // number.cc
std::span<const Command> keys_commands();           // keys.cc
std::span<const Command> iteration_commands();      // iteration.cc
std::span<const Command> connection_commands();     // connection.cc
std::span<const Command> client_commands();         // client_command.cc
std::span<const Command> server_commands();         // server.cc
std::span<const Command> introspection_commands();  // introspection.cc
std::span<const Command> persistence_commands();    // persistence.cc

inline constexpr Family kFamilies[] = {string_commands,    number_commands,        keys_commands,
                                       iteration_commands, connection_commands,    client_commands,
                                       server_commands,    introspection_commands, persistence_commands};

}  // namespace kvstore::commands
