// A flipped bit at every byte of a small log and of a small snapshot: the start is refused, or cuts a tail that was
// never acknowledged and says so, or serves exactly what was there before. It never serves anything else.
//
// What holds something (headers, records) is flipped at every bit; zeros that only fill a page at one bit a byte, which
// changes from byte to byte.
#include <gtest/gtest.h>

#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "durability/data_check.h"
#include "durability/database_for_tests.h"
#include "durability/log_format.h"
#include "durability/snapshot_writer.h"
#include "env/memory_directory.h"

namespace kvstore::durability {
namespace {

using env::MemoryDirectory;
using testing::Digest;
using testing::HandDatabase;
using testing::SmallSizes;

// Of a segment header; zeros follow up to the end of its page.
constexpr std::size_t kSegmentHeaderBytes = 80;
// What lies behind the last batch, and in spares, is flipped at every so many bytes: a prime, so that all places within
// a header and all bits come up.
constexpr std::size_t kUnusedStep = 13;

// kEnded: shorter than it was, and nothing said: what lies behind looks like what a file may hold from its use before.
enum class Verdict { kRefused, kCut, kEnded, kHarmless };

// One place in a file of the log.
struct Place {
  enum What { kSegmentHeader, kHeaderPadding, kBatchHeader, kPayload, kBatchPadding, kUnused } what;
  std::size_t begin;
  std::size_t end;
  // Of the batch that it belongs to (none in kUnused; the first one for a segment's header, which is written with it):
  // its number in the log, and where it ends.
  unsigned batch = 0;
  Lsn batch_end = 0;
  bool in_marker = false;

  [[nodiscard]] bool all_bits() const { return what == kSegmentHeader || what == kBatchHeader || what == kPayload; }
};

class BitFlips : public ::testing::Test {
 protected:
  // Groups of one batch, in two databases.
  void fill_a_little(HandDatabase& database) {
    ASSERT_TRUE(database.open().ok());
    points_[database.log().end_lsn()] = 0;
    for (int i = 0; i < 5; ++i) {
      const std::string value(static_cast<std::size_t>(20 + 60 * i), static_cast<char>('a' + i));
      put(database, i % 2, "key" + std::to_string(i), value);
    }
  }
  // And one of several batches, across the end of a segment.
  void fill(HandDatabase& database) {
    fill_a_little(database);
    put(database, 0, "large", std::string(sizes_.mode == Mode::kAlways ? 11'000 : 20'000, 'l'));
    put(database, 1, "key1", "1234567");
    ASSERT_TRUE(disk_.exists(segment_name(2)));
  }
  void put(HandDatabase& database, int db, const std::string& key, const std::string& value) {
    database.set(db, key, value);
    ASSERT_TRUE(database.commit_all().ok());
    points_[database.log().end_lsn()] = Digest::of(database.keyspace());
  }
  // Of the disk as it is now: what is flipped in copies.
  void keep() { pristine_ = disk_.after_kill(); }

  static std::string flipped(std::string bytes, std::size_t at, unsigned bit) {
    bytes[at] = static_cast<char>(bytes[at] ^ (1U << bit));
    return bytes;
  }

  // What a start makes of the disk with one file changed.
  Verdict start_with(const std::string& name, const std::string& bytes, const std::string& where) {
    ++flips_;
    const auto disk = pristine_->after_kill();
    disk->put(name, bytes);
    HandDatabase database(*disk, sizes_);
    const Status status = database.recover();
    if (!status.ok()) {
      EXPECT_EQ(status.code(), StatusCode::kCorruption) << where << status.message();
      EXPECT_NE(status.message().find("kvstore.db."), std::string::npos) << where << status.message();
      return Verdict::kRefused;
    }
    const Lsn lsn = database.recovered_lsn();
    const auto behind = points_.upper_bound(lsn);
    EXPECT_NE(behind, points_.begin()) << where;
    EXPECT_EQ(Digest::of(database.keyspace()), std::prev(behind)->second) << where << ": served something else";
    EXPECT_GE(lsn, durable_) << where << ": acknowledged data is lost";
    const Lsn end = points_.rbegin()->first;
    EXPECT_LE(lsn, end) << where;
    if (lsn == end) return Verdict::kHarmless;
    return database.recovered().cut_bytes > 0 ? Verdict::kCut : Verdict::kEnded;
  }

  // The places of a segment, which is used or, when it does not begin with its header, a spare; counts batches_ on.
  std::vector<Place> places_of(std::uint64_t number, const std::string& bytes) {
    SegmentHeader segment;
    if (decode_segment_header(bytes, segment) != HeaderState::kValid || segment.number != number) {
      return {{Place::kUnused, 0, bytes.size()}};
    }
    std::vector<Place> places = {{Place::kSegmentHeader, 0, kSegmentHeaderBytes},
                                 {Place::kHeaderPadding, kSegmentHeaderBytes, kPageBytes}};
    if (const auto first = decode_batch_header(std::string_view(bytes).substr(kPageBytes))) {
      for (Place& place : places) place.batch = batches_ + 1, place.batch_end = first->end_lsn();
    }
    std::size_t at = kPageBytes;
    while (at < bytes.size()) {
      const auto batch = decode_batch_header(std::string_view(bytes).substr(at));
      if (!batch) break;
      ++batches_;
      const std::size_t payload = at + kBatchHeaderBytes;
      const std::size_t padding = payload + batch->payload_bytes;
      const std::size_t end = at + batch->disk_bytes;
      const bool marker = batch->payload_bytes == 0;
      places.push_back({Place::kBatchHeader, at, payload, batches_, batch->end_lsn(), marker});
      places.push_back({Place::kPayload, payload, padding, batches_, batch->end_lsn(), marker});
      places.push_back({Place::kBatchPadding, padding, end, batches_, batch->end_lsn(), marker});
      at = end;
    }
    places.push_back({Place::kUnused, at, bytes.size()});
    return places;
  }

  // Flips bits of the log as keep() found it. right(place, verdict) says whether that is what should come of it.
  template <typename Right>
  void flip_the_log(Right right) {
    std::map<std::uint64_t, std::vector<Place>> segments;
    for (std::uint64_t number = 1; pristine_->exists(segment_name(number)); ++number) {
      segments[number] = places_of(number, pristine_->contents(segment_name(number)));
    }
    for (const auto& [number, places] : segments) {
      for (const Place& place : places) {
        flip_place(number, place, right);
        if (HasFailure()) return;
      }
    }
    std::cout << flips_ << " bits flipped in " << segments.size() << " files with " << batches_ << " batches\n";
  }
  template <typename Right>
  void flip_place(std::uint64_t number, const Place& place, Right right) {
    const std::string name = segment_name(number);
    const std::string bytes = pristine_->contents(name);
    for (std::size_t at = place.begin; at < place.end; at += place.what == Place::kUnused ? kUnusedStep : step_) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        if (!place.all_bits() && bit != at % 8) continue;
        const std::string where = name + " byte " + std::to_string(at) + " bit " + std::to_string(bit) + ": ";
        const Verdict verdict = start_with(name, flipped(bytes, at, bit), where);
        EXPECT_TRUE(right(place, verdict)) << where << static_cast<int>(verdict);
      }
    }
  }

  // Sanitizers are slow: 1 there too would take minutes. Odd, or not all bits of a snapshot would come up.
  const std::size_t step_ = testing::number_from_environment("KVSTORE_FLIP_STEP", 1);
  SmallSizes sizes_;
  MemoryDirectory disk_;
  std::unique_ptr<MemoryDirectory> pristine_;
  std::map<Lsn, std::uint64_t> points_;  // the digest of the data behind each group
  Lsn durable_ = 0;                      // promised to be there
  unsigned batches_ = 0;
  std::uint64_t flips_ = 0;
};

// Its last batch is a marker, so everything else is known to be acknowledged. Behind it only batches of this use of the
// file would be looked at, which no single bit makes out of zeros: the salt and two checksums would have to be right.
// So flips there are harmless, as are those in the marker, without which nothing is missing, and in spares.
TEST_F(BitFlips, ALogThatWasEndedIsRefusedOrWhole) {
  HandDatabase database(disk_, sizes_);
  fill(database);
  ASSERT_TRUE(database.log().write_marker().ok());
  ASSERT_TRUE(database.prepare_one().ok());
  durable_ = database.log().end_lsn();
  keep();
  flip_the_log([&](const Place& place, Verdict verdict) {
    const bool needed = place.what != Place::kUnused && place.batch != batches_;
    return verdict == (needed ? Verdict::kRefused : Verdict::kHarmless);
  });
  EXPECT_GT(flips_, 50'000U / step_);
}

// The process was killed before a marker could follow the last batch: damage to that one cannot be told from a write
// that a power loss tore (rule 8 of docs/formats/log.md). It is cut, which is said, and nothing else is given up.
TEST_F(BitFlips, ALogThatWasKilledIsRefusedOrLosesItsLastBatch) {
  HandDatabase database(disk_, sizes_);
  fill(database);
  durable_ = std::prev(points_.end(), 2)->first;
  keep();
  flip_the_log([&](const Place& place, Verdict verdict) {
    if (place.what == Place::kUnused) return verdict == Verdict::kHarmless;
    if (place.batch != batches_) return verdict == Verdict::kRefused;
    return verdict == Verdict::kCut;
  });
}

// Up to the last sync that a batch tells of it is damage; behind that it is what a power loss may take back. Without
// the marker that closed the page for the sync nothing is missing.
TEST_F(BitFlips, ALogThatIsSyncedLaterIsRefusedUpToTheSyncAndCutBehindIt) {
  sizes_.mode = Mode::kEverySecond;
  HandDatabase database(disk_, sizes_);
  fill(database);
  ASSERT_TRUE(database.log().sync().ok());
  durable_ = database.log().durable_lsn();
  for (const char* value : {"one", "two", "three"}) put(database, 0, "late", value);
  keep();
  flip_the_log([&](const Place& place, Verdict verdict) {
    if (place.what == Place::kUnused) return verdict == Verdict::kHarmless;
    const bool closes_page = place.in_marker && place.batch_end == durable_;
    if (closes_page) return verdict == Verdict::kHarmless;
    return verdict == (place.batch_end <= durable_ ? Verdict::kRefused : Verdict::kCut);
  });
}

// The snapshot as it is written, of the data and the log that fill() leaves.
class SnapshotFlips : public BitFlips {
 protected:
  void SetUp() override {
    HandDatabase database(disk_, sizes_);
    fill_a_little(database);
    snapshot(database);
    put(database, 0, "key2", "1234567");
    snapshot(database);
    put(database, 0, "key4", "behind the snapshot");
    ASSERT_TRUE(database.log().write_marker().ok());
    durable_ = database.log().end_lsn();
    keep();
  }
  void snapshot(HandDatabase& database) {
    SnapshotWriter::Options options;
    options.version = "test";
    options.database_id = to_text(database.log().database_id());
    options.position = [&database] { return database.log().end_lsn(); };
    SnapshotWriter writer(disk_, database.keyspace(), env::Clock::system(), std::move(options));
    const Result<SnapshotTaken> taken = writer.run();
    ASSERT_TRUE(taken.ok()) << taken.status().message();
  }
  // Calls look(flipped bytes, where) for every bit of the file.
  template <typename Look>
  void flip_every_bit(const char* name, Look look) {
    const std::string bytes = pristine_->contents(name);
    for (std::size_t bit = 0; bit < bytes.size() * 8 && !HasFailure(); bit += step_) {
      look(flipped(bytes, bit / 8, bit % 8), std::string(name) + " bit " + std::to_string(bit) + ": ");
    }
    std::cout << bytes.size() * 8 << " bits flipped in a snapshot of " << bytes.size() << " bytes\n";
  }
};

TEST_F(SnapshotFlips, WithNothingElseToServeFromTheStartIsRefused) {
  for (std::uint64_t number = 1; pristine_->exists(segment_name(number)); ++number) {
    ASSERT_TRUE(pristine_->remove(segment_name(number)).ok());
  }
  ASSERT_TRUE(pristine_->remove(kPreviousSnapshotName).ok());
  flip_every_bit(kSnapshotName, [&](const std::string& bytes, const std::string& where) {
    const auto disk = pristine_->after_kill();
    disk->put(kSnapshotName, bytes);
    HandDatabase database(*disk, sizes_);
    const Status status = database.recover();
    EXPECT_FALSE(status.ok()) << where;
    EXPECT_NE(status.message().find(kSnapshotName), std::string::npos) << where << status.message();
  });
}

// Or the start is refused, when the file now seems to hold what this version cannot load (case K): another version of
// the format, a type or a database that it does not have.
TEST_F(SnapshotFlips, TheOneBeforeAndMoreOfTheLogServeAndTheDamageIsSaid) {
  flip_every_bit(kSnapshotName, [&](const std::string& bytes, const std::string& where) {
    const auto disk = pristine_->after_kill();
    disk->put(kSnapshotName, bytes);
    HandDatabase database(*disk, sizes_);
    const Status status = database.recover();
    if (status.code() == StatusCode::kInvalidArgument) {
      EXPECT_NE(status.message().find(kSnapshotName), std::string::npos) << where << status.message();
      return;
    }
    ASSERT_TRUE(status.ok()) << where << status.message();
    EXPECT_EQ(database.recovered().recovery_case, 'D') << where;
    EXPECT_FALSE(database.recovered().warnings.empty()) << where << "nothing was said";
    EXPECT_EQ(Digest::of(database.keyspace()), points_.rbegin()->second) << where << "served something else";
  });
}

TEST_F(SnapshotFlips, InTheOneBeforeTheyAreNotServedAndACheckFindsThem) {
  flip_every_bit(kPreviousSnapshotName, [&](const std::string& bytes, const std::string& where) {
    EXPECT_EQ(start_with(kPreviousSnapshotName, bytes, where), Verdict::kHarmless) << where;
    if (flips_ % 31 != 0) return;  // a check takes much longer than a start
    pristine_->put(kPreviousSnapshotName, bytes);
    bool said = false;
    DataCheckOptions options;
    options.print = [&said](const std::string& line) { said |= line.find(", offset ") != std::string::npos; };
    said |= check_data(*pristine_, env::Clock::system(), options).damaged();
    EXPECT_TRUE(said) << where;
  });
}

}  // namespace
}  // namespace kvstore::durability
