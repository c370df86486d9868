// CommandContext: everything a command handler may touch.
//
// Thread rule: lives on a worker's stack for one command. While a handler runs, the shards of the keys its row names
// are locked (a command without keys runs with none), so it may use the "one key" functions of the keyspace for those
// keys.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "commands/client.h"
#include "commands/command.h"
#include "commands/server_control.h"
#include "protocol/reply_writer.h"
#include "protocol/request.h"
#include "store/keyspace.h"

namespace kvstore::commands {

class CommandTable;

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
  int db = 0;                         // the client's database when the command began
  std::int64_t now_us = 0;            // wall clock, read once a turn
  store::Key first_key;               // hashed before the lock; empty when the command has no keys
  std::span<store::NewValue> staged;  // blocks filled before the lock for large arguments of a write; see value()
  std::span<const std::uint32_t> staged_index;  // which argument each of `staged` holds, ascending

  // The same request seen as one of a subcommand's row.
  [[nodiscard]] CommandContext with_command(const Command& row) const {
    return {row, args, reply, keyspace, writes, client, server, table, db, now_us, first_key, staged, staged_index};
  }
  // The key at args[i]; the first key's hash is not computed again.
  [[nodiscard]] store::Key key(std::size_t i) const {
    if (i == static_cast<std::size_t>(command.keys.first)) return first_key;
    return keyspace.key(args[i]);
  }
  // args[i] as a new value. May be called once for each argument.
  [[nodiscard]] store::NewValue value(std::size_t i) const {
    const auto found = std::lower_bound(staged_index.begin(), staged_index.end(), i);
    if (found == staged_index.end() || *found != i) return store::NewValue(args[i]);
    return std::move(staged[static_cast<std::size_t>(found - staged_index.begin())]);
  }
};

}  // namespace kvstore::commands
