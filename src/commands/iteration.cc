// Going over all keys: KEYS and SCAN.
//
// Thread rule: no shard is locked when these handlers begin. They collect keys in slices of at most kSliceKeys, each
// under one short lock, and match patterns afterwards, so neither a large table nor a slow pattern holds a lock.

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "commands/args.h"
#include "commands/errors.h"
#include "commands/families.h"
#include "commands/value_types.h"

namespace kvstore::commands {

namespace {

constexpr std::size_t kSliceKeys = 128;
constexpr std::int64_t kDefaultScanCount = 10;  // as in Redis

// Keys collected one behind the other. Bounded: refuses to grow over what a reply may hold.
class KeyList {
 public:
  void add(std::string_view key) {
    bytes_.append(key);
    ends_.push_back(bytes_.size());
  }
  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  [[nodiscard]] bool too_large() const { return bytes_.size() > protocol::ReplyWriter::kReplyBytesMax; }
  [[nodiscard]] std::string_view operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  void clear() {
    bytes_.clear();
    ends_.clear();
  }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

struct Filter {
  std::optional<std::string_view> pattern;
  std::optional<std::string_view> type;  // lower case or as sent; an unknown one matches nothing
};

// Goes over the database slice by slice and keeps what passes the filter.
class Collector {
 public:
  Collector(CommandContext& context, const Filter& filter) : context_(context), filter_(filter) {}

  // One slice from `cursor` on; returns the next cursor.
  std::uint64_t collect(std::uint64_t cursor, std::size_t count) {
    slice_.clear();
    cursor = context_.keyspace.scan(context_.db, cursor, count,
                                    [this](std::string_view key, const store::ValueView& value) { visit(key, value); });
    for (std::size_t i = 0; i < slice_.size(); ++i) {
      if (!filter_.pattern || base::glob_match(*filter_.pattern, slice_[i])) found_.add(slice_[i]);
    }
    return cursor;
  }
  [[nodiscard]] std::size_t visited() const { return visited_; }
  [[nodiscard]] const KeyList& found() const { return found_; }

 private:
  void visit(std::string_view key, const store::ValueView& value) {
    ++visited_;
    if (filter_.type && !base::equals_ignoring_case(*filter_.type, type_name(value.type))) return;
    slice_.add(key);
  }

  CommandContext& context_;
  const Filter& filter_;
  KeyList slice_;
  KeyList found_;
  std::size_t visited_ = 0;
};

void keys(CommandContext& context) {
  const Filter filter{context.args[1], std::nullopt};
  Collector collector(context, filter);
  std::uint64_t cursor = 0;
  do {
    cursor = collector.collect(cursor, kSliceKeys);
    if (collector.found().too_large()) return context.reply.error(errors::kReplyTooLarge);
  } while (cursor != 0);

  // While the table grows a key can be visited twice; KEYS answers each once.
  std::vector<std::string_view> found;
  found.reserve(collector.found().size());
  for (std::size_t i = 0; i < collector.found().size(); ++i) found.push_back(collector.found()[i]);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());

  context.reply.array(found.size());
  for (const std::string_view key : found) context.reply.bulk(key);
}

[[nodiscard]] std::optional<std::uint64_t> parse_cursor(std::string_view text) {
  std::uint64_t cursor = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, cursor);
  if (error != std::errc() || stop != end) return std::nullopt;
  return cursor;
}

void scan(CommandContext& context) {
  const auto start = parse_cursor(context.args[1]);
  if (!start) return context.reply.error(errors::kCursor);
  Filter filter;
  std::int64_t count = kDefaultScanCount;
  std::string_view text;
  ArgReader options(context, 2);
  while (options.more()) {
    if (options.option("MATCH", text)) {
      filter.pattern = text;
    } else if (options.option("TYPE", text)) {
      filter.type = text;
    } else if (!options.option("COUNT", count) || count < 1) {
      options.fail(errors::kSyntax);
    }
  }
  if (!options.finish()) return;

  // Sparse parts of a table have few keys a slice: after ten times as many slices as keys were asked for the answer
  // goes out as it is, as in Redis.
  Collector collector(context, filter);
  const auto wanted = static_cast<std::size_t>(count);
  const std::size_t slices_max = wanted > SIZE_MAX / 10 ? SIZE_MAX : wanted * 10;
  std::uint64_t cursor = *start;
  std::size_t slices = 0;
  do {
    cursor = collector.collect(cursor, std::min(wanted - collector.visited(), kSliceKeys));
    if (collector.found().too_large()) return context.reply.error(errors::kReplyTooLarge);
  } while (cursor != 0 && collector.visited() < wanted && ++slices < slices_max);

  context.reply.array(2);
  context.reply.bulk(std::to_string(cursor));
  context.reply.array(collector.found().size());
  for (std::size_t i = 0; i < collector.found().size(); ++i) context.reply.bulk(collector.found()[i]);
}

constexpr auto kRows = std::to_array<Command>({
    {.name = "keys",
     .handler = keys,
     .arity = 2,
     .flags = kReadonly,
     .syntax = "pattern",
     .summary = "Answers every key that matches a pattern, sorted.",
     .since = "1.0.0",
     .group = "generic",
     .complexity = "O(N log N) where N is the number of keys in the database",
     .acl_categories = "@keyspace @read @slow @dangerous",
     .tips = "request_policy:all_shards nondeterministic_output_order"},
    {.name = "scan",
     .handler = scan,
     .arity = -2,
     .flags = kReadonly,
     .syntax = "cursor [MATCH pattern] [COUNT count] [TYPE type]",
     .summary = "Goes over the keys of the database a few at a time: begin with cursor 0, end when it answers 0.",
     .since = "2.8.0",
     .group = "generic",
     .complexity = "O(COUNT) a call, O(N) for all N keys",
     .acl_categories = "@keyspace @read @slow",
     .tips = "nondeterministic_output request_policy:special"},
});

}  // namespace

std::span<const Command> iteration_commands() { return kRows; }

}  // namespace kvstore::commands
