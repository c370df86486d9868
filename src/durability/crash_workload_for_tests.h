// CrashWorkload: does random things to a database on a recorded disk and notes what every LSN stands for, so that any
// disk a crash may leave behind can be judged.
//
// A *life* is the time between two starts: a start drops what was in the log but never acknowledged, so the same LSN
// may stand for other data afterwards. The number that the trace gives as acknowledged holds both.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "durability/database_for_tests.h"
#include "durability/log_format.h"
#include "durability/snapshot_writer.h"
#include "env/memory_directory.h"
#include "env/seeded_random.h"

namespace kvstore::durability::testing {

class CrashWorkload {
 public:
  struct Choices {
    SmallSizes sizes;
    bool snapshots = false;
    bool kills = false;     // the process ends in the middle of things and starts again on the same disk
    int large_percent = 5;  // values larger than a batch
  };

  // The trace begins before the recovery from `disk`.
  CrashWorkload(env::MemoryDirectory& disk, const Choices& choices, std::uint64_t seed)
      : disk_(disk), choices_(choices), random_(seed) {
    disk_.start_trace();
    start();
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) step();
  }

  // Of the data as it should be now.
  [[nodiscard]] std::uint64_t digest() const { return model_.digest(); }

  // Judges what was recovered from a crash. Nothing when all is well.
  [[nodiscard]] std::optional<std::string> judge(std::uint64_t acknowledged, Lsn lsn, std::uint64_t digest) const {
    const std::vector<Point>& life = lives_.at(acknowledged >> kLsnBits);
    const Lsn floor = acknowledged & ((std::uint64_t{1} << kLsnBits) - 1);
    const std::string where = "recovered up to LSN " + std::to_string(lsn) + ", acknowledged was " +
                              std::to_string(floor) + " in life " + std::to_string(acknowledged >> kLsnBits);
    if (lsn < floor) return where + ": acknowledged data is lost";
    if (lsn > end_of(life)) return where + ": the log never had so much";
    const Point* expected = point_at(life, lsn);
    if (expected == nullptr) return where + ": that is before what was there at the start";
    if (expected->digest != digest) return where + ": the data is not what the log had there";
    return std::nullopt;
  }

 private:
  static constexpr unsigned kLsnBits = 40;
  struct Point {
    Lsn lsn = 0;  // behind a group
    std::uint64_t digest = 0;
  };

  static const Point* point_at(const std::vector<Point>& life, Lsn lsn) {
    const auto next = std::upper_bound(life.begin(), life.end(), lsn, [](Lsn l, const Point& p) { return l < p.lsn; });
    return next == life.begin() ? nullptr : &*std::prev(next);
  }
  [[nodiscard]] static Lsn end_of(const std::vector<Point>& life) { return life.empty() ? 0 : life.back().lsn; }

  void start() {
    database_ = std::make_unique<HandDatabase>(disk_, choices_.sizes);
    const Status recovered = database_->recover();
    ASSERT_TRUE(recovered.ok()) << "after a kill: " << recovered.message();
    const Lsn lsn = database_->recovered_lsn();
    model_ = Model(database_->keyspace());
    std::vector<Point> life;
    if (lives_.empty()) {
      life.push_back({lsn, model_.digest()});
      lives_.push_back(life);  // as long as the recovery lasts, the same holds
    } else {
      const Lsn floor = killed_at_.value_or(0);
      const auto verdict = judge(((lives_.size() - 1) << kLsnBits) | floor, lsn, model_.digest());
      ASSERT_FALSE(verdict) << "after a kill: " << *verdict;
      life = lives_.back();
      std::erase_if(life, [&](const Point& point) { return point.lsn > lsn; });
    }
    // The stream goes on there, though the group that was not finished may end there no more.
    if (life.back().lsn < lsn) life.push_back({lsn, model_.digest()});
    lives_.push_back(std::move(life));
    newest_snapshot_ = database_->recovered().snapshot_lsn;
    note(lsn);
    const Status started = database_->start();
    ASSERT_TRUE(started.ok()) << started.message();
    note_acknowledged();
  }

  void note(Lsn lsn) { disk_.note_acknowledged(((lives_.size() - 1) << kLsnBits) | lsn); }
  void note_acknowledged() {
    const Log& log = database_->log();
    note(choices_.sizes.mode == Mode::kAlways ? log.acknowledged_lsn() : log.durable_lsn());
  }
  void note_group() {
    const Lsn lsn = database_->log().end_lsn();
    if (lsn != lives_.back().back().lsn) lives_.back().push_back({lsn, model_.digest()});
  }

  bool chance(unsigned percent) { return random_.below(100) < percent; }
  int any_db() { return chance(90) ? 0 : 1; }
  std::string any_key() { return "key" + std::to_string(random_.below(12)); }
  std::string any_value() {
    const bool large = chance(static_cast<unsigned>(choices_.large_percent));
    const std::size_t batch = choices_.sizes.batch_bytes;
    const std::size_t size = large ? batch + random_.below(3 * batch) : random_.below(chance(50) ? 100 : 6000);
    std::string value(size, '\0');
    // Zeros too: pages that look as if they had never been written.
    if (chance(25)) return value;
    for (char& byte : value) byte = static_cast<char>(random_.next());
    return value;
  }

  void step() {
    const auto dice = random_.below(100);
    if (dice < 36) {
      group();
    } else if (dice < 42) {
      databases();
    } else if (dice < 64) {
      commit_some();
    } else if (dice < 76) {
      const Status status = database_->commit_all();
      ASSERT_TRUE(status.ok()) << status.message();
    } else if (dice < 80) {
      const Status status = database_->log().write_marker();
      ASSERT_TRUE(status.ok()) << status.message();
    } else if (dice < 84) {
      sync();
    } else if (dice < 88) {
      ASSERT_TRUE(!database_->pool().wants_segment() || database_->prepare_one().ok());
    } else if (dice < 95) {
      if (choices_.snapshots) snapshot();
    } else if (choices_.kills) {
      kill();
    }
    if (!::testing::Test::HasFatalFailure()) note_acknowledged();
  }

  void group() {
    const auto changes = chance(60) ? 1 : 1 + random_.below(5);
    database_->change([&](store::Keyspace& keyspace, store::WriteContext& context) {
      for (std::uint64_t i = 0; i < changes; ++i) change(keyspace, context);
    });
    note_group();
  }
  void change(store::Keyspace& keyspace, store::WriteContext& context) {
    const int db = any_db();
    const std::string key = any_key();
    const auto dice = random_.below(10);
    if (dice < 2) {
      keyspace.erase(db, keyspace.key(key), context);
      model_.erase(db, key);
    } else if (dice < 5 && model_.contains(db, key)) {
      const std::size_t before = model_.keys().at({db, key}).size();
      const std::size_t size = before / 2 + random_.below(before + 50);
      const std::size_t offset = random_.below(size + 1);
      const std::string bytes(std::min<std::size_t>(size - offset, random_.below(40)), 's');
      keyspace.splice(db, keyspace.key(key), offset, size, bytes, context);
      model_.splice(db, key, offset, size, bytes);
    } else {
      const std::string value = any_value();
      keyspace.set(db, keyspace.key(key), store::ValueType::kString, store::NewValue::stage(value), context);
      model_.set(db, key, value);
    }
  }
  void databases() {
    store::WriteContext context(&database_->group());
    const int db = any_db();
    switch (random_.below(4)) {
      case 0:
        database_->keyspace().flush_all(context);
        model_.flush_all();
        break;
      case 1:
        database_->keyspace().flush(db, context);
        model_.flush(db);
        break;
      default:
        database_->keyspace().swap(0, 1, context);
        model_.swap(0, 1);
    }
    note_group();
  }

  void commit_some() {
    Log& log = database_->log();
    for (auto commits = 1 + random_.below(2); commits > 0; --commits) {
      std::optional<Log::Commit> commit = log.begin_commit();
      if (!commit && log.end_lsn() > log.acknowledged_lsn()) {
        ASSERT_TRUE(database_->prepare_one().ok());
        commit = log.begin_commit();
      }
      if (commit) log.perform(*commit);
      note_acknowledged();
    }
  }
  void sync() {
    Status status = database_->commit_all();
    if (status.ok()) status = database_->log().sync();
    ASSERT_TRUE(status.ok()) << status.message();
  }

  // Of what need not be on disk yet: the writer sees to that.
  void snapshot() {
    SnapshotWriter::Options options;
    options.version = "test";
    options.database_id = to_text(database_->log().database_id());
    options.position = [this] { return database_->log().end_lsn(); };
    options.ensure_log_durable = [this](Lsn) {
      const Status status = database_->commit_all();
      return status.ok() ? database_->log().sync() : status;
    };
    SnapshotWriter writer(disk_, database_->keyspace(), env::Clock::system(), std::move(options));
    const Result<SnapshotTaken> taken = writer.run();
    ASSERT_TRUE(taken.ok()) << taken.status().message();
    note_acknowledged();
    ASSERT_TRUE(database_->pool().recycle(std::exchange(newest_snapshot_, taken.value().lsn)).ok());
  }

  // Sometimes in the middle of a write, of which then anything may be in the hands of the kernel.
  void kill() {
    killed_at_ = database_->log().acknowledged_lsn();
    std::optional<Log::Commit> commit = database_->log().begin_commit();
    if (commit && chance(70)) {
      // A kill ends a write between two pages of the page cache, wherever in its page it began.
      const std::size_t first = kPageBytes - commit->offset % kPageBytes;
      const std::size_t bytes = commit->bytes.size();
      const std::size_t pages = bytes <= first ? 0 : (bytes - first + kPageBytes - 1) / kPageBytes;
      const std::string_view written = commit->bytes.substr(0, first + kPageBytes * random_.below(pages + 1));
      ASSERT_TRUE(commit->file->write(commit->offset, written).ok());
    }
    if (chance(30)) half_prepared_segment();
    start();
  }

  // Filled, not synced.
  void half_prepared_segment() {
    std::uint64_t next = 1;
    const auto names = disk_.list();
    for (const std::string& name : names.value()) next = std::max(next, segment_number_of(name).value_or(0) + 1);
    auto file = disk_.open(segment_name(next), env::OpenMode::kCreate, env::Caching::kBuffered);
    ASSERT_TRUE(file.ok() && file.value()->write(0, std::string(choices_.sizes.segment_bytes, '\0')).ok());
  }

  env::MemoryDirectory& disk_;
  const Choices choices_;
  env::SeededRandom random_;
  std::unique_ptr<HandDatabase> database_;
  Model model_;
  std::vector<std::vector<Point>> lives_;  // each: what the log stood for, ascending
  std::optional<Lsn> killed_at_;
  Lsn newest_snapshot_ = 0;
};

}  // namespace kvstore::durability::testing
