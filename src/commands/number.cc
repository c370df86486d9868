// Numbers kept as strings: INCR and its relatives.
//
// Thread rule: the shards of the keys are locked while a handler runs.

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "base/text.h"
#include "commands/args.h"
#include "commands/errors.h"
#include "commands/families.h"
#include "commands/values.h"

namespace kvstore::commands {

namespace {

using store::Key;

void add_integer(CommandContext& context, std::int64_t delta) {
  const Key key = context.key(1);
  const auto old = find_string(context, key);
  if (!old) return;
  std::int64_t number = 0;
  if (*old) {
    const auto parsed = read_integer(context, old->bytes);
    if (!parsed) return;
    number = *parsed;
  }
  if (__builtin_add_overflow(number, delta, &number)) return context.reply.error(errors::kOverflow);

  char text[24];
  const auto written = std::to_chars(text, text + sizeof(text), number);
  write_string(context, key, std::string_view(text, static_cast<std::size_t>(written.ptr - text)));
  context.reply.integer(number);
}

void incr(CommandContext& context) { add_integer(context, 1); }

void decr(CommandContext& context) { add_integer(context, -1); }

void incrby(CommandContext& context) {
  const auto delta = read_integer(context, context.args[2]);
  if (delta) add_integer(context, *delta);
}

void decrby(CommandContext& context) {
  const auto delta = read_integer(context, context.args[2]);
  if (!delta) return;
  // The smallest integer has no opposite.
  if (*delta == std::numeric_limits<std::int64_t>::min()) return context.reply.error(errors::kDecrementOverflow);
  add_integer(context, -*delta);
}

void incrbyfloat(CommandContext& context) {
  const Key key = context.key(1);
  const auto old = find_string(context, key);
  if (!old) return;
  const auto number = *old ? base::parse_long_double(old->bytes) : 0.0L;
  const auto delta = base::parse_long_double(context.args[2]);
  if (!number || !delta) return context.reply.error(errors::kNotFloat);
  const long double sum = *number + *delta;
  if (!std::isfinite(sum)) return context.reply.error(errors::kNotFinite);

  const std::string text = base::format_long_double(sum);
  write_string(context, key, std::string_view(text));
  context.reply.bulk(text);
}

// --- the table -------------------------------------------------------------------------------------------------------

constexpr KeySpec kOneKey{1, 1, 1};

constexpr auto kRows = std::to_array<Command>({
    {.name = "decr",
     .handler = decr,
     .arity = 2,
     .flags = kWrite | kDenyOom | kFast,
     .keys = kOneKey,
     .syntax = "key",
     .summary = "Takes one from the integer at a key, which counts as 0 when it is not there.",
     .since = "1.0.0",
     .group = "string",
     .complexity = "O(1)",
     .acl_categories = "@write @string @fast"},
    {.name = "decrby",
     .handler = decrby,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = kOneKey,
     .syntax = "key decrement",
     .summary = "Takes a number from the integer at a key, which counts as 0 when it is not there.",
     .since = "1.0.0",
     .group = "string",
     .complexity = "O(1)",
     .acl_categories = "@write @string @fast"},
    {.name = "incr",
     .handler = incr,
     .arity = 2,
     .flags = kWrite | kDenyOom | kFast,
     .keys = kOneKey,
     .syntax = "key",
     .summary = "Adds one to the integer at a key, which counts as 0 when it is not there.",
     .since = "1.0.0",
     .group = "string",
     .complexity = "O(1)",
     .acl_categories = "@write @string @fast"},
    {.name = "incrby",
     .handler = incrby,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = kOneKey,
     .syntax = "key increment",
     .summary = "Adds a number to the integer at a key, which counts as 0 when it is not there.",
     .since = "1.0.0",
     .group = "string",
     .complexity = "O(1)",
     .acl_categories = "@write @string @fast"},
    {.name = "incrbyfloat",
     .handler = incrbyfloat,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = kOneKey,
     .syntax = "key increment",
     .summary = "Adds a decimal number to the number at a key, which counts as 0 when it is not there.",
     .since = "2.6.0",
     .group = "string",
     .complexity = "O(1)",
     .acl_categories = "@write @string @fast"},
});

}  // namespace

std::span<const Command> number_commands() { return kRows; }

}  // namespace kvstore::commands
