// Damage to files at rest: every kind of it is either refused, with a message that helps, or changes nothing. The one
// exception is rule 8 of docs/formats/log.md: the very last batch, when no marker follows it. Single flipped bits:
// bit_flips_test.cc.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "durability/bytes.h"
#include "durability/crc32c.h"
#include "durability/database_for_tests.h"
#include "durability/log_format.h"
#include "durability/rdb_for_tests.h"
#include "env/memory_directory.h"

namespace kvstore::durability {
namespace {

using env::MemoryDirectory;
using testing::Digest;
using testing::HandDatabase;
using testing::SmallSizes;

constexpr std::size_t kSectorBytes = 512;

// A database in three segments, ended in good order: a marker is the last batch. Two spares lie behind it.
class LogDamage : public ::testing::Test {
 protected:
  void SetUp() override {
    HandDatabase database(disk_, sizes_);
    ASSERT_TRUE(database.open().ok());
    fill(database, "a", 12);
    while (database.pool().wants_segment()) ASSERT_TRUE(database.prepare_one().ok());
    // Batches of a page each, which could change places.
    for (const char* value : {"one", "two", "three"}) {
      database.set(0, "last", value);
      ASSERT_TRUE(database.commit_all().ok());
    }
    ASSERT_TRUE(database.log().write_marker().ok());
    ASSERT_FALSE(database.log().wants_marker());
    while (database.pool().wants_segment()) ASSERT_TRUE(database.prepare_one().ok());
    digest_ = Digest::of(database.keyspace());
    id_ = database.log().database_id();
    lsn_ = database.log().end_lsn();
    ASSERT_TRUE(disk_.exists(segment_name(3)));
    last_ = used_segments();
    ASSERT_GE(last_, 3U);
    pristine_ = disk_.after_kill();
  }
  static void fill(HandDatabase& database, const std::string& prefix, int keys) {
    for (int i = 0; i < keys; ++i) {
      std::string value(static_cast<std::size_t>(700 + 600 * i), static_cast<char>('a' + i));
      database.set(i % 2, prefix + std::to_string(i), value);
      if (i % 2 == 0) {
        ASSERT_TRUE(database.commit_all().ok());
      }
    }
    ASSERT_TRUE(database.commit_all().ok());
  }
  [[nodiscard]] std::uint64_t used_segments() const {
    std::uint64_t number = 0;
    SegmentHeader header;
    while (disk_.exists(segment_name(number + 1))) {
      const std::string bytes = disk_.contents(segment_name(number + 1));
      if (decode_segment_header(bytes, header) != HeaderState::kValid || header.number != number + 1) break;
      ++number;
    }
    return number;
  }

  // The disk with one file changed.
  [[nodiscard]] std::unique_ptr<MemoryDirectory> with(const std::string& name, std::string_view bytes) const {
    auto disk = pristine_->after_kill();
    disk->put(name, bytes);
    return disk;
  }
  // Whether the start was refused; when it was not, the data must be right.
  bool refused(MemoryDirectory& disk, const std::string& what, const std::string& name = "") {
    HandDatabase database(disk, sizes_);
    const Status status = database.recover();
    if (status.ok()) {
      EXPECT_EQ(Digest::of(database.keyspace()), digest_) << what << ": served something else";
      EXPECT_EQ(database.recovered_lsn(), lsn_) << what;
      return false;
    }
    EXPECT_EQ(status.code(), StatusCode::kCorruption) << what << ": " << status.message();
    EXPECT_NE(status.message().find("kvstore.db."), std::string::npos) << what << ": " << status.message();
    if (!name.empty()) {
      EXPECT_NE(status.message().find(name), std::string::npos) << what << ": " << status.message();
    }
    return true;
  }
  [[nodiscard]] std::string bytes_of(std::uint64_t number) const { return disk_.contents(segment_name(number)); }

  // Calls visit(offset, bytes) for each batch of a segment.
  template <typename Visit>
  static void for_each_batch(const std::string& segment, Visit visit) {
    for (std::size_t at = kPageBytes; at + kBatchHeaderBytes <= segment.size();) {
      const auto header = decode_batch_header(std::string_view(segment).substr(at));
      if (!header) return;
      visit(at, header->disk_bytes);
      at += header->disk_bytes;
    }
  }
  [[nodiscard]] std::string snapshot(Lsn lsn) const {
    SnapshotInfo info;
    info.version = "test";
    info.database_id = to_text(id_);
    info.lsn = lsn;
    info.keys = 1;
    return RdbBuilder(rdb_header(info)).select(2).key("snapshot", "value").end();
  }

  const SmallSizes sizes_{};
  MemoryDirectory disk_;
  std::unique_ptr<MemoryDirectory> pristine_;
  std::uint64_t digest_ = 0;
  DatabaseId id_{};
  Lsn lsn_ = 0;
  std::uint64_t last_ = 0;
};

TEST_F(LogDamage, EverySectorOfZerosIsNoticedOrHarmless) {
  for (std::uint64_t number = 1; number <= last_; ++number) {
    const std::string bytes = bytes_of(number);
    for (std::size_t at = 0; at < bytes.size(); at += kSectorBytes) {
      std::string zeroed = bytes;
      zeroed.replace(at, kSectorBytes, kSectorBytes, '\0');
      const auto disk = with(segment_name(number), zeroed);
      const bool was_refused = refused(*disk, segment_name(number) + " zeros at " + std::to_string(at));
      if (zeroed == bytes) {
        EXPECT_FALSE(was_refused);
      }
    }
  }
}

TEST_F(LogDamage, PagesInEachOthersPlaceAreNoticedOrHarmless) {
  const std::size_t pages = bytes_of(1).size() / kPageBytes;
  for (std::size_t a = 0; a < (last_ + 1) * pages; ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      std::string files[] = {bytes_of(a / pages + 1), bytes_of(b / pages + 1)};
      std::string& second = a / pages == b / pages ? files[0] : files[1];
      const std::size_t at_a = a % pages * kPageBytes;
      const std::size_t at_b = b % pages * kPageBytes;
      const std::string page = files[0].substr(at_a, kPageBytes);
      const bool same = page == second.substr(at_b, kPageBytes);
      files[0].replace(at_a, kPageBytes, second.substr(at_b, kPageBytes));
      second.replace(at_b, kPageBytes, page);
      const auto disk = with(segment_name(a / pages + 1), files[0]);
      if (&second != files) disk->put(segment_name(b / pages + 1), second);
      const bool was_refused = refused(*disk, "pages " + std::to_string(a) + " and " + std::to_string(b));
      if (same) {
        EXPECT_FALSE(was_refused);
      }
    }
  }
}

TEST_F(LogDamage, ACutFileIsNoticed) {
  for (std::uint64_t number = 1; number <= last_; ++number) {
    const std::string bytes = bytes_of(number);
    for (std::size_t size = 0; size < bytes.size(); size += kPageBytes) {
      const auto disk = with(segment_name(number), bytes.substr(0, size));
      EXPECT_TRUE(refused(*disk, "cut to " + std::to_string(size), segment_name(number)));
    }
    // Garbage behind it is no better.
    const auto longer = with(segment_name(number), bytes + std::string(kPageBytes, 'g'));
    EXPECT_TRUE(refused(*longer, "longer", segment_name(number)));
  }
}

TEST_F(LogDamage, AMissingFileIsNoticed) {
  for (std::uint64_t number = 1; number <= last_; ++number) {
    const auto disk = pristine_->after_kill();
    ASSERT_TRUE(disk->remove(segment_name(number)).ok());
    EXPECT_TRUE(refused(*disk, "without " + segment_name(number))) << number;
  }
  const auto only_spares = pristine_->after_kill();
  for (std::uint64_t number = 1; number <= last_; ++number) ASSERT_TRUE(only_spares->remove(segment_name(number)).ok());
  EXPECT_TRUE(refused(*only_spares, "only spares"));
  // Without the last spare nothing is missing.
  const auto fewer = pristine_->after_kill();
  ASSERT_TRUE(fewer->remove(segment_name(last_ + 2)).ok());
  EXPECT_FALSE(refused(*fewer, "one spare"));
}

TEST_F(LogDamage, AFileUnderAnotherNumberIsNoticed) {
  for (std::uint64_t from = 1; from <= last_; ++from) {
    for (std::uint64_t to = 1; to <= last_ + 1; ++to) {
      if (from == to) continue;
      const auto disk = with(segment_name(to), bytes_of(from));
      EXPECT_TRUE(refused(*disk, std::to_string(from) + " copied to " + std::to_string(to)));
    }
  }
}

TEST_F(LogDamage, AFileOfAnotherDatabaseIsNoticed) {
  MemoryDirectory other;
  HandDatabase database(other, sizes_);
  ASSERT_TRUE(database.open().ok());
  fill(database, "other", 12);
  database.set(0, "last", std::string(6000, 'l'));
  ASSERT_TRUE(database.commit_all().ok());
  for (std::uint64_t number = 1; number <= last_; ++number) {
    const auto disk = with(segment_name(number), other.contents(segment_name(number)));
    EXPECT_TRUE(refused(*disk, "foreign " + segment_name(number), segment_name(number)));
  }
  EXPECT_TRUE(refused(*with(segment_name(last_ + 1), other.contents(segment_name(1))), "foreign spare"));
}

TEST_F(LogDamage, AnOlderStateOfAFileInTheMiddleIsNoticed) {
  MemoryDirectory disk;
  HandDatabase database(disk, sizes_);
  ASSERT_TRUE(database.open().ok());
  fill(database, "x", 3);
  const std::string before = disk.contents(segment_name(1));
  fill(database, "y", 12);
  ASSERT_TRUE(database.log().write_marker().ok());
  const auto older = disk.after_kill();
  older->put(segment_name(1), before);
  HandDatabase again(*older, sizes_);
  const Status status = again.recover();
  EXPECT_EQ(status.code(), StatusCode::kCorruption) << status.message();
}

TEST_F(LogDamage, GarbageBehindTheEndIsNoDamage) {
  for (const char fill : {'\xff', 'K'}) {
    std::string bytes = bytes_of(last_);
    std::size_t end = kPageBytes;
    for_each_batch(bytes, [&](std::size_t begin, std::size_t size) { end = begin + size; });
    ASSERT_LT(end, bytes.size());
    bytes.replace(end, std::string::npos, bytes.size() - end, fill);
    EXPECT_FALSE(refused(*with(segment_name(last_), bytes), "garbage behind the end"));
    EXPECT_FALSE(refused(*with(segment_name(last_ + 1), std::string(bytes.size(), fill)), "garbage in a spare"));
  }
}

// It is under the checksum, but must not hold what a larger batch left in the buffer either.
TEST_F(LogDamage, ThePaddingOfEveryBatchIsZeros) {
  for (std::uint64_t number = 1; number <= last_; ++number) {
    const std::string bytes = bytes_of(number);
    for_each_batch(bytes, [&](std::size_t begin, std::size_t size) {
      const std::size_t used =
          kBatchHeaderBytes + decode_batch_header(std::string_view(bytes).substr(begin))->payload_bytes;
      const std::string padding = bytes.substr(begin + used, size - used);
      EXPECT_EQ(padding, std::string(padding.size(), '\0')) << number << "/" << begin;
    });
  }
}

// Values of clients lie in files that are used again; they must not be able to look like acknowledged data.
TEST_F(LogDamage, BytesThatLookLikeABatchAreNotBelievedInASpare) {
  BatchHeader forged;
  forged.segment_number = last_ + 1;
  forged.salt = 42;
  forged.first_lsn = lsn_ + 1'000'000;
  forged.durable_lsn = lsn_ + 1'000'000;
  forged.disk_bytes = kPageBytes;
  std::string spare(bytes_of(last_ + 1).size(), '\0');
  seal_batch(forged, spare.data() + kPageBytes);
  EXPECT_FALSE(refused(*with(segment_name(last_ + 1), spare), "a forged batch"));
  std::string used = bytes_of(1);
  used.replace(kPageBytes, kPageBytes, spare, kPageBytes, kPageBytes);
  EXPECT_FALSE(refused(*with(segment_name(last_ + 1), used.replace(0, kPageBytes, kPageBytes, 'h')), "header torn"));
}

TEST_F(LogDamage, AnotherVersionIsNamedAndNotTakenForDamage) {
  std::string bytes = bytes_of(2);
  put_fixed<std::uint32_t>(bytes.data() + 8, kFormatVersion + 1);
  put_fixed<std::uint32_t>(bytes.data() + 12, 0);
  put_fixed<std::uint32_t>(bytes.data() + 12, crc32c({bytes.data(), kPageBytes}));
  const auto disk = with(segment_name(2), bytes);
  HandDatabase database(*disk, sizes_);
  const Status status = database.recover();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("another version"), std::string::npos) << status.message();
}

TEST_F(LogDamage, TheMessageNamesFileOffsetAndLsn) {
  std::string bytes = bytes_of(2);
  bytes[kPageBytes + kBatchHeaderBytes + 5] ^= 1;
  const auto disk = with(segment_name(2), bytes);
  SegmentHeader header;
  ASSERT_EQ(decode_segment_header(bytes, header), HeaderState::kValid);
  HandDatabase database(*disk, sizes_);
  const std::string message(database.recover().message());
  EXPECT_NE(message.find("kvstore.db.wal.000002"), std::string::npos) << message;
  EXPECT_NE(message.find("offset 4096"), std::string::npos) << message;
  EXPECT_NE(message.find("LSN " + std::to_string(header.first_lsn)), std::string::npos) << message;
  EXPECT_NE(message.find("up to LSN " + std::to_string(lsn_)), std::string::npos) << message;
}

TEST_F(LogDamage, ADamagedHeaderIsNamedAsTheDamagedPlace) {
  std::string bytes = bytes_of(last_);
  bytes[20] ^= 1;
  const auto disk = with(segment_name(last_), bytes);
  HandDatabase database(*disk, sizes_);
  const std::string message(database.recover().message());
  EXPECT_NE(message.find(segment_name(last_) + " in memory is damaged at offset 0"), std::string::npos) << message;
}

TEST_F(LogDamage, ADamagedSnapshotFallsBackToTheOneBeforeAndMoreLog) {
  const std::string good = snapshot(0);  // before everything in the log
  std::string bad = snapshot(lsn_);
  bad[bad.size() - 12] ^= 1;
  const auto disk = pristine_->after_kill();
  disk->put(kPreviousSnapshotName, good);
  disk->put(kSnapshotName, bad);
  for (int start = 0; start < 2; ++start) {
    HandDatabase database(*disk, sizes_);
    const Status status = database.recover();
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(database.recovered().recovery_case, 'D');
    EXPECT_EQ(database.recovered().warnings.empty(), start == 1);
    EXPECT_EQ(Digest::of(database.keyspace()), digest_ + Digest::of(2, "snapshot", "value"));
    EXPECT_TRUE(disk->exists(kDamagedSnapshotName));
  }
}

TEST_F(LogDamage, ASnapshotAheadOfTheLogIsRefused) {
  const auto disk = with(kSnapshotName, snapshot(lsn_ + 1));
  EXPECT_TRUE(refused(*disk, "log behind the snapshot"));
}

TEST_F(LogDamage, ASnapshotOfAnotherDatabaseIsRefused) {
  id_[3] ^= 1;
  EXPECT_TRUE(refused(*with(kSnapshotName, snapshot(0)), "foreign snapshot", kSnapshotName));
}

}  // namespace
}  // namespace kvstore::durability
