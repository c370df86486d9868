// What is said of a data directory without changing it, and copies of it as it was at an LSN.
#include "durability/data_check.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "durability/data_cut.h"
#include "durability/record_text.h"
#include "durability/served_database_for_tests.h"

namespace kvstore::durability {
namespace {

using testing::Keys;
using testing::ServedDatabase;
using testing::start_from;

std::map<std::string, std::string> all_files(env::MemoryDirectory& disk) {
  std::map<std::string, std::string> files;
  const auto names = disk.list();
  EXPECT_TRUE(names.ok());
  for (const std::string& name : names.value()) files[name] = disk.contents(name);
  return files;
}

struct Looked {
  DataCheck check;
  std::vector<std::string> lines;

  [[nodiscard]] bool said(std::string_view words) const {
    return std::any_of(lines.begin(), lines.end(), [&](const auto& line) { return line.find(words) != line.npos; });
  }
};

Looked look_at(env::MemoryDirectory& disk, std::optional<Lsn> print_from = std::nullopt) {
  Looked looked;
  DataCheckOptions options;
  options.print_from = print_from;
  options.print_bytes_max = 10;
  options.print = [&looked](std::string line) { looked.lines.push_back(std::move(line)); };
  const auto before = all_files(disk);
  looked.check = check_data(disk, env::Clock::system(), options);
  EXPECT_TRUE(all_files(disk) == before) << "looking changed the disk";
  return looked;
}

// Changes a byte of the record that holds these bytes.
void spoil(env::MemoryDirectory& disk, const std::string& name, const std::string& bytes) {
  std::string file = disk.contents(name);
  const std::size_t at = file.find(bytes);
  ASSERT_NE(at, std::string::npos);
  file[at] = static_cast<char>(file[at] ^ 1);
  disk.put(name, file);
}

TEST(DataCheck, AnEmptyDirectoryIsANewDatabase) {
  env::MemoryDirectory disk;
  const Looked looked = look_at(disk);
  EXPECT_FALSE(looked.check.damaged());
  EXPECT_EQ(looked.check.verdict(), "OK: would recover (case A) to LSN 0 with 0 keys");
}

TEST(DataCheck, SaysWhatAStartWouldEndWith) {
  env::MemoryDirectory disk;
  Lsn end = 0;
  {
    ServedDatabase database(disk);
    database.set("a", "1");
    database.snapshot();
    database.set("b", "2");
    end = database.set("c", "3");
  }
  const Looked looked = look_at(disk);
  EXPECT_EQ(looked.check.verdict(), "OK: would recover (case C) to LSN " + std::to_string(end) + " with 3 keys");
  EXPECT_TRUE(looked.said("kvstore.db.snapshot: ")) << "snapshot files are named";
  EXPECT_TRUE(looked.said("3 groups, 3 records"));
  EXPECT_TRUE(looked.said("spare, "));
  const auto started = start_from(disk);
  EXPECT_EQ(started.recovered.position.lsn, end);
  EXPECT_EQ(started.keys.size(), 3U);
}

TEST(DataCheck, DamageToAcknowledgedLogIsToldInTheWordsOfTheRefusal) {
  env::MemoryDirectory disk;
  {
    ServedDatabase database(disk);
    database.set("a", "first value");
    database.set("b", "second value");
    database.set("c", "third value");
  }
  spoil(disk, segment_name(1), "second value");
  const Looked looked = look_at(disk);
  EXPECT_TRUE(looked.check.damaged());
  const auto started = start_from(disk);
  ASSERT_EQ(started.status.code(), StatusCode::kCorruption);
  EXPECT_EQ(looked.check.verdict(), "DAMAGED: a start would be refused: " + started.status.message());
  EXPECT_NE(started.status.message().find("--cut"), std::string::npos);
}

TEST(DataCheck, DamageThatNoStartWouldMeetIsDamageAllTheSame) {
  env::MemoryDirectory disk;
  {
    ServedDatabase database(disk);
    database.set("old", "an old value");
    for (int i = 0; i < 12; ++i) database.set("filler" + std::to_string(i), std::string(60'000, 'f'));
    database.snapshot();
    database.set("new", "a new value");
  }
  spoil(disk, segment_name(1), "an old value");
  const Looked looked = look_at(disk, 0);
  EXPECT_TRUE(looked.check.damaged());
  EXPECT_EQ(looked.check.verdict().find("DAMAGED, but would recover (case C)"), 0U) << looked.check.verdict();
  EXPECT_TRUE(looked.said("set 0 \"new\"")) << "what lies behind the damage is looked at";
  EXPECT_TRUE(start_from(disk).status.ok());
}

TEST(DataCheck, ADamagedSnapshotIsDamageThoughTheOneBeforeServes) {
  env::MemoryDirectory disk;
  {
    ServedDatabase database(disk);
    database.set("a", "value of a");
    database.snapshot();
    database.set("b", "value of b");
    database.snapshot();
  }
  spoil(disk, kSnapshotName, "value of b");
  const Looked looked = look_at(disk);
  EXPECT_EQ(looked.check.damage.size(), 1U);
  EXPECT_EQ(looked.check.verdict().find("DAMAGED, but would recover (case D)"), 0U) << looked.check.verdict();
  EXPECT_EQ(looked.check.keys, 2U);
}

TEST(DataCheck, ATornTailIsNoDamage) {
  env::MemoryDirectory disk;
  ServedDatabase database(disk);
  database.set("a", "first value");
  const Lsn last = database.set("b", "second value");
  database.set("c", "third value");
  // As after a power loss in the middle of the last write, before any marker.
  const auto crashed = disk.after_kill();
  std::string file = crashed->contents(segment_name(1));
  const std::size_t at = file.find("third value");
  ASSERT_NE(at, std::string::npos);
  std::fill(file.begin() + static_cast<std::ptrdiff_t>(at), file.end(), '\0');
  crashed->put(segment_name(1), file);
  const Looked looked = look_at(*crashed);
  EXPECT_EQ(looked.check.verdict(), "OK: would recover (case E) to LSN " + std::to_string(last) + " with 2 keys");
  EXPECT_TRUE(looked.said("never acknowledged"));
}

TEST(DataCheck, PrintsRecordsFromAnLsnOnWithTheLsnOfTheirGroup) {
  env::MemoryDirectory disk;
  Lsn second = 0;
  {
    ServedDatabase database(disk);
    second = database.set("a", "1");
    database.set("b\n", "0123456789abc");
    database.erase("a");
  }
  const Looked looked = look_at(disk, second);
  EXPECT_FALSE(looked.said("set 0 \"a\""));
  EXPECT_TRUE(looked.said(std::to_string(second) + R"( set 0 "b\n" "0123456789"... (13 bytes))"));
  EXPECT_TRUE(looked.said("erase 0 \"a\""));
}

TEST(RecordText, EscapesWhatATerminalCannotShow) {
  EXPECT_EQ(quoted(std::string_view("a\"\\\r\t\0\xff", 7), 100), R"("a\"\\\r\t\x00\xff")");
  LogRecord record;
  record.kind = RecordKind::kFlush;
  record.db = kAllDatabases;
  EXPECT_EQ(record_text(record, 10), "flush all");
  record = {RecordKind::kSwap, 1, 2, {}, {}, {}, 0, 0};
  EXPECT_EQ(record_text(record, 10), "swap 1 2");
  record = {RecordKind::kSplice, 3, 0, store::ValueType::kString, "k", "xyz", 100, 20'000};
  EXPECT_EQ(record_text(record, 10), R"(splice 3 "k" at 100 of 20000 "xyz")");
}

Result<DataCut> cut(env::Directory& from, env::Directory& to, Lsn lsn) {
  DataCutOptions options;
  options.lsn = lsn;
  return cut_data(from, to, env::Clock::system(), options);
}

// Every end of a group, and every LSN just before one, gives the state of that moment: with small values and ones that
// fill several batches, over several segments, with snapshots on the way and starts in between.
TEST(DataCut, TheCopyIsTheStateAtThatLsn) {
  EXPECT_TRUE(rc::check([] {
    env::MemoryDirectory disk;
    std::map<Lsn, Keys> states;
    std::vector<Lsn> snapshots;
    const auto starts = *rc::gen::inRange(1, 4);
    for (int start = 0; start < starts; ++start) {
      ServedDatabase database(disk);
      if (states.empty()) states[0] = {};
      const auto changes = *rc::gen::inRange(1, 12);
      for (int i = 0; i < changes; ++i) {
        const std::string key = "key" + std::to_string(*rc::gen::inRange(0, 5));
        const auto size = static_cast<std::size_t>(*rc::gen::element(1, 10, 1'000, 9'000, 70'000, 150'000));
        Lsn lsn = 0;
        if (database.keys().count(key) > 0 && *rc::gen::inRange(0, 3) == 0) {
          lsn = database.erase(key);
        } else {
          lsn = database.set(key, std::string(size, static_cast<char>('a' + i)));
        }
        states[lsn] = database.keys();
        if (*rc::gen::inRange(0, 6) == 0) snapshots.push_back(database.snapshot());
      }
    }
    const auto before = all_files(disk);
    // Two snapshots are kept, and the log from the older one on.
    const Lsn oldest = snapshots.size() < 2 ? 0 : snapshots[snapshots.size() - 2];
    for (auto state = states.lower_bound(oldest); state != states.end(); ++state) {
      if (*rc::gen::inRange(0, 4) != 0) continue;  // a look at some is enough for one run
      const auto next = std::next(state);
      const Lsn last = next == states.end() ? state->first + 1'000 : next->first - 1;
      env::MemoryDirectory copy;
      Result<DataCut> made = cut(disk, copy, *rc::gen::element(state->first, last));
      RC_ASSERT(made.ok());
      RC_ASSERT(made->lsn == state->first);
      const auto started = start_from(copy);
      RC_ASSERT(started.status.ok());
      RC_ASSERT(started.recovered.position.lsn == state->first);
      RC_ASSERT(started.keys == state->second);
      RC_ASSERT(started.recovered.cut_bytes == 0U);
    }
    RC_ASSERT(all_files(disk) == before);
  }));
}

TEST(DataCut, AGroupThatACrashCutOffIsInNoCopy) {
  env::MemoryDirectory disk;
  Lsn before = 0;
  std::unique_ptr<env::MemoryDirectory> crashed;
  {
    ServedDatabase database(disk);
    before = database.set("before", "1");
    database.set("large", std::string(150'000, 'x') + "THE END");  // three batches
    crashed = disk.after_kill();
  }
  std::string file = crashed->contents(segment_name(1));
  const std::size_t last_batch = file.find("THE END") / kPageBytes * kPageBytes;
  std::fill(file.begin() + static_cast<std::ptrdiff_t>(last_batch), file.end(), '\0');
  crashed->put(segment_name(1), file);
  Lsn after = 0;
  {
    ServedDatabase database(*crashed);
    ASSERT_EQ(database.keys(), (Keys{{"before", "1"}}));
    after = database.set("after", "2");
  }
  EXPECT_GT(after, before + 100'000) << "what is left of the group keeps its place in the stream";
  for (const Lsn lsn : {after, after - 1}) {
    env::MemoryDirectory copy;
    Result<DataCut> made = cut(*crashed, copy, lsn);
    ASSERT_TRUE(made.ok()) << made.status().message();
    EXPECT_EQ(made->lsn, lsn == after ? after : before);
    EXPECT_EQ(start_from(copy).keys, lsn == after ? (Keys{{"after", "2"}, {"before", "1"}}) : (Keys{{"before", "1"}}));
  }
}

TEST(DataCut, GivesUpWhatFollowsDamage) {
  env::MemoryDirectory disk;
  Lsn before = 0;
  {
    ServedDatabase database(disk);
    before = database.set("a", "first value");
    database.set("b", "second value");
    database.set("c", "third value");
  }
  spoil(disk, segment_name(1), "second value");
  ASSERT_FALSE(start_from(disk).status.ok());
  env::MemoryDirectory copy;
  Result<DataCut> made = cut(disk, copy, before);
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(made->lsn, before);
  EXPECT_EQ(look_at(copy).check.verdict(),
            "OK: would recover (case E) to LSN " + std::to_string(before) + " with 1 key");
  ServedDatabase database(copy);
  EXPECT_EQ(database.keys(), (Keys{{"a", "first value"}}));
  database.set("d", "the copy is a database like any other");
}

TEST(DataCut, AFileMissingInTheMiddleLeavesWhatLiesBeforeIt) {
  env::MemoryDirectory disk;
  Lsn first = 0;
  {
    ServedDatabase database(disk);
    first = database.set("a", "first value");
    for (int i = 0; i < 16; ++i) database.set("filler" + std::to_string(i), std::string(60'000, 'f'));
  }
  ASSERT_TRUE(disk.remove(segment_name(2)).ok());
  ASSERT_FALSE(start_from(disk).status.ok());
  env::MemoryDirectory copy;
  Result<DataCut> made = cut(disk, copy, first);
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(start_from(copy).keys, (Keys{{"a", "first value"}}));
}

TEST(DataCut, RefusesWhatItCannotGiveAndADirectoryThatIsInUse) {
  env::MemoryDirectory disk;
  {
    ServedDatabase database(disk);
    for (int i = 0; i < 16; ++i) database.set("filler" + std::to_string(i), std::string(60'000, 'f'));
    database.snapshot();
    database.set("a", "1");
    database.snapshot();
    for (int i = 0; i < 16; ++i) database.set("filler" + std::to_string(i), std::string(60'000, 'g'));
  }
  ASSERT_FALSE(disk.exists(segment_name(1))) << "the start of the log is gone";
  env::MemoryDirectory copy;
  Result<DataCut> made = cut(disk, copy, 100);
  EXPECT_EQ(made.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(made.status().message().find("does not reach back"), std::string::npos) << made.status().message();
  EXPECT_TRUE(all_files(copy).empty());
  copy.put("something", "else");
  EXPECT_EQ(cut(disk, copy, 10'000'000).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace kvstore::durability
