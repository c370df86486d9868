#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "commands/command_context.h"

namespace kvstore::engine {
namespace {

using commands::Command;
using commands::KeySpec;

// A worker whose last command had more large arguments than this gives the room for them back.
constexpr std::size_t kStagedRetained = 64;
// Keys of one command that are fetched ahead. More would push the first ones out of the cache again.
constexpr std::size_t kKeysFetchedAhead = 64;

// The position of the last word that can be a key; less than keys.first when there is none.
std::size_t last_key_position(const KeySpec& keys, std::size_t words) {
  const auto last_word = static_cast<std::int64_t>(words) - 1;
  const std::int64_t last = keys.last < 0 ? last_word + 1 + keys.last : std::min<std::int64_t>(keys.last, last_word);
  return static_cast<std::size_t>(std::max<std::int64_t>(last, 0));
}

bool has_key(const Command& command, std::size_t words) {
  return command.keys.first > 0 && static_cast<std::size_t>(command.keys.first) < words;
}

bool is_key(const KeySpec& keys, std::size_t last_key, std::size_t position) {
  const auto first = static_cast<std::size_t>(keys.first);
  if (keys.first == 0 || position < first || position > last_key) return false;
  return first == last_key || (position - first) % static_cast<std::size_t>(keys.step) == 0;
}

}  // namespace

void Executor::prepare(std::span<Call> calls) {
  if (log_ == nullptr && engine_.log() != nullptr) attach_log();
  store::Keyspace& keyspace = engine_.keyspace();
  for (Call& call : calls) {
    if (!has_key(*call.command, call.args.size())) continue;
    call.first_key = keyspace.key(call.args[static_cast<std::size_t>(call.command->keys.first)]);
    keyspace.prefetch_bucket(call.client->database(), call.first_key.hash);
  }
  // By now the first buckets are on their way; each names the record to fetch. A SELECT among the calls makes the
  // database wrong for those behind it: a wasted hint.
  for (const Call& call : calls) {
    if (!has_key(*call.command, call.args.size())) continue;
    keyspace.prefetch_record(call.client->database(), call.first_key.hash);
  }
}

void Executor::run(Call& call, std::int64_t now_us) {
  const Command& command = *call.command;
  const int db = call.client->database();
  const bool writes = (command.flags & commands::kWrite) != 0;
  if (writes && log_ != nullptr && !has_space_for(call)) return;
  if (writes) stage_large_arguments(call);
  call.reply->begin(*call.output);

  if (!has_key(command, call.args.size())) {
    invoke(call, now_us, db);
    call.reply->end();
    // Whatever it read or changed of the whole keyspace lies before the end of the log.
    constexpr std::uint32_t kTouchesData = commands::kWrite | commands::kReadonly;
    if (log_ != nullptr && (command.flags & kTouchesData) != 0) call.wait_lsn = log_->end_lsn();
  } else if (const std::size_t last_key = last_key_position(command.keys, call.args.size());
             last_key <= static_cast<std::size_t>(command.keys.first)) {
    run_one_shard(call, now_us, db);
  } else {
    run_many_shards(call, now_us, db, last_key);
  }

  if (writes) release_after_write();
}

void Executor::run_one_shard(Call& call, std::int64_t now_us, int db) {
  store::Keyspace& keyspace = engine_.keyspace();
  const unsigned shard = keyspace.shard_of(call.first_key.hash);
  keyspace.lock(shard);
  invoke(call, now_us, db);
  call.wait_lsn = keyspace.seal(shard, writes_);
  keyspace.unlock(shard);
  call.reply->end();
  if ((call.command->flags & commands::kWrite) != 0) keyspace.prepare_spares(shard);
}

void Executor::run_many_shards(Call& call, std::int64_t now_us, int db, std::size_t last_key) {
  store::Keyspace& keyspace = engine_.keyspace();
  const KeySpec& keys = call.command->keys;
  KV_ASSERT(keys.step > 0);

  store::ShardSet shards;
  std::array<std::uint64_t, kKeysFetchedAhead> ahead;
  std::size_t ahead_count = 0;
  for (auto i = static_cast<std::size_t>(keys.first); i <= last_key; i += static_cast<std::size_t>(keys.step)) {
    const std::uint64_t hash = keyspace.key(call.args[i]).hash;
    shards.add(keyspace.shard_of(hash));
    if (ahead_count < ahead.size()) {
      keyspace.prefetch_bucket(db, hash);
      ahead[ahead_count++] = hash;
    }
  }
  for (std::size_t i = 0; i < ahead_count; ++i) keyspace.prefetch_record(db, ahead[i]);

  keyspace.lock(shards);
  invoke(call, now_us, db);
  call.wait_lsn = keyspace.seal(shards, writes_);
  keyspace.unlock(shards);
  call.reply->end();
  if ((call.command->flags & commands::kWrite) != 0) {
    shards.for_each([&keyspace](unsigned shard) { keyspace.prepare_spares(shard); });
  }
}

void Executor::invoke(Call& call, std::int64_t now_us, int db) {
  commands::CommandContext context{
      *call.command,   call.args, *call.reply, engine_.keyspace(), writes_, *call.client, server_,
      engine_.table(), db,        now_us,      call.first_key,     staged_, staged_index_};
  call.command->handler(context);
}

void Executor::stage_large_arguments(const Call& call) {
  const std::size_t last_key = last_key_position(call.command->keys, call.args.size());
  for (std::size_t i = 1; i < call.args.size(); ++i) {
    if (call.args[i].size() < store::kLargeValueBytes || is_key(call.command->keys, last_key, i)) continue;
    staged_.push_back(store::NewValue::stage(call.args[i]));
    staged_index_.push_back(static_cast<std::uint32_t>(i));
  }
}

void Executor::attach_log() {
  log_ = engine_.log();
  group_.emplace(*log_);
  writes_ = store::WriteContext(&*group_);
}

bool Executor::has_space_for(const Call& call) {
  const std::uint32_t flags = call.command->flags;
  std::uint64_t bytes = durability::Log::kErasesOnly;
  if ((flags & commands::kCopiesValues) != 0) {
    bytes = durability::Log::kUnknownBytes;
  } else if ((flags & commands::kDenyOom) != 0) {
    for (const std::string_view word : call.args) bytes += word.size();
  }
  if (log_->takes(bytes)) return true;
  call.reply->begin(*call.output);
  call.reply->error("NOSPACE", "the disk is full: writes are refused until there is room; reads and deletes go on");
  call.reply->end();
  return false;
}

void Executor::release_after_write() {
  writes_.release();
  if (staged_.empty()) return;
  staged_.clear();
  staged_index_.clear();
  if (staged_.capacity() > kStagedRetained) {
    staged_.shrink_to_fit();
    staged_index_.shrink_to_fit();
  }
}

}  // namespace kvstore::engine
