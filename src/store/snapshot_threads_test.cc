// Snapshots while several threads write. Run it under ThreadSanitizer too (KVSTORE_SANITIZE=thread).
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "store/recording_sink.h"
#include "store/saved_keys.h"

namespace kvstore::store {
namespace {

constexpr int kWriters = 3;
constexpr int kDatabases = 3;

// Notes how far the log had come at the instant.
class CutOutput final : public SnapshotOutput {
 public:
  explicit CutOutput(const std::atomic<Lsn>& lsns) : lsns_(lsns) {}
  void begin() override {
    saved.begin();
    // A writer that were not locked out would now get ahead of the cut.
    for (int i = 0; i < 200; ++i) std::this_thread::yield();
    cut = lsns_.load(std::memory_order_relaxed);  // relaxed: all shards are locked, so nobody counts it up
  }
  void save(int db, std::string_view key, const ValueView& value, bool by_writer) override {
    saved.save(db, key, value, by_writer);
  }

  SavedKeys saved;
  Lsn cut = 0;

 private:
  const std::atomic<Lsn>& lsns_;
};

// Keeps the writers and the snapshots at it together: writers may write so many groups, and ask for more by being done.
class Pace {
 public:
  explicit Pace(const std::atomic<Lsn>& lsns) : lsns_(lsns) {}

  // False when the writers shall end. relaxed everywhere: only paces, publishes nothing.
  [[nodiscard]] bool may_write() const {
    while (lsns_.load(std::memory_order_relaxed) >= allowed_.load(std::memory_order_relaxed)) {
      if (ended_.load(std::memory_order_relaxed)) return false;
      std::this_thread::yield();
    }
    return true;
  }
  // Lets them write `groups` more; returns when what was allowed before is written.
  void allow(Lsn groups) {
    const Lsn before = allowed_.load(std::memory_order_relaxed);
    allowed_.store(before + groups * RecordingSink::kLsnStep, std::memory_order_relaxed);
    while (lsns_.load(std::memory_order_relaxed) < before) std::this_thread::yield();
  }
  void end() { ended_.store(true, std::memory_order_relaxed); }

 private:
  const std::atomic<Lsn>& lsns_;
  std::atomic<Lsn> allowed_{0};
  std::atomic<bool> ended_{false};
};

void write(Keyspace& keyspace, MutationSink& sink, unsigned seed, const Pace& pace) {
  std::mt19937 random(seed);
  WriteContext context(&sink);
  for (unsigned i = 0; pace.may_write(); ++i) {
    const int db = static_cast<int>(random() % kDatabases);
    const std::string name = "key:" + std::to_string(random() % (random() % 4 == 0 ? 40'000 : 1'000));
    const std::string value = std::to_string(seed) + ":" + std::to_string(i);
    const Key key = keyspace.key(name);
    const unsigned shard = keyspace.shard_of(key.hash);
    const unsigned action = random() % 4'000;
    if (action == 0) {
      keyspace.flush(db, context);
    } else if (action < 3) {
      keyspace.swap(db, (db + 1) % kDatabases, context);
    } else {
      const std::string whole = action < 30 ? value + std::string(9'000, 'x') : value;
      NewValue staged = NewValue::stage(whole);
      keyspace.lock(shard);
      if (action < 500) {
        keyspace.erase(db, key, context);
      } else if (action < 800 && keyspace.find(db, key)) {
        keyspace.splice(db, key, 1, 200 + i % 10, value, context);
      } else {
        keyspace.set(db, key, ValueType::kString, std::move(staged), context);
      }
      static_cast<void>(keyspace.seal(shard, context));
      keyspace.unlock(shard);
      keyspace.do_chores(shard);
    }
    context.release();
    if (action % 512 == 0) keyspace.maintain();
  }
}

// The effects up to the cut, in the order of the log.
std::vector<SavedKeys::Database> replay(const std::vector<Effect>& log, Lsn cut) {
  Store store(with_shards(1));
  for (const Effect& effect : log) {
    if (effect.lsn <= cut) RecordingSink::apply(effect, store);
  }
  std::vector<SavedKeys::Database> databases;
  for (int db = 0; db < kDatabases; ++db) databases.push_back(store.contents(db, 1'000));
  return databases;
}

TEST(SnapshotThreads, EachIsWhatTheLogMakesUpToItsInstant) {
  std::atomic<Lsn> lsns{0};
  std::deque<RecordingSink> sinks;  // they do not move
  for (int t = 0; t < kWriters; ++t) sinks.emplace_back(&lsns);
  Keyspace keyspace(with_shards(4));
  Pace pace(lsns);
  std::vector<std::thread> writers;
  for (unsigned t = 0; t < kWriters; ++t) {
    writers.emplace_back([&, t] { write(keyspace, sinks[t], t + 1, pace); });
  }

  std::deque<CutOutput> outputs;
  for (int round = 0; round < 8; ++round) {
    pace.allow(round == 0 ? 20'000 : 500);
    pace.allow(50);
    CutOutput stopped(lsns);
    const bool stops = round % 4 == 3;  // must not harm the next one
    if (!stops) outputs.emplace_back(lsns);
    Snapshot snapshot(keyspace, stops ? stopped : outputs.back());
    if (stops) {
      for (int i = 0; i < 20; ++i) snapshot.step();
      continue;
    }
    while (snapshot.step()) pace.allow(20);
    EXPECT_EQ(outputs.back().saved.keys(), snapshot.keys_total());
  }
  pace.end();
  for (std::thread& writer : writers) writer.join();

  std::vector<Effect> log;
  for (RecordingSink& sink : sinks) std::move(sink.effects.begin(), sink.effects.end(), std::back_inserter(log));
  std::stable_sort(log.begin(), log.end(), [](const Effect& a, const Effect& b) { return a.lsn < b.lsn; });
  ASSERT_EQ(outputs.size(), 6U);
  for (const CutOutput& output : outputs) {
    EXPECT_TRUE(output.saved.databases(kDatabases) == replay(log, output.cut));
  }
  // And the log makes what the keyspace holds in the end.
  const std::vector<SavedKeys::Database> last = replay(log, lsns.load(std::memory_order_relaxed));
  for (int db = 0; db < kDatabases; ++db) {
    SavedKeys::Database found;
    std::uint64_t cursor = 0;
    do {
      cursor = keyspace.scan(db, cursor, 1'000,
                             [&](std::string_view key, const ValueView& value) { found.emplace(key, value.bytes); });
    } while (cursor != 0);
    EXPECT_TRUE(found == last[static_cast<std::size_t>(db)]);
  }
}

}  // namespace
}  // namespace kvstore::store
