#include "durability/segment_pool.h"

#include <gtest/gtest.h>

#include "env/faulty_directory.h"
#include "env/memory_directory.h"

namespace kvstore::durability {
namespace {

constexpr std::uint64_t kSegmentBytes = 5 * kPageBytes;

SegmentPool::Options small_segments() {
  SegmentPool::Options options;
  options.segment_bytes = kSegmentBytes;
  options.batch_bytes = kPageBytes;
  return options;
}

// A pool in memory whose log is a page of LSNs a segment.
class SegmentPoolTest : public ::testing::Test {
 protected:
  // Writes that many segments full.
  void use(std::size_t segments) {
    for (std::size_t i = 0; i < segments; ++i) {
      if (pool_.ready() == 0) ASSERT_TRUE(pool_.prepare_one().ok());
      ASSERT_TRUE(pool_.take(lsn_).has_value());
      lsn_ += kPageBytes;
    }
  }
  // As behind a snapshot of all that was written: lets go of all segments but the one in use.
  void recycle() { ASSERT_TRUE(pool_.recycle(lsn_).ok()); }
  // How many segments can be made ready without a byte more of disk.
  std::size_t segments_without_room() {
    std::uint64_t bytes = 0;
    for (const std::string& name : disk_.list().value()) bytes += disk_.contents(name).size();
    faulty_.set_capacity(bytes);
    std::size_t segments = pool_.ready();
    while (pool_.prepare_one().ok()) ++segments;
    faulty_.set_capacity(env::FaultyDirectory::kUnlimited);
    return segments;
  }

  env::MemoryDirectory disk_;
  env::FaultyDirectory faulty_{disk_};
  SegmentPool pool_{faulty_, small_segments(), {}};
  Lsn lsn_ = 1;
};

TEST_F(SegmentPoolTest, WhatASnapshotLetsGoIsUsedAgainUntilTheNext) {
  use(21);
  recycle();
  EXPECT_EQ(segments_without_room(), 20U);  // the last one holds the end of the log
}

TEST_F(SegmentPoolTest, AfterLessLogFewerFilesAreKept) {
  use(21);
  recycle();
  std::size_t kept = segments_without_room();
  for (int snapshots = 0; snapshots < 40; ++snapshots) {
    use(1);
    recycle();
    const std::size_t now = segments_without_room();
    EXPECT_LE(now, kept);
    kept = now;
  }
  EXPECT_EQ(kept, SegmentPool::kReady + 1);
}

TEST_F(SegmentPoolTest, AfterAQuietTimeTheFilesOfABurstAreGivenUp) {
  use(21);
  recycle();
  for (int snapshots = 0; snapshots < 40; ++snapshots) recycle();
  EXPECT_EQ(disk_.list().value().size(), 1 + SegmentPool::kReady);
}

TEST_F(SegmentPoolTest, FilesKeptForUseAgainLeaveAsMuchRoomToOthers) {
  use(21);
  faulty_.set_capacity(26 * kSegmentBytes);  // five are free
  recycle();
  EXPECT_EQ(segments_without_room(), SegmentPool::kReady + 5);
}

TEST_F(SegmentPoolTest, SparesAreDroppedWhenSomebodyNeedsTheRoom) {
  use(21);
  recycle();
  EXPECT_TRUE(pool_.drop_spares().ok());
  EXPECT_EQ(disk_.list().value(), std::vector{segment_name(21)});
  use(3);
  EXPECT_EQ(disk_.list().value().size(), 4U);
}

TEST_F(SegmentPoolTest, WhatNoSnapshotCoversStays) {
  use(21);
  ASSERT_TRUE(pool_.recycle(1).ok());  // one that covers nothing
  EXPECT_EQ(segments_without_room(), 0U);
  EXPECT_EQ(pool_.used_bytes(), 21 * kSegmentBytes);
}

TEST_F(SegmentPoolTest, RoomIsAllocatedInsteadOfFilledWhenWritersWait) {
  env::FaultPlan no_writes;
  no_writes.kinds = env::FaultKind::kWrite;
  no_writes.nth = 1;
  no_writes.all_later_too = true;
  faulty_.set_plan(no_writes);
  EXPECT_FALSE(pool_.prepare_one([](auto) { return true; }).ok());
  EXPECT_TRUE(pool_.prepare_one([](auto) { return false; }).ok());
  EXPECT_EQ(disk_.contents(segment_name(1)), std::string(kSegmentBytes, '\0'));
}

TEST_F(SegmentPoolTest, WhereRoomCannotBeAllocatedItIsFilledThoughWritersWait) {
  faulty_.forbid_allocate();
  EXPECT_TRUE(pool_.prepare_one([](auto) { return false; }).ok());
  EXPECT_EQ(disk_.contents(segment_name(1)), std::string(kSegmentBytes, '\0'));
}

TEST_F(SegmentPoolTest, AFullDiskIsMetWhenRoomIsAllocated) {
  faulty_.set_capacity(kSegmentBytes - 1);
  EXPECT_EQ(pool_.prepare_one([](auto) { return false; }).code(), StatusCode::kNoSpace);
  EXPECT_EQ(pool_.ready(), 0U);
  EXPECT_TRUE(disk_.list().value().empty());
}

TEST(SegmentPool, NotMoreThanAGigabyteIsKeptForUseAgain) {
  env::MemoryDirectory disk;
  SegmentPool::Options options;
  options.segment_bytes = std::uint64_t{512} << 20;
  SegmentPool::Found found;
  // Files that only claim their size: nothing is read.
  for (std::uint64_t number = 1; number <= 9; ++number) {
    disk.put(segment_name(number), "");
    found.used.push_back({number, number, options.segment_bytes});
  }
  found.next_number = 10;
  SegmentPool pool(disk, options, found);
  ASSERT_TRUE(pool.recycle(9).ok());
  std::size_t files = 0;
  for (std::uint64_t number = 1; number <= 20; ++number) files += disk.exists(segment_name(number)) ? 1 : 0;
  EXPECT_EQ(files, 2 + SegmentPool::kReady + 2);  // not yet let go, kept ready, a gigabyte
}

}  // namespace
}  // namespace kvstore::durability
