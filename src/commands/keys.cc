// Keys of any type: DEL, EXISTS, RENAME, COPY and so on; and whole databases: DBSIZE, FLUSHALL, SWAPDB.
//
// Thread rule: the shards of the keys are locked while a handler runs. A key's shard follows from its hash alone, so
// the lock covers the key in every database. Commands without keys call functions that lock by themselves.

#include <string_view>

#include "commands/args.h"
#include "commands/errors.h"
#include "commands/families.h"
#include "commands/value_types.h"

namespace kvstore::commands {

namespace {

using store::Key;

// --- keys ------------------------------------------------------------------------------------------------------------

void del(CommandContext& context) {
  std::int64_t deleted = 0;
  for (std::size_t i = 1; i < context.args.size(); ++i) {
    if (context.keyspace.erase(context.db, context.key(i), context.writes)) ++deleted;
  }
  context.reply.integer(deleted);
}

// A key named twice counts twice, as in Redis.
void exists(CommandContext& context) {
  std::int64_t found = 0;
  for (std::size_t i = 1; i < context.args.size(); ++i) {
    if (context.look_up(context.key(i))) ++found;
  }
  context.reply.integer(found);
}

void type(CommandContext& context) { context.reply.simple(type_name(context.look_up(context.key(1)).type)); }

void rename(CommandContext& context) {
  const Key from = context.key(1);
  if (!context.keyspace.find(context.db, from)) return context.reply.error(errors::kNoSuchKey);
  if (context.args[1] != context.args[2]) {
    context.keyspace.copy(context.db, from, context.db, context.key(2), context.writes);
    context.keyspace.erase(context.db, from, context.writes);
  }
  context.reply.ok();
}

void renamenx(CommandContext& context) {
  const Key from = context.key(1);
  if (!context.keyspace.find(context.db, from)) return context.reply.error(errors::kNoSuchKey);
  const Key to = context.key(2);
  if (context.keyspace.find(context.db, to)) return context.reply.integer(0);  // also when both are the same key
  context.keyspace.copy(context.db, from, context.db, to, context.writes);
  context.keyspace.erase(context.db, from, context.writes);
  context.reply.integer(1);
}

void copy(CommandContext& context) {
  int to_db = context.db;
  bool replace = false;
  ArgReader options(context, 3);
  while (options.more()) {
    if (options.word("REPLACE")) {
      replace = true;
    } else if (!options.database_option("DB", to_db)) {
      options.fail(errors::kSyntax);
    }
  }
  if (to_db == context.db && context.args[1] == context.args[2]) options.fail(errors::kSameObject);
  if (!options.finish()) return;

  const Key from = context.key(1);
  const Key to = context.key(2);
  const bool copies = context.look_up(from) && (replace || !context.keyspace.find(to_db, to));
  if (copies) context.keyspace.copy(context.db, from, to_db, to, context.writes);
  context.reply.integer(copies ? 1 : 0);
}

void move(CommandContext& context) {
  const auto to_db = read_database(context, context.args[2]);
  if (!to_db) return;
  if (*to_db == context.db) return context.reply.error(errors::kSameObject);
  const Key key = context.key(1);
  const bool moves = context.keyspace.find(context.db, key) && !context.keyspace.find(*to_db, key);
  if (moves) {
    context.keyspace.copy(context.db, key, *to_db, key, context.writes);
    context.keyspace.erase(context.db, key, context.writes);
  }
  context.reply.integer(moves ? 1 : 0);
}

void randomkey(CommandContext& context) {
  if (const auto key = context.keyspace.random_key(context.db)) {
    context.reply.bulk(*key);
  } else {
    context.reply.null();
  }
}

// --- whole databases -------------------------------------------------------------------------------------------------

void dbsize(CommandContext& context) {
  context.reply.integer(static_cast<std::int64_t>(context.keyspace.size(context.db)));
}

// FLUSHALL and FLUSHDB take one word that changes nothing: emptying is a pointer swap either way.
[[nodiscard]] bool read_flush_mode(CommandContext& context) {
  ArgReader options(context, 1);
  if (options.more() && !options.word("ASYNC") && !options.word("SYNC")) options.fail(errors::kSyntax);
  if (options.more()) options.fail(errors::kSyntax);
  return options.finish();
}

void flushall(CommandContext& context) {
  if (!read_flush_mode(context)) return;
  context.keyspace.flush_all(context.writes);
  context.reply.ok();
}

void flushdb(CommandContext& context) {
  if (!read_flush_mode(context)) return;
  context.keyspace.flush(context.db, context.writes);
  context.reply.ok();
}

void swapdb(CommandContext& context) {
  const auto first = parse_int32(context.args[1]);
  if (!first) return context.reply.error(errors::kFirstDatabase);
  const auto second = parse_int32(context.args[2]);
  if (!second) return context.reply.error(errors::kSecondDatabase);
  if (!is_database(*first) || !is_database(*second)) return context.reply.error(errors::kDatabase);
  context.keyspace.swap(*first, *second, context.writes);
  context.reply.ok();
}

// --- the table -------------------------------------------------------------------------------------------------------

constexpr KeySpec kOneKey{1, 1, 1};
constexpr KeySpec kTwoKeys{1, 2, 1};
constexpr KeySpec kManyKeys{1, -1, 1};

constexpr auto kRows = std::to_array<Command>({
    {.name = "copy",
     .handler = copy,
     .arity = -3,
     .flags = kWrite | kDenyOom | kCopiesValues,
     .keys = kTwoKeys,
     .syntax = "source destination [DB destination-db] [REPLACE]",
     .summary = "Copies a key to another key, in this database or another one.",
     .since = "6.2.0",
     .group = "generic",
     .complexity = "O(1), plus copying the value",
     .acl_categories = "@keyspace @write @slow"},
    {.name = "dbsize",
     .handler = dbsize,
     .arity = 1,
     .flags = kReadonly | kFast,
     .summary = "Answers the number of keys in the database.",
     .since = "1.0.0",
     .group = "server",
     .complexity = "O(1)",
     .acl_categories = "@keyspace @read @fast",
     .tips = "request_policy:all_shards response_policy:agg_sum"},
    {.name = "del",
     .handler = del,
     .arity = -2,
     .flags = kWrite,
     .keys = kManyKeys,
     .syntax = "key [key ...]",
     .summary = "Removes keys; answers how many were there.",
     .since = "1.0.0",
     .group = "generic",
     .complexity = "O(N) where N is the number of keys",
     .acl_categories = "@keyspace @write @slow",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {.name = "exists",
     .handler = exists,
     .arity = -2,
     .flags = kReadonly | kFast,
     .keys = kManyKeys,
     .syntax = "key [key ...]",
     .summary = "Answers how many of the keys are there.",
     .since = "1.0.0",
     .group = "generic",
     .complexity = "O(N) where N is the number of keys",
     .acl_categories = "@keyspace @read @fast",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {.name = "flushall",
     .handler = flushall,
     .arity = -1,
     .flags = kWrite,
     .syntax = "[ASYNC | SYNC]",
     .summary = "Removes every key of every database.",
     .since = "1.0.0",
     .group = "server",
     .complexity = "O(N) where N is the number of keys, without holding up other commands",
     .acl_categories = "@keyspace @write @slow @dangerous",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "flushdb",
     .handler = flushdb,
     .arity = -1,
     .flags = kWrite,
     .syntax = "[ASYNC | SYNC]",
     .summary = "Removes every key of the database.",
     .since = "1.0.0",
     .group = "server",
     .complexity = "O(N) where N is the number of keys, without holding up other commands",
     .acl_categories = "@keyspace @write @slow @dangerous",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "move",
     .handler = move,
     .arity = 3,
     .flags = kWrite | kFast,
     .keys = kOneKey,
     .syntax = "key db",
     .summary = "Moves a key to another database unless that has one of the same name.",
     .since = "1.0.0",
     .group = "generic",
     .complexity = "O(1), plus copying the value",
     .acl_categories = "@keyspace @write @fast"},
    {.name = "randomkey",
     .handler = randomkey,
     .arity = 1,
     .flags = kReadonly,
     .summary = "Answers some key of the database, null when it is empty.",
     .since = "1.0.0",
     .group = "generic",
     .complexity = "O(1)",
     .acl_categories = "@keyspace @read @slow",
     .tips = "request_policy:all_shards nondeterministic_output"},
    {.name = "rename",
     .handler = rename,
     .arity = 3,
     .flags = kWrite | kCopiesValues,
     .keys = kTwoKeys,
     .syntax = "key newkey",
     .summary = "Gives a key another name, replacing a key that has it.",
     .since = "1.0.0",
     .group = "generic",
     .complexity = "O(1), plus copying the value",
     .acl_categories = "@keyspace @write @slow"},
    {.name = "renamenx",
     .handler = renamenx,
     .arity = 3,
     .flags = kWrite | kFast | kCopiesValues,
     .keys = kTwoKeys,
     .syntax = "key newkey",
     .summary = "Gives a key another name unless a key has it already.",
     .since = "1.0.0",
     .group = "generic",
     .complexity = "O(1), plus copying the value",
     .acl_categories = "@keyspace @write @fast"},
    {.name = "swapdb",
     .handler = swapdb,
     .arity = 3,
     .flags = kWrite | kFast,
     .syntax = "index1 index2",
     .summary = "Exchanges two databases for every client at once.",
     .since = "4.0.0",
     .group = "server",
     .complexity = "O(1)",
     .acl_categories = "@keyspace @write @fast @dangerous"},
    {.name = "touch",
     .handler = exists,
     .arity = -2,
     .flags = kReadonly | kFast,
     .keys = kManyKeys,
     .syntax = "key [key ...]",
     .summary = "Marks keys as used; answers how many of them are there.",
     .since = "3.2.1",
     .group = "generic",
     .complexity = "O(N) where N is the number of keys",
     .acl_categories = "@keyspace @read @fast",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
    {.name = "type",
     .handler = type,
     .arity = 2,
     .flags = kReadonly | kFast,
     .keys = kOneKey,
     .syntax = "key",
     .summary = "Answers the type of the value at a key, \"none\" when it is not there.",
     .since = "1.0.0",
     .group = "generic",
     .complexity = "O(1)",
     .acl_categories = "@keyspace @read @fast"},
    {.name = "unlink",
     .handler = del,
     .arity = -2,
     .flags = kWrite | kFast,
     .keys = kManyKeys,
     .syntax = "key [key ...]",
     .summary = "Removes keys as DEL does, which never frees large values while it holds up others either.",
     .since = "4.0.0",
     .group = "generic",
     .complexity = "O(N) where N is the number of keys",
     .acl_categories = "@keyspace @write @fast",
     .tips = "request_policy:multi_shard response_policy:agg_sum"},
});

}  // namespace

std::span<const Command> keys_commands() { return kRows; }

}  // namespace kvstore::commands
