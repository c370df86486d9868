// Strings: SET and GET and everything that reads or changes bytes at a key.
//
// Thread rule: the shards of the keys are locked while a handler runs.

#include <algorithm>

#include "commands/args.h"
#include "commands/errors.h"
#include "commands/families.h"
#include "commands/values.h"

namespace kvstore::commands {

namespace {

using store::Key;
using store::ValueType;
using store::ValueView;

// --- whole values ----------------------------------------------------------------------------------------------------

struct SetOptions {
  bool only_if_missing = false;
  bool only_if_there = false;
  bool return_old = false;
};

[[nodiscard]] bool parse_set_options(CommandContext& context, SetOptions& options) {
  bool keeps_expiry = false;
  bool expires = false;
  std::string_view time;
  ArgReader words(context, 3);
  while (words.more()) {
    if (words.word("NX")) {
      options.only_if_missing = true;
    } else if (words.word("XX")) {
      options.only_if_there = true;
    } else if (words.word("GET")) {
      options.return_old = true;
    } else if (words.word("KEEPTTL")) {
      keeps_expiry = true;  // no key expires yet, so there is nothing to keep
    } else if (words.option("EX", time) || words.option("PX", time) || words.option("EXAT", time) ||
               words.option("PXAT", time)) {
      if (expires) words.fail(errors::kSyntax);
      expires = true;
    } else {
      words.fail(errors::kSyntax);
    }
  }
  if ((options.only_if_missing && options.only_if_there) || (keeps_expiry && expires)) words.fail(errors::kSyntax);
  if (expires) words.fail(errors::kNoExpiry);
  return words.finish();
}

void set_with_options(CommandContext& context) {
  SetOptions options;
  if (!parse_set_options(context, options)) return;

  const Key key = context.key(1);
  const ValueView old = options.return_old ? context.look_up(key) : context.keyspace.find(context.db, key);
  if (options.return_old) {
    if (old && old.type != ValueType::kString) return reply_wrong_type(context);
    reply_value_or_null(context, old);  // before the write, which ends the view
  }
  const bool writes = old ? !options.only_if_missing : !options.only_if_there;
  if (writes) write_string(context, key, context.value(2));
  if (options.return_old) return;
  if (writes) {
    context.reply.key_set(context.args[1]);
  } else {
    context.reply.null();
  }
}

void set(CommandContext& context) {
  if (context.args.size() > 3) return set_with_options(context);
  write_string(context, context.key(1), context.value(2));
  context.reply.key_set(context.args[1]);
}

void get(CommandContext& context) {
  const auto value = read_string(context, context.key(1));
  if (!value) return;
  if (*value) {
    reply_value(context, *value);
  } else {
    context.reply.key_not_found(context.args[1]);
  }
}

void setnx(CommandContext& context) {
  const Key key = context.key(1);
  const bool missing = !context.keyspace.find(context.db, key);
  if (missing) write_string(context, key, context.value(2));
  context.reply.integer(missing ? 1 : 0);
}

void getset(CommandContext& context) {
  const Key key = context.key(1);
  const auto old = read_string(context, key);
  if (!old) return;
  reply_value_or_null(context, *old);
  write_string(context, key, context.value(2));
}

void getdel(CommandContext& context) {
  const Key key = context.key(1);
  const auto old = read_string(context, key);
  if (!old) return;
  reply_value_or_null(context, *old);
  if (*old) context.keyspace.erase(context.db, key, context.writes);
}

void delete_key(CommandContext& context) {
  context.reply.deleted(context.keyspace.erase(context.db, context.key(1), context.writes));
}

void strlen(CommandContext& context) {
  const auto value = read_string(context, context.key(1));
  if (value) context.reply.integer(static_cast<std::int64_t>(value->bytes.size()));
}

// --- many keys -------------------------------------------------------------------------------------------------------

void mget(CommandContext& context) {
  context.reply.array(context.args.size() - 1);
  for (std::size_t i = 1; i < context.args.size(); ++i) {
    const ValueView value = context.look_up(context.key(i));
    // A key of another type counts as not there: MGET never fails.
    reply_value_or_null(context, value.type == ValueType::kString ? value : ValueView{});
  }
}

void write_pairs(CommandContext& context) {
  for (std::size_t i = 1; i < context.args.size(); i += 2) {
    write_string(context, context.key(i), context.value(i + 1));
  }
}

void mset(CommandContext& context) {
  if (context.args.size() % 2 == 0) return context.reply.wrong_arity(context.command.name);
  write_pairs(context);
  context.reply.ok();
}

void msetnx(CommandContext& context) {
  if (context.args.size() % 2 == 0) return context.reply.wrong_arity(context.command.name);
  for (std::size_t i = 1; i < context.args.size(); i += 2) {
    if (context.keyspace.find(context.db, context.key(i))) return context.reply.integer(0);
  }
  write_pairs(context);
  context.reply.integer(1);
}

// --- parts of values -------------------------------------------------------------------------------------------------

// Writes `bytes` at `offset` of the string at `key`, which grows, with zeros in between, when it must.
// Precondition: offset + bytes.size() <= kValueBytesMax, and bytes is not empty.
std::size_t overwrite(CommandContext& context, const Key& key, const ValueView& old, std::size_t offset,
                      std::string_view bytes) {
  const std::size_t size = std::max(old.bytes.size(), offset + bytes.size());
  if (!old) write_string(context, key, std::string_view());
  context.keyspace.splice(context.db, key, offset, size, bytes, context.writes);
  return size;
}

void append(CommandContext& context) {
  const Key key = context.key(1);
  const auto old = find_string(context, key);
  if (!old) return;
  const std::string_view more = context.args[2];
  std::size_t size = old->bytes.size();
  if (more.size() > store::Keyspace::kValueBytesMax - size) return context.reply.error(errors::kStringTooLong);
  if (!*old) {
    write_string(context, key, context.value(2));
    size = more.size();
  } else if (!more.empty()) {
    size = overwrite(context, key, *old, size, more);
  }
  context.reply.integer(static_cast<std::int64_t>(size));
}

void setrange(CommandContext& context) {
  const auto offset = read_integer(context, context.args[2]);
  if (!offset) return;
  if (*offset < 0) return context.reply.error(errors::kOffset);
  const Key key = context.key(1);
  const auto old = find_string(context, key);
  if (!old) return;

  const std::string_view bytes = context.args[3];
  std::size_t size = old->bytes.size();
  if (!bytes.empty()) {
    constexpr std::size_t kMax = store::Keyspace::kValueBytesMax;
    const auto start = static_cast<std::size_t>(*offset);
    if (start > kMax || bytes.size() > kMax - start) return context.reply.error(errors::kStringTooLong);
    if (!*old && start == 0) {
      write_string(context, key, context.value(3));
      size = bytes.size();
    } else {
      size = overwrite(context, key, *old, start, bytes);
    }
  }
  context.reply.integer(static_cast<std::int64_t>(size));
}

void getrange(CommandContext& context) {
  const auto first = read_integer(context, context.args[2]);
  if (!first) return;
  const auto last = read_integer(context, context.args[3]);
  if (!last) return;
  const auto value = read_string(context, context.key(1));
  if (!value) return;

  // Negative positions count from the end. Sizes are below 2^30, so nothing here overflows.
  const auto size = static_cast<std::int64_t>(value->bytes.size());
  const std::int64_t begin = *first < 0 ? std::max<std::int64_t>(*first + size, 0) : *first;
  const std::int64_t end = *last < 0 ? std::max<std::int64_t>(*last + size, 0) : std::min(*last, size - 1);
  const bool reversed = *first < 0 && *last < 0 && *first > *last;
  if (reversed || begin > end || size == 0) return context.reply.bulk(std::string_view());

  const auto offset = static_cast<std::size_t>(begin);
  const auto length = static_cast<std::size_t>(end - begin + 1);
  if (value->block != nullptr) {
    context.reply.bulk_slice(base::SharedBytesRef::share(value->block), offset, length);
  } else {
    context.reply.bulk(value->bytes.substr(offset, length));
  }
}

// --- the table -------------------------------------------------------------------------------------------------------

constexpr KeySpec kOneKey{1, 1, 1};

constexpr auto kRows = std::to_array<Command>({
    {.name = "append",
     .handler = append,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = kOneKey,
     .syntax = "key value",
     .summary = "Adds bytes at the end of a string and answers its new length. Creates the key when it is not there.",
     .since = "2.0.0",
     .group = "string",
     .complexity = "O(1) amortized, plus copying the value",
     .acl_categories = "@write @string @fast"},
    {.name = "delete",
     .handler = delete_key,
     .arity = 2,
     .flags = kWrite | kFast,
     .keys = kOneKey,
     .syntax = "key",
     .summary = "Removes one key; over the JSON line protocol the status says whether it was there.",
     .since = "0.1.0",
     .group = "generic",
     .complexity = "O(1)",
     .acl_categories = "@keyspace @write @fast"},
    {.name = "get",
     .handler = get,
     .arity = 2,
     .flags = kReadonly | kFast,
     .keys = kOneKey,
     .syntax = "key",
     .summary = "Answers the string at a key.",
     .since = "1.0.0",
     .group = "string",
     .complexity = "O(1)",
     .acl_categories = "@read @string @fast"},
    {.name = "getdel",
     .handler = getdel,
     .arity = 2,
     .flags = kWrite | kFast,
     .keys = kOneKey,
     .syntax = "key",
     .summary = "Answers the string at a key and removes the key.",
     .since = "6.2.0",
     .group = "string",
     .complexity = "O(1)",
     .acl_categories = "@write @string @fast"},
    {.name = "getrange",
     .handler = getrange,
     .arity = 4,
     .flags = kReadonly,
     .keys = kOneKey,
     .syntax = "key start end",
     .summary = "Answers the bytes from one position to another, both included; -1 is the last byte.",
     .since = "2.4.0",
     .group = "string",
     .complexity = "O(N) where N is the length of the answer",
     .acl_categories = "@read @string @slow"},
    {.name = "getset",
     .handler = getset,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = kOneKey,
     .syntax = "key value",
     .summary = "Sets a key and answers the string it held before. SET with GET does the same.",
     .since = "1.0.0",
     .group = "string",
     .complexity = "O(1)",
     .acl_categories = "@write @string @fast"},
    {.name = "mget",
     .handler = mget,
     .arity = -2,
     .flags = kReadonly | kFast,
     .keys = {1, -1, 1},
     .syntax = "key [key ...]",
     .summary = "Answers the strings at several keys, null for each that is not there.",
     .since = "1.0.0",
     .group = "string",
     .complexity = "O(N) where N is the number of keys",
     .acl_categories = "@read @string @fast",
     .tips = "request_policy:multi_shard"},
    {.name = "mset",
     .handler = mset,
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .keys = {1, -1, 2},
     .syntax = "key value [key value ...]",
     .summary = "Sets several keys at once; nobody sees some of them set and others not.",
     .since = "1.0.1",
     .group = "string",
     .complexity = "O(N) where N is the number of keys",
     .acl_categories = "@write @string @slow",
     .tips = "request_policy:multi_shard response_policy:all_succeeded"},
    {.name = "msetnx",
     .handler = msetnx,
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .keys = {1, -1, 2},
     .syntax = "key value [key value ...]",
     .summary = "Sets several keys at once if none of them is there; answers whether it did.",
     .since = "1.0.1",
     .group = "string",
     .complexity = "O(N) where N is the number of keys",
     .acl_categories = "@write @string @slow",
     .tips = "request_policy:multi_shard response_policy:agg_min"},
    {.name = "set",
     .handler = set,
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .keys = kOneKey,
     .syntax = "key value [NX | XX] [GET] [KEEPTTL]",
     .summary = "Sets a key to a string, whatever it held before.",
     .since = "1.0.0",
     .group = "string",
     .complexity = "O(1)",
     .acl_categories = "@write @string @slow"},
    {.name = "setnx",
     .handler = setnx,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = kOneKey,
     .syntax = "key value",
     .summary = "Sets a key if it is not there; answers whether it did.",
     .since = "1.0.0",
     .group = "string",
     .complexity = "O(1)",
     .acl_categories = "@write @string @fast"},
    {.name = "setrange",
     .handler = setrange,
     .arity = 4,
     .flags = kWrite | kDenyOom | kCopiesValues,
     .keys = kOneKey,
     .syntax = "key offset value",
     .summary = "Overwrites a part of a string, filling with zero bytes up to the offset, and answers its length.",
     .since = "2.2.0",
     .group = "string",
     .complexity = "O(N) where N is the length of the string when it has to grow, else of the value",
     .acl_categories = "@write @string @slow"},
    {.name = "strlen",
     .handler = strlen,
     .arity = 2,
     .flags = kReadonly | kFast,
     .keys = kOneKey,
     .syntax = "key",
     .summary = "Answers the length of the string at a key, 0 when it is not there.",
     .since = "2.2.0",
     .group = "string",
     .complexity = "O(1)",
     .acl_categories = "@read @string @fast"},
    {.name = "substr",
     .handler = getrange,
     .arity = 4,
     .flags = kReadonly,
     .keys = kOneKey,
     .syntax = "key start end",
     .summary = "The old name of GETRANGE.",
     .since = "1.0.0",
     .group = "string",
     .complexity = "O(N) where N is the length of the answer",
     .acl_categories = "@read @string @slow"},
});

}  // namespace

std::span<const Command> string_commands() { return kRows; }

}  // namespace kvstore::commands
