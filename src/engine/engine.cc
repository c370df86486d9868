#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "commands/command_context.h"

namespace kvstore::engine {
namespace {

using commands::KeySpec;

// Keys of one command that are fetched ahead. More would push the first ones out of the cache again.
constexpr std::size_t kKeysFetchedAhead = 64;

// The position of the last word that can be a key; less than keys.first when there is none.
std::size_t last_key_position(const KeySpec& keys, std::size_t words) {
  const auto last_word = static_cast<std::int64_t>(words) - 1;
  const std::int64_t last = keys.last < 0 ? last_word + 1 + keys.last : std::min<std::int64_t>(keys.last, last_word);
  return static_cast<std::size_t>(std::max<std::int64_t>(last, 0));
}

Call::Shards shards_of(const KeySpec& keys, std::size_t words) {
  const auto first = static_cast<std::size_t>(keys.first);
  if (first == 0 || first >= words) return Call::Shards::kNone;
  if (keys.last == keys.first || last_key_position(keys, words) <= first) return Call::Shards::kOne;
  return Call::Shards::kMany;
}

bool is_key(const KeySpec& keys, std::size_t last_key, std::size_t position) {
  const auto first = static_cast<std::size_t>(keys.first);
  if (keys.first == 0 || position < first || position > last_key) return false;
  return first == last_key || (position - first) % static_cast<std::size_t>(keys.step) == 0;
}

}  // namespace

void Executor::prepare(Call& call) {
  call.shards = shards_of(call.command->keys, call.args.size());
  if (call.shards == Call::Shards::kNone) return;
  call.first_key = engine_.keyspace().key(call.args[static_cast<std::size_t>(call.command->keys.first)]);
  // A SELECT among the calls in front makes the database wrong: a wasted hint.
  engine_.keyspace().prefetch_bucket(call.client->database(), call.first_key.hash);
}

void Executor::prefetch(const Call& call) {
  if (call.shards == Call::Shards::kNone) return;
  engine_.keyspace().prefetch_record(call.client->database(), call.first_key.hash);
}

inline void Executor::invoke(Call& call, std::int64_t now_us) {
  commands::CommandContext context{*call.command, call.args,    *call.reply,    engine_.keyspace(),
                                   writes_,       *call.client, server_,        engine_.table(),
                                   lookups_,      staged_,      call.first_key, call.client->database(),
                                   now_us};
  call.command->handler(context);
}

void Executor::run_no_shard(Call& call, std::int64_t now_us) {
  invoke(call, now_us);
  call.reply->end();
  // Whatever it read or changed of the whole keyspace lies before the end of the log.
  constexpr std::uint32_t kTouchesData = commands::kWrite | commands::kReadonly;
  if (log_ != nullptr && (call.command->flags & kTouchesData) != 0) call.wait_lsn = log_->end_lsn();
}

inline void Executor::run_one_shard(Call& call, std::int64_t now_us) {
  store::Keyspace& keyspace = engine_.keyspace();
  const unsigned shard = keyspace.shard_of(call.first_key.hash);
  keyspace.lock(shard);
  invoke(call, now_us);
  call.wait_lsn = keyspace.seal(shard, writes_);
  keyspace.unlock(shard);
  call.reply->end();
  if ((call.command->flags & commands::kWrite) != 0) keyspace.do_chores(shard);
}

void Executor::run_many_shards(Call& call, std::int64_t now_us) {
  store::Keyspace& keyspace = engine_.keyspace();
  const int db = call.client->database();
  const KeySpec& keys = call.command->keys;
  const std::size_t last_key = last_key_position(keys, call.args.size());
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
  invoke(call, now_us);
  call.wait_lsn = keyspace.seal(shards, writes_);
  keyspace.unlock(shards);
  call.reply->end();
  if ((call.command->flags & commands::kWrite) != 0) {
    shards.for_each([&keyspace](unsigned shard) { keyspace.do_chores(shard); });
  }
}

inline void Executor::stage_large_arguments(const Call& call) {
  const auto is_large = [](std::string_view word) { return word.size() >= store::kLargeValueBytes; };
  if (std::none_of(call.args.begin(), call.args.end(), is_large)) return;
  const std::size_t last_key = last_key_position(call.command->keys, call.args.size());
  for (std::size_t i = 1; i < call.args.size(); ++i) {
    if (is_large(call.args[i]) && !is_key(call.command->keys, last_key, i)) staged_.add(i, call.args[i]);
  }
}

void Executor::run(Call& call, std::int64_t now_us) {
  const bool writes = (call.command->flags & commands::kWrite) != 0;
  if (log_ == nullptr && engine_.log() != nullptr) attach_log();
  if (writes) {
    if (log_ != nullptr && !has_space_for(call)) return;
    stage_large_arguments(call);
  }
  call.reply->begin(*call.output);
  switch (call.shards) {
    case Call::Shards::kOne:
      run_one_shard(call, now_us);
      break;
    case Call::Shards::kNone:
      run_no_shard(call, now_us);
      break;
    case Call::Shards::kMany:
      run_many_shards(call, now_us);
      break;
  }
  if (writes) {
    writes_.release();
    staged_.clear();
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

}  // namespace kvstore::engine
