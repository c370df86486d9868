// Reading and writing string values in handlers: the one place that checks a key's type and decides what is copied.
//
// Thread rule: the key's shard is locked, as for every handler.
#pragma once

#include <optional>
#include <utility>

#include "commands/command_context.h"
#include "commands/errors.h"

namespace kvstore::commands {

inline void reply_wrong_type(CommandContext& context) {
  context.reply.error(errors::kWrongTypeCode, errors::kWrongType);
}

// A value that was found, an empty view when the key is not there, or nullopt after answering WRONGTYPE.
[[nodiscard]] inline std::optional<store::ValueView> as_string(CommandContext& context, const store::ValueView& value) {
  if (value && value.type != store::ValueType::kString) {
    reply_wrong_type(context);
    return std::nullopt;
  }
  return value;
}

// The string at `key`: to be shown to the client, or to be changed.
[[nodiscard]] inline std::optional<store::ValueView> read_string(CommandContext& context, const store::Key& key) {
  return as_string(context, context.look_up(key));
}
[[nodiscard]] inline std::optional<store::ValueView> find_string(CommandContext& context, const store::Key& key) {
  return as_string(context, context.keyspace.find(context.db, key));
}

// Answers the value: large ones by reference, so that the lock is not held over a copy of them.
inline void reply_value(CommandContext& context, const store::ValueView& value) {
  if (value.block != nullptr) {
    context.reply.bulk(base::SharedBytesRef::share(value.block));
  } else {
    context.reply.bulk(value.bytes);
  }
}

// The same, null when the key is not there.
inline void reply_value_or_null(CommandContext& context, const store::ValueView& value) {
  if (value) {
    reply_value(context, value);
  } else {
    context.reply.null();
  }
}

// Creates or replaces the key with a string.
inline void write_string(CommandContext& context, const store::Key& key, store::NewValue value) {
  context.keyspace.set(context.db, key, store::ValueType::kString, std::move(value), context.writes);
}

}  // namespace kvstore::commands
