#include "env/faulty_directory.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "env/crash_states.h"
#include "env/memory_directory.h"

namespace kvstore::env {
namespace {

std::unique_ptr<File> open(Directory& directory, std::string_view name, OpenMode mode,
                           Caching caching = Caching::kBuffered) {
  auto opened = directory.open(name, mode, caching);
  EXPECT_TRUE(opened.ok()) << opened.status().message();
  return opened.ok() ? std::move(opened).value() : nullptr;
}

FaultPlan fail(FaultKind kinds, std::uint64_t nth) {
  FaultPlan plan;
  plan.kinds = kinds;
  plan.nth = nth;
  return plan;
}

// One call of each kind, each a test of its own.
struct Call {
  FaultKind kind;
  Status (*make)(Directory& directory, File& file);
};
class EachKindTest : public testing::TestWithParam<Call> {};

TEST_P(EachKindTest, FailsTheChosenCallAloneAndLeavesTheDiskAsItWas) {
  MemoryDirectory disk;
  disk.put("a", "bytes");
  disk.put("b", "B");
  FaultyDirectory faulty(disk);
  const auto file = open(faulty, "a", OpenMode::kReadWrite);
  const auto before = disk.list().value();

  faulty.set_plan(fail(GetParam().kind, 1));
  const Status failed = GetParam().make(faulty, *file);
  EXPECT_EQ(failed.code(), StatusCode::kIoError);
  EXPECT_NE(failed.message().find(" in memory: Input/output error"), std::string::npos) << failed.message();
  EXPECT_EQ(disk.list().value(), before);
  EXPECT_EQ(disk.contents("a"), "bytes");
  EXPECT_EQ(faulty.faults(), 1U);
  EXPECT_TRUE(GetParam().make(faulty, *file).ok());  // the second call goes through
}

std::array<char, 4> read_buffer;
INSTANTIATE_TEST_SUITE_P(
    Calls, EachKindTest,
    testing::Values(Call{FaultKind::kOpen,
                         [](Directory& d, File&) { return d.open("c", OpenMode::kCreate, {}).status(); }},
                    Call{FaultKind::kRead, [](Directory&, File& f) { return f.read(0, read_buffer).status(); }},
                    Call{FaultKind::kWrite, [](Directory&, File& f) { return f.write(0, "x"); }},
                    Call{FaultKind::kWriteDurably, [](Directory&, File& f) { return f.write_durably(0, "x"); }},
                    Call{FaultKind::kSync, [](Directory&, File& f) { return f.sync(); }},
                    Call{FaultKind::kTruncate, [](Directory&, File& f) { return f.truncate(0); }},
                    Call{FaultKind::kAllocate, [](Directory&, File& f) { return f.allocate(5).status(); }},
                    Call{FaultKind::kSize, [](Directory&, File& f) { return f.size().status(); }},
                    Call{FaultKind::kRename, [](Directory& d, File&) { return d.rename("a", "c"); }},
                    Call{FaultKind::kRemove, [](Directory& d, File&) { return d.remove("b"); }},
                    Call{FaultKind::kList, [](Directory& d, File&) { return d.list().status(); }},
                    Call{FaultKind::kSyncDirectory, [](Directory& d, File&) { return d.sync(); }},
                    Call{FaultKind::kLock, [](Directory& d, File&) { return d.lock("lock"); }}));

TEST(FaultyDirectoryTest, BrokenForGoodFailsAllLaterCallsToo) {
  MemoryDirectory disk;
  FaultPlan plan = fail(FaultKind::kWrite | FaultKind::kSync, 3);
  plan.all_later_too = true;
  plan.code = StatusCode::kNoSpace;
  FaultyDirectory faulty(disk, plan);
  const auto file = open(faulty, "a", OpenMode::kCreate);
  EXPECT_TRUE(file->write(0, "1").ok());
  EXPECT_TRUE(file->sync().ok());
  EXPECT_EQ(file->write(0, "2").message(), "cannot write a in memory: No space left on device");
  EXPECT_EQ(file->sync().code(), StatusCode::kNoSpace);
  EXPECT_EQ(faulty.calls(), 4U);  // open is not of these kinds
  EXPECT_EQ(faulty.faults(), 2U);
  EXPECT_EQ(disk.contents("a"), "1");
}

TEST(FaultyDirectoryTest, ShortWriteLeavesItsPartBehindButNeverAll) {
  MemoryDirectory disk;
  FaultPlan plan = fail(FaultKind::kWrite | FaultKind::kWriteDurably, 1);
  plan.all_later_too = true;
  plan.short_bytes = 3;
  FaultyDirectory faulty(disk, plan);
  const auto file = open(faulty, "a", OpenMode::kCreate);
  EXPECT_FALSE(file->write(0, "12345").ok());
  EXPECT_EQ(disk.contents("a"), "123");
  EXPECT_FALSE(file->write_durably(3, "ab").ok());
  EXPECT_EQ(disk.contents("a"), "123a");

  alignas(File::kDirectAlignment) static std::array<char, 2 * File::kDirectAlignment> bytes;
  bytes.fill('d');
  plan.short_bytes = 5000;
  faulty.set_plan(plan);
  EXPECT_FALSE(open(faulty, "b", OpenMode::kCreate, Caching::kDirect)->write(0, {bytes.data(), bytes.size()}).ok());
  EXPECT_EQ(disk.contents("b"), std::string(File::kDirectAlignment, 'd'));
}

TEST(FaultyDirectoryTest, PartOfAFailedDurableWriteIsNotDurable) {
  MemoryDirectory disk;
  disk.put("a", std::string(1024, 'o'));
  disk.start_trace();
  FaultPlan plan = fail(FaultKind::kWriteDurably, 1);
  plan.short_bytes = 512;
  FaultyDirectory faulty(disk, plan);
  EXPECT_FALSE(open(faulty, "a", OpenMode::kReadWrite)->write_durably(0, std::string(1024, 'n')).ok());
  bool lost = false;
  CrashStates states(disk.trace(), 1);
  while (const auto state = states.next()) {
    lost |= state->position == disk.trace().operations.size() && state->disk->contents("a") == std::string(1024, 'o');
  }
  EXPECT_TRUE(lost);
}

TEST(FaultyDirectoryTest, SyncRepeatedAfterAFailureSavesNothing) {
  MemoryDirectory disk;
  disk.put("a", "old");
  disk.start_trace();
  FaultyDirectory faulty(disk, fail(FaultKind::kSync, 1));
  const auto file = open(faulty, "a", OpenMode::kReadWrite);
  ASSERT_TRUE(file->write(0, "new").ok());
  EXPECT_FALSE(file->sync().ok());
  EXPECT_TRUE(file->sync().ok());  // the kernel says so, and it is not true
  bool lost = false;
  CrashStates states(disk.trace(), 1);
  while (const auto state = states.next()) {
    lost |= state->position == disk.trace().operations.size() && state->disk->contents("a") == "old";
  }
  EXPECT_TRUE(lost);
}

TEST(FaultyDirectoryTest, FullDiskTakesWhatFitsAndRecoversWithRoom) {
  MemoryDirectory disk;
  disk.put("other", std::string(40, 'o'));
  FaultyDirectory faulty(disk);
  faulty.set_capacity(100);
  const auto file = open(faulty, "a", OpenMode::kCreate);
  EXPECT_TRUE(file->write(0, std::string(50, 'x')).ok());
  EXPECT_EQ(file->write(45, std::string(20, 'y')).code(), StatusCode::kNoSpace);
  EXPECT_EQ(disk.contents("a"), std::string(45, 'x') + std::string(15, 'y'));
  EXPECT_EQ(file->write_durably(60, "z").code(), StatusCode::kNoSpace);
  EXPECT_TRUE(file->write(0, std::string(60, 'w')).ok());  // what is allocated can be written
  EXPECT_EQ(file->truncate(61).code(), StatusCode::kNoSpace);
  EXPECT_TRUE(file->truncate(60).ok());
  EXPECT_EQ(faulty.faults(), 3U);
  ASSERT_TRUE(faulty.remove("other").ok());
  EXPECT_TRUE(file->write_durably(60, std::string(40, 'z')).ok());
  EXPECT_EQ(file->write(100, "z").code(), StatusCode::kNoSpace);
}

// A file saved by rename is the old or the new one, whichever call fails, and success is never said wrongly.
TEST(FaultyDirectoryTest, SweepFailsEachCallOnceAndEnds) {
  for (const bool all_later_too : {false, true}) {
    std::vector<std::string> left;
    FaultPlan plan = fail(FaultKind::kAll, 0);
    plan.all_later_too = all_later_too;
    plan.short_bytes = 1;
    const std::uint64_t runs = sweep_faults(plan, [&](const FaultPlan& now) {
      MemoryDirectory disk;
      disk.put("a", "old");
      FaultyDirectory faulty(disk, now);
      const auto save = [&] {
        auto file = faulty.open("t", OpenMode::kCreate, Caching::kBuffered);
        if (!file.ok()) return file.status();
        if (Status status = file.value()->write(0, "new"); !status.ok()) return status;
        if (Status status = file.value()->sync(); !status.ok()) return status;
        if (Status status = faulty.rename("t", "a"); !status.ok()) return status;
        return faulty.sync();
      };
      const bool saved = save().ok();
      EXPECT_EQ(saved, faulty.faults() == 0);
      left.push_back(disk.contents("a"));
      return faulty.faults();
    });
    EXPECT_EQ(runs, 5U);
    EXPECT_EQ(left, (std::vector<std::string>{"old", "old", "old", "old", "new", "new"}));
  }
}

}  // namespace
}  // namespace kvstore::env
