// Tests of the engine's locking, staging and reply framing, with commands of their own.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "commands/command_context.h"
#include "engine/test_worker.h"

namespace kvstore::engine {
namespace {

using commands::Command;
using commands::CommandContext;
using commands::KeySpec;
using store::ValueType;

class EngineTest : public testing::Test {
 protected:
  // A key whose shard is `shard`.
  std::string key_in(unsigned shard) {
    for (int i = 0;; ++i) {
      std::string key = "key" + std::to_string(i);
      if (shard_of(key) == shard) return key;
    }
  }
  unsigned shard_of(std::string_view key) { return engine_.keyspace().shard_of(engine_.keyspace().key(key).hash); }

  Engine engine_{store::Keyspace::Options{.shards = 8, .hash_secret = base::KeyHasher::random_secret()}};
};

// --- commands --------------------------------------------------------------------------------------------------------

void set_all(CommandContext& context) {
  for (std::size_t i = 1; i + 1 < context.args.size(); i += 2) {
    context.keyspace.set(context.db, context.key(i), ValueType::kString, context.value(i + 1), context.writes);
  }
  context.reply.ok();
}

void get_all(CommandContext& context) {
  for (std::size_t i = 1; i < context.args.size(); ++i) {
    const store::ValueView value = context.keyspace.find(context.db, context.key(i));
    value ? context.reply.bulk(value.bytes) : context.reply.null();
  }
}

void increment(CommandContext& context) {
  const store::ValueView value = context.keyspace.find(context.db, context.first_key);
  const int count = value ? std::stoi(std::string(value.bytes)) : 0;
  const std::string text = std::to_string(count + 1);
  context.keyspace.set(context.db, context.first_key, ValueType::kString, std::string_view(text), context.writes);
}

void count_keys(CommandContext& context) {
  context.reply.integer(static_cast<std::int64_t>(context.keyspace.size(context.db)));
}

void reply_nothing(CommandContext&) {}

const Command kSet = row(set_all, {1, 1, 1}, commands::kWrite);
const Command kGet = row(get_all, {1, 1, 1}, commands::kReadonly);
const Command kSetAll = row(set_all, {1, -1, 2}, commands::kWrite);
const Command kGetAll = row(get_all, {1, -1, 1}, commands::kReadonly);
const Command kIncrement = row(increment, {1, 1, 1}, commands::kWrite);

// --- tests -----------------------------------------------------------------------------------------------------------

TEST_F(EngineTest, PrepareHashesTheFirstKeyWhereThereIsOne) {
  Worker worker(engine_);
  const Command second_word = row(reply_nothing, {2, 2, 1}, commands::kReadonly);
  const Command no_keys = row(reply_nothing, {}, commands::kReadonly);
  const std::vector<std::string_view> words = {"test", "a", "b"};
  const std::vector<std::string_view> name_only = {"test"};
  std::vector<Call> calls = {worker.call(kGet, words), worker.call(second_word, words), worker.call(no_keys, words),
                             worker.call(kGet, name_only)};
  for (Call& call : calls) worker.executor().prepare(call);
  EXPECT_EQ(calls[0].first_key.bytes, "a");
  EXPECT_EQ(calls[0].first_key.hash, engine_.keyspace().key("a").hash);
  EXPECT_EQ(calls[1].first_key.bytes, "b");
  EXPECT_EQ(calls[1].first_key.hash, engine_.keyspace().key("b").hash);
  EXPECT_EQ(calls[2].first_key.bytes.data(), nullptr);
  EXPECT_EQ(calls[3].first_key.bytes.data(), nullptr);
}

TEST_F(EngineTest, CallsOfABatchRunInOrderAndSeeEachOther) {
  Worker worker(engine_);
  const std::vector<std::string_view> set1 = {"set", "k", "1"};
  const std::vector<std::string_view> set2 = {"set", "k", "2"};
  const std::vector<std::string_view> get = {"get", "k"};
  std::vector<Call> calls = {worker.call(kGet, get), worker.call(kSet, set1), worker.call(kGet, get),
                             worker.call(kSet, set2), worker.call(kGet, get)};
  for (Call& call : calls) worker.executor().prepare(call);
  for (Call& call : calls) worker.executor().run(call, 0);
  EXPECT_EQ(worker.take_output(), "(null)\nOK\n1\nOK\n2\n");
}

TEST_F(EngineTest, ACommandRunsInTheDatabaseTheClientHasThen) {
  Worker worker(engine_);
  const std::vector<std::string_view> set = {"set", "k", "v"};
  Call call = worker.call(kSet, set);
  worker.executor().prepare(call);
  worker.client.select(3);  // as a SELECT earlier in the batch does
  worker.executor().run(call, 0);
  EXPECT_EQ(worker.run(kGet, {"get", "k"}), "OK\nv\n");
  worker.client.select(0);
  EXPECT_EQ(worker.run(kGet, {"get", "k"}), "(null)\n");
}

TEST_F(EngineTest, AnEmptyReplyIsTolerated) {
  Worker worker(engine_);
  EXPECT_EQ(worker.run(row(reply_nothing, {}, 0), {"shutdown"}), "");
  EXPECT_EQ(worker.run(row(reply_nothing, {1, 1, 1}, commands::kWrite), {"test", "k"}), "");
  EXPECT_EQ(worker.reply.begun, 2);
  EXPECT_EQ(worker.reply.ended, 2);
}

TEST_F(EngineTest, RepliesBeginAndEndWithoutLocks) {
  Worker worker(engine_);
  for (unsigned shard = 0; shard < engine_.keyspace().shards(); ++shard) worker.reply.must_be_free.push_back(shard);
  EXPECT_EQ(worker.run(kSet, {"set", "a", "1"}), "OK\n");
  EXPECT_EQ(worker.run(kSetAll, {"set", "a", "1", "b", "2"}), "OK\n");
  EXPECT_EQ(worker.run(kGetAll, {"get", "a", "b", "c"}), "1\n2\n(null)\n");
  EXPECT_EQ(worker.run(row(count_keys, {}, commands::kReadonly), {"size"}), "2\n");
  EXPECT_EQ(worker.reply.begun, 4);
  EXPECT_EQ(worker.reply.ended, 4);
}

// A row without keys, or without the word its keys begin at, leaves all locks to the handler: size() takes every one.
TEST_F(EngineTest, WithoutKeysNoShardIsLocked) {
  Worker worker(engine_);
  EXPECT_EQ(worker.run(row(count_keys, {}, commands::kReadonly), {"size"}), "0\n");
  EXPECT_EQ(worker.run(row(count_keys, {1, -1, 1}, commands::kReadonly), {"size"}), "0\n");
  EXPECT_EQ(worker.run(row(count_keys, {2, 2, 1}, commands::kWrite), {"size", "x"}), "0\n");
}

const store::ShardSet* expected_shards = nullptr;  // the shards that must be locked while check_locks() runs
std::vector<std::thread>* contenders = nullptr;
std::atomic<bool> handler_done{false};
std::atomic<int> intruders{0};

// Takes every shard that must be free (this hangs if it is not), and starts a thread that takes each of the others,
// which must not succeed before the handler is done.
void check_locks(CommandContext& context) {
  std::atomic<int> about_to_lock{0};
  int started = 0;
  for (unsigned shard = 0; shard < context.keyspace.shards(); ++shard) {
    if (!expected_shards->contains(shard)) {
      context.keyspace.lock(shard);
      context.keyspace.unlock(shard);
      continue;
    }
    ++started;
    contenders->emplace_back([&keyspace = context.keyspace, &about_to_lock, shard] {
      about_to_lock.fetch_add(1);
      keyspace.lock(shard);
      if (!handler_done.load()) intruders.fetch_add(1);
      keyspace.unlock(shard);
    });
  }
  while (about_to_lock.load() < started) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) std::this_thread::yield();  // gives an intruder a chance; passing never depends on it
  handler_done.store(true);
}

TEST_F(EngineTest, ExactlyTheShardsOfTheNamedKeysAreLocked) {
  struct Case {
    KeySpec keys;
    std::vector<unsigned> key_positions;  // of the words below
  };
  // Words 1 to 6 are keys of shards 0, 1, 2, 3, 0 and 5.
  std::vector<std::string> keys;
  for (unsigned shard : {0U, 1U, 2U, 3U, 0U, 5U}) keys.push_back(key_in(shard));
  const std::vector<std::string_view> words = {"test", keys[0], keys[1], keys[2], keys[3], keys[4], keys[5]};
  const std::vector<Case> cases = {
      {{1, 1, 1}, {1}},    {{2, 2, 0}, {2}},        {{6, -1, 1}, {6}},          {{1, -1, 1}, {1, 2, 3, 4, 5, 6}},
      {{1, 2, 1}, {1, 2}}, {{1, -1, 2}, {1, 3, 5}}, {{2, -2, 1}, {2, 3, 4, 5}}, {{1, 9, 1}, {1, 2, 3, 4, 5, 6}},
      {{3, 9, 3}, {3, 6}}, {{6, -2, 1}, {6}},
  };
  Worker worker(engine_);
  for (const Case& one : cases) {
    SCOPED_TRACE(testing::Message() << one.keys.first << " " << one.keys.last << " " << one.keys.step);
    store::ShardSet expected;
    for (unsigned position : one.key_positions) expected.add(shard_of(words[position]));
    expected_shards = &expected;
    std::vector<std::thread> threads;
    contenders = &threads;
    handler_done.store(false);
    intruders.store(0);
    const Command command = row(check_locks, one.keys, commands::kReadonly);
    EXPECT_EQ(worker.run(command, words), "");
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(intruders.load(), 0);
  }
}

TEST_F(EngineTest, OneKeyCommandsOnOneKeyDoNotLoseUpdates) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 5'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this] {
      Worker worker(engine_);
      for (int i = 0; i < kRounds; ++i) worker.run(kIncrement, {"incr", "counter"});
    });
  }
  for (std::thread& thread : threads) thread.join();
  Worker worker(engine_);
  EXPECT_EQ(worker.run(kGet, {"get", "counter"}), std::to_string(kThreads * kRounds) + "\n");
}

// Two writers name the same keys in opposite order, with one of them twice: wrong lock order hangs, a lock taken twice
// hangs, and a missing lock shows readers a mixed pair.
TEST_F(EngineTest, ManyKeyCommandsAreAtomicWhateverTheOrderOfTheirKeys) {
  const std::string a = key_in(1);
  const std::string b = key_in(6);
  Worker(engine_).run(kSetAll, {"mset", a, "0", b, "0"});
  std::atomic<bool> stop{false};
  std::atomic<int> mixed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      Worker worker(engine_);
      for (int i = 0; i < 5'000; ++i) {
        const std::string value = std::to_string(t) + "-" + std::to_string(i);
        t == 0 ? worker.run(kSetAll, {"mset", a, value, b, value, a, value})
               : worker.run(kSetAll, {"mset", b, value, a, value, b, value});
      }
    });
  }
  std::thread reader([&] {
    Worker worker(engine_);
    do {
      const std::string pair = worker.run(kGetAll, {"mget", a, b});
      const std::size_t half = pair.size() / 2;
      if (pair.substr(0, half) != pair.substr(half)) mixed.fetch_add(1);
    } while (!stop.load());
  });
  for (std::thread& thread : threads) thread.join();
  stop.store(true);
  reader.join();
  EXPECT_EQ(mixed.load(), 0);
}

TEST_F(EngineTest, ACommandMayNameMoreKeysThanAreFetchedAhead) {
  std::vector<std::string> keys;
  for (int i = 0; i < 1'000; ++i) keys.push_back("key" + std::to_string(i));
  std::vector<std::string_view> set = {"mset"};
  std::vector<std::string_view> get = {"mget"};
  std::string expected;
  for (const std::string& key : keys) {
    set.insert(set.end(), {key, key});
    get.push_back(key);
    expected += key + "\n";
  }
  Worker worker(engine_);
  worker.run(kSetAll, set);
  EXPECT_EQ(worker.run(kGetAll, get), expected);
}

// Replies with the positions of the staged arguments, and checks that value() hands out their blocks.
void list_staged(CommandContext& context) {
  const std::span<const std::uint32_t> positions = context.staged.positions();
  for (std::uint32_t position : positions) context.reply.integer(position);
  for (std::size_t i = 1; i < context.args.size(); ++i) {
    store::NewValue value = context.value(i);
    EXPECT_EQ(value.bytes(), context.args[i]);
    const bool staged = std::find(positions.begin(), positions.end(), i) != positions.end();
    const base::SharedBytesRef block = value.take_block();
    EXPECT_EQ(static_cast<bool>(block), staged) << i;
    if (staged) {
      EXPECT_NE(block->data(), context.args[i].data()) << "not a copy";
    }
  }
}

TEST_F(EngineTest, LargeArgumentsOfAWriteAreCopiedBeforeTheLock) {
  const std::string small(store::kLargeValueBytes - 1, 's');
  const std::string large(store::kLargeValueBytes, 'l');
  const std::string larger(1 << 20, 'L');
  const Command write = row(list_staged, {1, 1, 1}, commands::kWrite);
  const Command write_many = row(list_staged, {1, -1, 2}, commands::kWrite);
  const Command write_no_keys = row(list_staged, {}, commands::kWrite);
  const Command read = row(list_staged, {1, 1, 1}, commands::kReadonly);
  Worker worker(engine_);
  EXPECT_EQ(worker.run(write, {"w", "k", large}), "2\n");
  EXPECT_EQ(worker.run(write, {"w", "k", small}), "") << "the staged arguments of the call before are gone";
  EXPECT_EQ(worker.run(write, {"w", "k", larger, small, large}), "2\n4\n");
  EXPECT_EQ(worker.run(write, {"w", large, "x"}), "") << "keys are not staged";
  EXPECT_EQ(worker.run(write_many, {"w", large, "x", larger, large}), "4\n");
  EXPECT_EQ(worker.run(write_no_keys, {"w", large}), "1\n");
  EXPECT_EQ(worker.run(read, {"r", "k", large}), "") << "reads need no copies";
}

TEST_F(EngineTest, StagedValuesArriveInTheKeyspaceWhole) {
  std::vector<std::string> keys;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < 200; ++i) {
    keys.push_back("key" + std::to_string(i));
    values.emplace_back(i % 3 == 0 ? 10 : store::kLargeValueBytes + i, static_cast<char>('a' + i % 26));
  }
  std::vector<std::string_view> words = {"mset"};
  for (std::size_t i = 0; i < keys.size(); ++i) words.insert(words.end(), {keys[i], values[i]});
  Worker worker(engine_);
  EXPECT_EQ(worker.run(kSetAll, words), "OK\n");
  for (std::size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(worker.run(kGet, {"get", keys[i]}), values[i] + "\n");
}

}  // namespace
}  // namespace kvstore::engine
