// The disk refuses, once or from some moment on: a run of a database is repeated with its first call failing, its
// second, and so on. Whatever fails, what was acknowledged is there when the disk is well again.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "durability/database_for_tests.h"
#include "env/crash_states.h"
#include "env/faulty_directory.h"
#include "env/memory_directory.h"

namespace kvstore::durability {
namespace {

using env::DiskOperation;
using env::FaultKind;
using env::FaultPlan;
using env::FaultyDirectory;
using env::MemoryDirectory;
using testing::Digest;
using testing::HandDatabase;
using testing::Model;
using testing::SmallSizes;

// Two starts with writes in between, over several segments and two snapshots; ends at the first failure.
class FaultyRun {
 public:
  FaultyRun(Mode mode, const FaultPlan& plan) : plan_(plan), faulty_(disk_, plan) {
    sizes_.mode = mode;
    disk_.start_trace();
    const Status status = all();
    // A full disk while a segment is prepared is no failure: it goes on when there is room.
    if (status.code() == StatusCode::kNoSpace && database_->started() && database_->failures().empty()) go_on();
    if (database_->started() && !database_->failures().empty()) poke();
  }
  [[nodiscard]] std::uint64_t faults() const { return faulty_.faults(); }

  // The process is gone; the disk is well.
  void check() {
    database_.reset();
    check_disk(*disk_.after_kill(), "after a kill");
    if (plan_.nth % 3 == 0) check_power_loss();
  }

 private:
  struct Point {
    Lsn lsn;
    std::uint64_t digest;
  };

  Status all() {
    for (int start = 0; start < 2; ++start) {
      database_ = std::make_unique<HandDatabase>(faulty_, sizes_);
      if (Status status = database_->open(); !status.ok()) return status;
      for (int i = 0; i < 10; ++i) {
        if (Status status = write(start * 100 + i); !status.ok()) return status;
        if (i % 4 != 3) continue;
        if (Status status = database_->log().sync(); !status.ok()) return status;
        note();
        if (Status status = database_->log().write_marker(); !status.ok()) return status;
        if (i != 7) continue;
        const Lsn lsn = database_->log().end_lsn();
        const Status status = write_snapshot(faulty_, model_, database_->log().database_id(), lsn);
        if (!status.ok()) return status;
        if (Status recycled = database_->pool().recycle(snapshot_lsn_); !recycled.ok()) return recycled;
        snapshot_lsn_ = lsn;
      }
      if (Status status = database_->log().sync(); !status.ok()) return status;
      note();
    }
    return {};
  }
  Status write(int number) {
    const std::string key = "key" + std::to_string(number % 5);
    const std::string value(static_cast<std::size_t>(number % 3 == 0 ? 9000 : 100 + 500 * (number % 5)), 'v');
    database_->set(0, key, value);
    model_.set(0, key, value);
    points_.push_back({database_->log().end_lsn(), model_.digest()});
    const Status status = database_->commit_all();
    note();
    return status;
  }
  void note() {
    const Log& log = database_->log();
    acknowledged_ = log.acknowledged_lsn();
    durable_ = log.durable_lsn();
    disk_.note_acknowledged(durable_);
  }
  void go_on() {
    faulty_.set_plan({});
    const Status status = database_->commit_all();
    ASSERT_TRUE(status.ok()) << status.message();
    ASSERT_TRUE(database_->log().sync().ok());
    ASSERT_TRUE(database_->log().takes(Log::kUnknownBytes));
    note();
    ASSERT_EQ(acknowledged_, database_->log().end_lsn());
  }
  // Whoever has not heard yet that the log failed goes on trying; nothing of it reaches the disk.
  void poke() {
    const auto writes = [&] {
      const env::DiskTrace trace = disk_.trace();
      return std::count_if(trace.operations.begin(), trace.operations.end(), [](const DiskOperation& operation) {
        return operation.kind == DiskOperation::Kind::kWrite && operation.name.find(".wal.") != std::string::npos;
      });
    };
    const auto before = writes();
    faulty_.set_plan({});
    Log& log = database_->log();
    EXPECT_EQ(database_->failures().size(), 1U);
    database_->set(1, "after the failure", "value");
    log.commit_here();
    EXPECT_FALSE(log.write_marker().ok());
    EXPECT_FALSE(log.sync().ok());
    EXPECT_FALSE(log.wait_acknowledged(log.end_lsn()).ok());
    EXPECT_FALSE(log.begin_commit());
    EXPECT_EQ(log.acknowledged_lsn(), acknowledged_);
    EXPECT_EQ(log.durable_lsn(), durable_);
    EXPECT_EQ(writes(), before) << "written after a failure";
  }

  void check_disk(MemoryDirectory& disk, const std::string& what) {
    HandDatabase database(disk, sizes_);
    const Status status = database.recover();
    ASSERT_TRUE(status.ok()) << what << ": " << status.message();
    const Lsn lsn = database.recovered_lsn();
    ASSERT_GE(lsn, what == "after a kill" ? acknowledged_ : durable_) << what;
    std::uint64_t expected = 0;
    for (const Point& point : points_) {
      if (point.lsn <= lsn) expected = point.digest;
    }
    ASSERT_EQ(Digest::of(database.keyspace()), expected) << what << " at LSN " << lsn;
    const Status started = database.start();
    ASSERT_TRUE(started.ok()) << what << ": " << started.message();
    database.set(0, "new", "value");
    ASSERT_TRUE(database.commit_all().ok()) << what;
  }
  void check_power_loss() {
    env::CrashStates states(disk_.trace(), plan_.nth, {4, 4, 1, 2});
    const std::size_t end = states.trace().operations.size();
    while (auto state = states.next()) {
      if (state->position == end) check_disk(*state->disk, state->description);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }

  const FaultPlan plan_;
  SmallSizes sizes_;
  MemoryDirectory disk_;
  FaultyDirectory faulty_;
  std::unique_ptr<HandDatabase> database_;
  Model model_;
  std::vector<Point> points_;
  Lsn acknowledged_ = 0;
  Lsn durable_ = 0;
  Lsn snapshot_lsn_ = 0;
};

struct Sweep {
  const char* name;
  FaultPlan plan;
};
std::vector<Sweep> sweeps() {
  const FaultKind writes = FaultKind::kWrite | FaultKind::kWriteDurably;
  std::vector<Sweep> all = {{"any call", {}},  {"any call from there on", {}},  {"short write", {}},
                            {"full disk", {}}, {"full disk from there on", {}}, {"sync", {}}};
  all[1].plan.all_later_too = true;
  all[2].plan.kinds = writes;
  all[2].plan.short_bytes = 4096;
  all[3].plan.kinds = writes | FaultKind::kOpen | FaultKind::kSync | FaultKind::kRename | FaultKind::kRemove |
                      FaultKind::kSyncDirectory | FaultKind::kTruncate | FaultKind::kAllocate;
  all[3].plan.code = StatusCode::kNoSpace;
  all[4].plan = all[3].plan;
  all[4].plan.all_later_too = true;
  all[4].plan.short_bytes = 8192;
  all[5].plan.kinds = FaultKind::kSync | FaultKind::kSyncDirectory;
  return all;
}

class LogFaults : public ::testing::TestWithParam<Mode> {};
INSTANTIATE_TEST_SUITE_P(Modes, LogFaults, ::testing::Values(Mode::kAlways, Mode::kEverySecond),
                         [](const auto& mode) { return mode.param == Mode::kAlways ? "Always" : "EverySecond"; });

TEST_P(LogFaults, NothingAcknowledgedIsLostWhateverFails) {
  for (const Sweep& sweep : sweeps()) {
    const std::uint64_t runs = env::sweep_faults(sweep.plan, [&](const FaultPlan& plan) -> std::uint64_t {
      if (HasFatalFailure()) return 0;
      SCOPED_TRACE(std::string(sweep.name) + ", call " + std::to_string(plan.nth));
      FaultyRun run(GetParam(), plan);
      if (!HasFatalFailure()) run.check();
      return run.faults();
    });
    EXPECT_GT(runs, 10U) << sweep.name << ": the sweep met almost nothing";
  }
}

// A disk with everything in it that recovery changes: a torn tail, a damaged snapshot with one before it, a short
// spare.
class RecoveryFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    HandDatabase database(disk_, sizes_);
    ASSERT_TRUE(database.open().ok());
    Model model;
    for (int i = 0; i < 8; ++i) {
      const std::string value(static_cast<std::size_t>(3000 + i), 'v');
      database.set(0, std::to_string(i), value);
      model.set(0, std::to_string(i), value);
      ASSERT_TRUE(database.commit_all().ok());
      if (i % 3 != 2) continue;
      ASSERT_TRUE(write_snapshot(disk_, model, database.log().database_id(), database.log().end_lsn()).ok());
    }
    digest_ = model.digest();
    // A batch of two pages of which the first arrived.
    database.set(0, "torn", std::string(6000, 't'));
    while (database.pool().wants_segment()) ASSERT_TRUE(database.prepare_one().ok());
    const std::optional<Log::Commit> commit = database.log().begin_commit();
    ASSERT_TRUE(commit);
    ASSERT_TRUE(commit->file->write(commit->offset, commit->bytes.substr(0, commit->bytes.size() - 4096)).ok());
    std::string snapshot = disk_.contents(kSnapshotName);
    snapshot[snapshot.size() / 2] ^= 1;
    disk_.put(kSnapshotName, snapshot);
    disk_.put(kTemporarySnapshotName, "half");
    const auto names = disk_.list();
    const std::uint64_t last = segment_number_of(names.value().back()).value_or(0);
    ASSERT_GT(last, 2U) << names.value().back();
    disk_.put(segment_name(last + 1), "short");
  }

  const SmallSizes sizes_{};
  MemoryDirectory disk_;
  std::uint64_t digest_ = 0;
};

TEST_F(RecoveryFaults, AFailureIsReportedAndTheNextStartIsAsGood) {
  FaultPlan plan;
  for (const bool later : {false, true}) {
    plan.all_later_too = later;
    const std::uint64_t runs = env::sweep_faults(plan, [&](const FaultPlan& now) -> std::uint64_t {
      SCOPED_TRACE("call " + std::to_string(now.nth));
      const auto disk = disk_.after_kill();
      FaultyDirectory faulty(*disk, now);
      HandDatabase database(faulty, sizes_);
      const Status status = database.open();
      EXPECT_EQ(status.ok(), faulty.faults() == 0) << status.message();
      HandDatabase next(*disk, sizes_);
      const Status next_status = next.open();
      EXPECT_TRUE(next_status.ok()) << next_status.message();
      EXPECT_EQ(Digest::of(next.keyspace()), digest_);
      return faulty.faults();
    });
    EXPECT_GT(runs, 30U);
  }
}

// A database on a disk of limited room, with segments of 16 pages.
class LogSpace : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(database_.open().ok()); }
  static SmallSizes sizes() {
    SmallSizes sizes;
    sizes.segment_bytes = kSegmentBytes;
    return sizes;
  }

  static constexpr std::uint64_t kSegmentBytes = kPageBytes + 16 * kPageBytes;

  MemoryDirectory disk_;
  FaultyDirectory faulty_{disk_};
  HandDatabase database_{faulty_, sizes()};
};

TEST_F(LogSpace, ALargeChangeIsRefusedBeforeTheFullDiskIsMet) {
  const Log& log = database_.log();
  // Nobody has tried to prepare another segment yet, and there is room for half of one.
  faulty_.set_capacity(2 * kSegmentBytes - 8 * kPageBytes);
  EXPECT_TRUE(log.takes(4 * kPageBytes)) << "it fits into the segment in use";
  EXPECT_FALSE(log.takes(12 * kPageBytes)) << "deletions would have no room behind it";
  EXPECT_TRUE(log.takes(20)) << "small ones need not ask";
  faulty_.set_capacity(4 * kSegmentBytes);
  EXPECT_TRUE(log.takes(12 * kPageBytes));
  EXPECT_FALSE(log.takes(80 * kPageBytes));
}

TEST_F(LogSpace, AFullDiskStopsWritersInStepsAndRoomLetsThemGoOn) {
  Log& log = database_.log();
  EXPECT_TRUE(log.takes(Log::kUnknownBytes));
  // Room for half a segment more.
  faulty_.set_capacity(2 * kSegmentBytes - 8 * kPageBytes);
  const std::size_t files = disk_.list().value().size();
  EXPECT_EQ(database_.prepare_one().code(), StatusCode::kNoSpace);
  EXPECT_EQ(disk_.list().value().size(), files) << "the attempt left something behind";
  EXPECT_TRUE(log.takes(4 * kPageBytes)) << "three quarters of the segment are left, half stays";
  EXPECT_FALSE(log.takes(12 * kPageBytes)) << "more than what is left";
  EXPECT_FALSE(log.takes(Log::kUnknownBytes));

  enum State : std::uint8_t { kAll, kErasures, kNothing };
  const auto state = [&log] { return log.takes(20) ? kAll : log.takes(Log::kErasesOnly) ? kErasures : kNothing; };
  std::vector<State> seen;
  for (int i = 0; i < 15; ++i) {
    database_.set(0, "key" + std::to_string(i), "value");
    log.commit_here();
    if (seen.empty() || seen.back() != state()) seen.push_back(state());
  }
  EXPECT_EQ(seen, (std::vector{kAll, kErasures, kNothing}));
  EXPECT_EQ(log.acknowledged_lsn(), log.end_lsn()) << "the last part of a segment is for those already running";
  database_.set(0, "waits", std::string(7000, 'w'));
  log.commit_here();
  EXPECT_LT(log.acknowledged_lsn(), log.end_lsn());
  EXPECT_EQ(database_.prepare_one().code(), StatusCode::kNoSpace);
  EXPECT_EQ(state(), kNothing);

  faulty_.set_capacity(FaultyDirectory::kUnlimited);
  ASSERT_TRUE(database_.prepare_one().ok());
  EXPECT_TRUE(log.takes(Log::kUnknownBytes));
  log.commit_here();
  EXPECT_EQ(log.acknowledged_lsn(), log.end_lsn());
  EXPECT_TRUE(database_.failures().empty());
  HandDatabase next(disk_, sizes());
  ASSERT_TRUE(next.recover().ok());
  EXPECT_EQ(Digest::of(next.keyspace()), Digest::of(database_.keyspace()));
}

// A file of another size must neither be taken for a spare nor leave a hole when there is no room for a new one.
TEST(LogSegmentSize, AnotherSegmentSizeIsTakenUpAlsoOnAFullDisk) {
  MemoryDirectory disk;
  SmallSizes sizes;
  std::uint64_t digest = 0;
  Model model;
  for (const std::uint64_t pages : {7, 12, 9, 7}) {
    sizes.segment_bytes = pages * kPageBytes;
    FaultyDirectory faulty(disk);
    HandDatabase database(faulty, sizes);
    ASSERT_TRUE(database.recover().ok());
    EXPECT_EQ(Digest::of(database.keyspace()), digest);
    faulty.set_capacity(pages * kPageBytes / 2);
    EXPECT_EQ(database.start().code(), StatusCode::kNoSpace);
    faulty.set_capacity(FaultyDirectory::kUnlimited);
    HandDatabase again(faulty, sizes);
    Status status = again.open();
    ASSERT_TRUE(status.ok()) << status.message();
    for (int i = 0; i < 12; ++i) {
      const std::string value(static_cast<std::size_t>(4000 + i), 'v');
      again.set(0, std::to_string(i), value);
      model.set(0, std::to_string(i), value);
      ASSERT_TRUE(again.commit_all().ok());
    }
    const Lsn lsn = again.log().end_lsn();
    status = write_snapshot(disk, model, again.log().database_id(), lsn);
    ASSERT_TRUE(status.ok() && again.pool().recycle(lsn).ok());
    for (int i = 0; i < 5; ++i) {
      again.set(1, "more", std::string(4000, static_cast<char>('a' + i)));
      model.set(1, "more", std::string(4000, static_cast<char>('a' + i)));
      ASSERT_TRUE(again.commit_all().ok());
    }
    digest = model.digest();
  }
}

TEST(LogRoom, ALargeChangeIsNotRefusedForTheFileThatIsBeingMade) {
  MemoryDirectory disk;
  FaultyDirectory faulty(disk);
  SmallSizes sizes;
  sizes.segment_bytes = 257 * kPageBytes;
  HandDatabase database(faulty, sizes);
  ASSERT_TRUE(database.open().ok());
  faulty.set_capacity(2 * sizes.segment_bytes);
  int pieces = 0;
  const Status prepared = database.pool().prepare_one([&](auto) {
    EXPECT_TRUE(database.log().takes(180 * kPageBytes)) << "after " << pieces << " pieces";
    return ++pieces > 0;
  });
  EXPECT_TRUE(prepared.ok());
  EXPECT_GT(pieces, 4);
}

// Segments large enough that one may be used while the next is made.
class LogRoomTest : public ::testing::Test {
 protected:
  static SmallSizes sizes() {
    SmallSizes sizes;
    sizes.batch_bytes = kBatchBytesMax;
    sizes.segment_bytes = kSegmentBytes;
    return sizes;
  }
  void SetUp() override { ASSERT_TRUE(database_.open().ok()); }
  void write(std::size_t bytes) {
    database_.set(0, "key", std::string(bytes, 'v'));
    database_.log().commit_here();
  }

  static constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 20;

  MemoryDirectory disk_;
  HandDatabase database_{disk_, sizes()};
};

TEST_F(LogRoomTest, WritersGoOnUntilHalfOfTheSegmentInUseIsLeft) {
  Log& log = database_.log();
  ASSERT_EQ(database_.pool().ready(), 0U);
  std::size_t mib = 0;
  for (; mib < 64 && log.has_room(); ++mib) write(std::size_t{1} << 20);
  EXPECT_NEAR(static_cast<double>(mib), 32, 2);
  EXPECT_FALSE(log.shall_fill_segment()) << "writers wait";
  ASSERT_TRUE(database_.prepare_one().ok());
  EXPECT_TRUE(log.has_room());
}

TEST_F(LogRoomTest, SegmentsAreFilledForSmallCommitsAndAllocatedForLargeOnes) {
  Log& log = database_.log();
  EXPECT_TRUE(log.shall_fill_segment());
  for (int i = 0; i < 6; ++i) write(std::size_t{1} << 20);
  EXPECT_FALSE(log.shall_fill_segment());
  for (int i = 0; i < 40; ++i) write(100);
  EXPECT_TRUE(log.shall_fill_segment());
}

}  // namespace
}  // namespace kvstore::durability
