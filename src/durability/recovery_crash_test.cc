// Recovery from every disk that a power loss may leave behind: random workloads on a recorded disk, and for each moment
// of them the states of env/crash_states.h. Checked in each: the start is not refused; the data is what the log stood
// for at the LSN it recovered up to, no half group; nothing acknowledged is missing. In a part of them also: the same
// after another crash inside that recovery, and after writing on.
//
// KVSTORE_CRASH_STATES: how many states each test looks at; KVSTORE_CRASH_SEED: where its seeds begin.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include "durability/crash_workload_for_tests.h"
#include "durability/database_for_tests.h"
#include "durability/recovery.h"
#include "env/crash_states.h"
#include "env/memory_directory.h"

namespace kvstore::durability {
namespace {

using env::CrashLimits;
using env::CrashState;
using env::CrashStates;
using env::MemoryDirectory;
using testing::CrashWorkload;
using testing::Digest;
using testing::HandDatabase;
using testing::SmallSizes;

class Crashes {
 public:
  explicit Crashes(CrashWorkload::Choices choices) : choices_(choices) {}

  void run(std::uint64_t first_seed) {
    const std::uint64_t wanted = testing::number_from_environment("KVSTORE_CRASH_STATES", 13'000);
    const std::uint64_t start = testing::number_from_environment("KVSTORE_CRASH_SEED", first_seed);
    const auto began = std::chrono::steady_clock::now();
    std::uint64_t seed = start;
    for (; states_ < wanted && !::testing::Test::HasFailure(); ++seed) {
      MemoryDirectory disk;
      CrashWorkload workload(disk, choices_, seed);
      workload.run(40);
      // Some moments looked at closely, more of them in passing.
      CrashLimits limits{24, 24, 4, 6};
      if (seed % 8 == 0) limits = {512, 128, 16, 16};
      look_at_all(disk, workload, seed, limits, /*depth=*/0);
      if (::testing::Test::HasFailure()) std::cout << "the seed is " << seed << "\n";
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << states_ << " states of seeds " << start << " to " << seed - 1 << ", "
              << static_cast<std::uint64_t>(static_cast<double>(states_) / took.count()) << " a second\n";
  }

 private:
  void look_at_all(const MemoryDirectory& disk, const CrashWorkload& workload, std::uint64_t seed, CrashLimits limits,
                   int depth) {
    if (::testing::Test::HasFatalFailure()) return;
    CrashStates states(disk.trace(), seed, limits);
    while (std::optional<CrashState> state = states.next()) {
      look_at(*state, workload, depth);
      if (::testing::Test::HasFailure()) return;
    }
  }

  void look_at(const CrashState& state, const CrashWorkload& workload, int depth) {
    ++states_;
    const std::unique_ptr<MemoryDirectory> again = state.disk->after_kill();
    HandDatabase database(*state.disk, choices_.sizes);
    const Status recovered = database.recover();
    ASSERT_TRUE(recovered.ok()) << state.description << "\n" << recovered.message();
    const std::uint64_t digest = Digest::of(database.keyspace());
    const auto verdict = workload.judge(state.acknowledged, database.recovered_lsn(), digest);
    ASSERT_FALSE(verdict) << state.description << "\n" << *verdict;
    ASSERT_TRUE(database.recovered().warnings.empty()) << state.description << database.recovered().warnings.front();
    if (states_ % 8 == 0) write_on(state, database);
    if (states_ % (depth == 0 ? 100 : 400) == 0 && depth < 3) {
      SCOPED_TRACE("inside: " + state.description);
      crash_again(*again, digest, depth);
    }
  }

  // What was recovered takes writes, and keeps them.
  void write_on(const CrashState& state, HandDatabase& database) {
    Status status = database.start();
    ASSERT_TRUE(status.ok()) << state.description << "\n" << status.message();
    database.set(1, "behind the crash", std::string(choices_.sizes.batch_bytes + 100, 'b'));
    database.set(2, "behind the crash", "small");
    status = database.commit_all();
    if (status.ok()) status = database.log().sync();
    ASSERT_TRUE(status.ok()) << state.description << "\n" << status.message();
    HandDatabase next(*state.disk, choices_.sizes);
    status = next.recover();
    ASSERT_TRUE(status.ok()) << state.description << ", then writes\n" << status.message();
    ASSERT_EQ(next.recovered_lsn(), database.log().end_lsn()) << state.description << ", then writes";
    ASSERT_EQ(Digest::of(next.keyspace()), Digest::of(database.keyspace())) << state.description << ", then writes";
  }

  // The first recovery is in the trace, so these are crashes inside it, and in the first writes after it.
  void crash_again(MemoryDirectory& disk, std::uint64_t digest, int depth) {
    CrashWorkload workload(disk, choices_, states_);
    if (::testing::Test::HasFatalFailure()) return;
    ASSERT_EQ(workload.digest(), digest);
    workload.run(3);
    look_at_all(disk, workload, states_, {8, 8, 1, 3}, depth + 1);
  }

  const CrashWorkload::Choices choices_;
  std::uint64_t states_ = 0;
};

CrashWorkload::Choices choices(Mode mode) {
  CrashWorkload::Choices choices;
  choices.sizes.mode = mode;
  return choices;
}

TEST(RecoveryCrash, SyncedWrites) { Crashes(choices(Mode::kAlways)).run(100); }

TEST(RecoveryCrash, SyncedWritesOfLargeValues) {
  CrashWorkload::Choices large = choices(Mode::kAlways);
  large.large_percent = 40;
  Crashes(large).run(200);
}

TEST(RecoveryCrash, SyncedWritesAndKills) {
  CrashWorkload::Choices killed = choices(Mode::kAlways);
  killed.kills = true;
  Crashes(killed).run(300);
}

TEST(RecoveryCrash, SyncedWritesKillsAndSnapshots) {
  CrashWorkload::Choices all = choices(Mode::kAlways);
  all.kills = all.snapshots = true;
  all.large_percent = 15;
  Crashes(all).run(400);
}

TEST(RecoveryCrash, WritesSyncedLater) { Crashes(choices(Mode::kEverySecond)).run(500); }

TEST(RecoveryCrash, LargeValuesSyncedLater) {
  CrashWorkload::Choices large = choices(Mode::kEverySecond);
  large.large_percent = 40;
  Crashes(large).run(600);
}

TEST(RecoveryCrash, WritesSyncedLaterAndKills) {
  CrashWorkload::Choices killed = choices(Mode::kEverySecond);
  killed.kills = true;
  Crashes(killed).run(700);
}

TEST(RecoveryCrash, WritesSyncedLaterKillsAndSnapshots) {
  CrashWorkload::Choices all = choices(Mode::kEverySecond);
  all.kills = all.snapshots = true;
  all.large_percent = 15;
  Crashes(all).run(800);
}

}  // namespace
}  // namespace kvstore::durability
