// CommandContext: everything a command handler may touch.
//
// Thread rule: lives on a worker's stack for one command. While a handler runs, the shards of the keys its row names
// are locked (a command without keys runs with none), so it may use the "one key" functions of the keyspace for those
// keys.
#pragma once

#include <cstddef>
#include <cstdint>

#include "commands/client.h"
#include "commands/command.h"
#include "commands/server_control.h"
#include "commands/staged_arguments.h"
#include "protocol/reply_writer.h"
#include "protocol/request.h"
#include "store/keyspace.h"

namespace kvstore::commands {

class CommandTable;

// What commands that read keys for their client have found, counted as Redis does (INFO: keyspace_hits and _misses).
struct Lookups {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
};

class CommandContext {
 public:
  const Command& command;
  protocol::Args args;  // args[0] is the command's name as sent; no word is longer than Keyspace::kValueBytesMax
  protocol::ReplyWriter& reply;
  store::Keyspace& keyspace;
  store::WriteContext& writes;
  Client& client;
  ServerControl& server;
  const CommandTable& table;
  Lookups& lookups;
  StagedArguments& staged;  // large arguments of a write, copied before the lock; see value()
  store::Key first_key;     // hashed before the lock; empty when the command has no keys
  int db = 0;               // the client's database when the command began
  std::int64_t now_us = 0;  // wall clock, read once a turn

  // The same request seen as one of a subcommand's row.
  [[nodiscard]] CommandContext with_command(const Command& row) const {
    return {row, args, reply, keyspace, writes, client, server, table, lookups, staged, first_key, db, now_us};
  }
  // The key at args[i]; the first key's hash is not computed again.
  [[nodiscard]] store::Key key(std::size_t i) const {
    if (i == static_cast<std::size_t>(command.keys.first)) return first_key;
    return keyspace.key(args[i]);
  }
  // What is at the key, counted as a hit or a miss: for reading it. Those who look before they write ask the keyspace.
  [[nodiscard]] store::ValueView look_up(const store::Key& at) const {
    const store::ValueView value = keyspace.find(db, at);
    ++(value ? lookups.hits : lookups.misses);
    return value;
  }
  // args[i] as a new value. May be called once for each argument.
  [[nodiscard]] store::NewValue value(std::size_t i) const { return staged.take(i, args[i]); }
};

}  // namespace kvstore::commands
