// The tail of a log that a crash tore: what is cut stays cut, whatever comes next.
#include <gtest/gtest.h>

#include <string>

#include "durability/database_for_tests.h"
#include "durability/log_format.h"
#include "env/crash_states.h"
#include "env/memory_directory.h"

namespace kvstore::durability {
namespace {

using env::CrashState;
using env::CrashStates;
using env::MemoryDirectory;
using testing::Digest;
using testing::HandDatabase;
using testing::SmallSizes;

// Changes a file of the log.
template <typename Change>
void change_file(MemoryDirectory& disk, std::uint64_t number, Change change) {
  std::string bytes = disk.contents(segment_name(number));
  change(bytes);
  disk.put(segment_name(number), bytes);
}

// Batches of a kind, one lost that begins a page or lies within one: what is written next is as long as that one and
// the one behind it, so that the third would be at its place again.
TEST(TornTail, ABatchBehindALostOneDoesNotComeBack) {
  for (const int lost : {0, 1}) {
    MemoryDirectory disk;
    SmallSizes sizes;
    sizes.mode = Mode::kEverySecond;
    Lsn lsn = 0;
    {
      HandDatabase database(disk, sizes);
      ASSERT_TRUE(database.open().ok());
      for (int i = 0; i < lost + 3; ++i) {
        if (i == lost) lsn = database.log().end_lsn();
        database.set(0, std::to_string(i), std::string(1000, 'o'));
        ASSERT_TRUE(database.commit_all().ok());
      }
    }
    change_file(disk, 1, [&](std::string& bytes) {
      std::size_t at = 2 * kPageBytes;  // behind the header and the marker of the start
      auto header = decode_batch_header(std::string_view(bytes).substr(at));
      for (int i = 0; i < lost; ++i) {
        at += header->disk_bytes;
        header = decode_batch_header(std::string_view(bytes).substr(at));
      }
      ASSERT_TRUE(header && header->first_lsn == lsn) << at;
      bytes.replace(at, header->disk_bytes, header->disk_bytes, '\0');
    });
    HandDatabase database(disk, sizes);
    ASSERT_TRUE(database.open().ok());
    ASSERT_EQ(database.log().end_lsn(), lsn);
    EXPECT_GT(database.recovered().cut_bytes, 0U);
    for (int i = 0; i < 2; ++i) database.set(0, std::to_string(i), std::string(1000, 'n'));
    ASSERT_TRUE(database.commit_all().ok());
    HandDatabase next(disk, sizes);
    ASSERT_TRUE(next.recover().ok());
    EXPECT_EQ(next.recovered_lsn(), database.log().end_lsn());
    EXPECT_EQ(Digest::of(next.keyspace()), Digest::of(database.keyspace()));
  }
}

// Zeros are what the torn batch may be waiting for.
TEST(TornTail, CuttingItMakesNoBatchWhole) {
  MemoryDirectory disk;
  const SmallSizes sizes{};
  {
    HandDatabase database(disk, sizes);
    ASSERT_TRUE(database.open().ok());
    database.set(0, "torn", std::string(100, 't'));
    ASSERT_TRUE(database.commit_all().ok());
  }
  // In the padding of the last batch, behind the header and the marker of the start.
  change_file(disk, 1, [](std::string& bytes) { bytes.replace(2 * kPageBytes + 2048, 512, 512, 'g'); });
  disk.start_trace();
  HandDatabase database(disk, sizes);
  ASSERT_TRUE(database.recover().ok());
  ASSERT_EQ(database.keyspace().size(0), 0U) << "the test is about a torn batch";
  CrashStates states(disk.trace(), 1);
  int seen = 0;
  while (const std::optional<CrashState> state = states.next()) {
    HandDatabase again(*state->disk, sizes);
    ASSERT_TRUE(again.recover().ok()) << state->description;
    ASSERT_EQ(again.recovered_lsn(), database.recovered_lsn()) << state->description;
    ASSERT_EQ(again.keyspace().size(0), 0U) << state->description;
    ++seen;
  }
  EXPECT_GT(seen, 20);
}

// Without it, and with what came later, the rest of a group that never happened would be looked for in later groups.
TEST(TornTail, TheFirstBatchOfAStartIsOnDiskBeforeAnythingElse) {
  MemoryDirectory disk;
  SmallSizes sizes;
  sizes.mode = Mode::kEverySecond;
  {
    HandDatabase database(disk, sizes);
    ASSERT_TRUE(database.open().ok());
    database.set(0, "large", std::string(3 * sizes.batch_bytes, 'l'));
    database.log().perform(*database.log().begin_commit());  // one batch of it
  }
  disk.start_trace();
  HandDatabase database(disk, sizes);
  ASSERT_TRUE(database.recover().ok());
  const std::uint64_t number = database.recovered().position.segment.number;
  const std::uint64_t offset = database.recovered().position.offset;
  ASSERT_TRUE(database.start().ok());
  CrashStates states(disk.trace(), 1);
  const std::size_t end = states.trace().operations.size();
  bool seen = false;
  while (const std::optional<CrashState> state = states.next()) {
    if (state->position != end) continue;
    const std::string bytes = state->disk->contents(segment_name(number));
    const auto header = decode_batch_header(std::string_view(bytes).substr(offset));
    ASSERT_TRUE(header) << state->description;
    EXPECT_EQ(header->flags, BatchHeader::kFirstOfStart) << state->description;
    seen = true;
  }
  EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace kvstore::durability
