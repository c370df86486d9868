// The crash states of small traces against what the rules of directory.h give by hand.

#include "env/crash_states.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace kvstore::env {
namespace {

constexpr std::uint64_t kSeed = 42;

class CrashStatesTest : public testing::Test {
 protected:
  // A disk on which these bytes are certain.
  void start(const std::map<std::string, std::string>& files) {
    for (const auto& [name, bytes] : files) disk_.put(name, bytes);
    disk_.start_trace();
  }
  std::unique_ptr<File> file(std::string_view name, OpenMode mode = OpenMode::kReadWrite) {
    return std::move(disk_.open(name, mode, Caching::kBuffered)).value();
  }
  static std::string sectors(std::string_view kinds) {
    std::string bytes;
    for (const char kind : kinds) bytes.append(kSectorBytes, kind == '0' ? '\0' : kind);
    return bytes;
  }
  static std::string pages(std::string_view kinds) {
    std::string bytes;
    for (const char kind : kinds) bytes.append(kPageBytes, kind == '0' ? '\0' : kind);
    return bytes;
  }
  // One letter for each `unit` bytes: the byte that fills it, '0' for zeros, '/' where one letter ends and the next
  // begins, '?' for what nobody wrote.
  static std::string letters(const std::string& bytes, std::size_t unit) {
    std::string all;
    for (std::size_t at = 0; at < bytes.size(); at += unit) {
      const std::string part = bytes.substr(at, unit);
      const std::string known("on12\0", 5);
      if (part.find_first_not_of(part[0]) == std::string::npos && known.find(part[0]) != std::string::npos) {
        all += part[0] == '\0' ? '0' : part[0];
      } else {
        all += part.find_first_not_of(known) == std::string::npos ? '/' : '?';
      }
    }
    return all;
  }
  // How the disk may look if power fails after all of the trace: each file as letters.
  std::set<std::string> at_the_end(std::size_t unit = kSectorBytes, CrashLimits limits = CrashLimits()) {
    std::set<std::string> seen;
    CrashStates states(disk_.trace(), kSeed, limits);
    while (const auto state = states.next()) {
      if (state->position == disk_.trace().operations.size()) seen.insert(look(*state->disk, unit));
    }
    return seen;
  }
  static std::string look(MemoryDirectory& disk, std::size_t unit) {
    std::string all;
    const std::vector<std::string> names = disk.list().value();
    for (const std::string& name : names) {
      all += (all.empty() ? "" : " ") + name + ":" + letters(disk.contents(name), unit);
    }
    return all;
  }

  MemoryDirectory disk_;
};

using Looks = std::set<std::string>;

TEST_F(CrashStatesTest, OverwriteOfTwoSectorsGivesSixDisks) {
  start({{"a", sectors("oo")}});
  ASSERT_TRUE(file("a")->write(0, sectors("nn")).ok());
  EXPECT_EQ(at_the_end(), (Looks{"a:oo", "a:nn", "a:no", "a:on", "a:?n", "a:n?"}));
}

TEST_F(CrashStatesTest, WriteInsideASectorIsTornAtAByteAndMaySpoilTheSector) {
  start({{"a", "oooo"}});
  ASSERT_TRUE(file("a")->write(1, "nn").ok());
  EXPECT_EQ(at_the_end(1), (Looks{"a:oooo", "a:onno", "a:onoo", "a:oono", "a:????"}));
}

TEST_F(CrashStatesTest, AppendMayShowItsSizeWithoutItsBytes) {
  start({{"a", ""}});
  ASSERT_TRUE(file("a")->write(0, sectors("n")).ok());
  EXPECT_EQ(at_the_end(), (Looks{"a:", "a:0", "a:n", "a:?", "a:/"}));
}

TEST_F(CrashStatesTest, PagesArriveInAnyOrder) {
  start({{"a", pages("oo")}});
  ASSERT_TRUE(file("a")->write(0, pages("nn")).ok());
  const Looks seen = at_the_end(kPageBytes);
  for (const char* look : {"a:oo", "a:on", "a:no", "a:nn", "a:o/", "a:/o", "a:n/", "a:/n", "a://", "a:??"}) {
    EXPECT_TRUE(seen.contains(look)) << look;
  }
}

TEST_F(CrashStatesTest, PageHasAnyPrefixOfItsWritesButNotALaterOneAlone) {
  start({{"a", sectors("oo")}});
  ASSERT_TRUE(file("a")->write(0, sectors("1")).ok());
  ASSERT_TRUE(file("a")->write(kSectorBytes, sectors("2")).ok());
  const Looks seen = at_the_end();
  for (const char* look : {"a:oo", "a:1o", "a:12", "a:1?", "a:1/"}) EXPECT_TRUE(seen.contains(look)) << look;
  EXPECT_EQ(seen.size(), 5U);
}

TEST_F(CrashStatesTest, SyncMakesEarlierWritesOfItsFileCertainAndOfNoOther) {
  start({{"a", sectors("o")}, {"b", sectors("o")}});
  ASSERT_TRUE(file("a")->write(0, sectors("n")).ok());
  ASSERT_TRUE(file("b")->write(0, sectors("n")).ok());
  ASSERT_TRUE(file("b")->sync().ok());
  EXPECT_EQ(at_the_end(), (Looks{"a:o b:n", "a:n b:n", "a:/ b:n", "a:? b:n"}));
  ASSERT_TRUE(file("a")->sync().ok());
  EXPECT_EQ(at_the_end(), Looks{"a:n b:n"});
}

TEST_F(CrashStatesTest, DurableWriteMakesOnlyItsOwnBytesCertain) {
  start({{"a", sectors("oo")}});
  ASSERT_TRUE(file("a")->write(0, sectors("11")).ok());
  ASSERT_TRUE(file("a")->write_durably(kSectorBytes, sectors("2")).ok());
  // The first write is still pending, and may be spoiled where the second one is not.
  EXPECT_EQ(at_the_end(), (Looks{"a:o2", "a:12", "a:?2"}));
  // A third one is pending in a sector that holds certain bytes, and may spoil it as a whole.
  ASSERT_TRUE(file("a")->write(2 * kSectorBytes - 1, "n").ok());
  EXPECT_TRUE(at_the_end().contains("a:1?"));
}

TEST_F(CrashStatesTest, DurableWriteMakesTheSizeUpToItCertain) {
  start({{"a", ""}});
  ASSERT_TRUE(file("a")->write_durably(kSectorBytes, sectors("n")).ok());
  EXPECT_EQ(at_the_end(), Looks{"a:0n"});
  ASSERT_TRUE(file("a")->write(2 * kSectorBytes, sectors("1")).ok());
  EXPECT_EQ(at_the_end(), (Looks{"a:0n", "a:0n0", "a:0n1", "a:0n/", "a:0n?"}));
}

TEST_F(CrashStatesTest, DurableBytesStayWhateverHappensToTheSizeAndThePageAroundThem) {
  start({{"a", sectors("o")}, {"b", ""}});
  ASSERT_TRUE(file("a")->truncate(0).ok());
  ASSERT_TRUE(file("a")->write_durably(2 * kSectorBytes, sectors("n")).ok());
  ASSERT_TRUE(file("b")->write(0, sectors("1")).ok());
  ASSERT_TRUE(file("b")->write_durably(kSectorBytes, sectors("2")).ok());
  for (const std::string& look : at_the_end()) {
    EXPECT_EQ(look.substr(4, 2), "n ") << look;
    EXPECT_EQ(look.substr(9), "2") << look;
  }
}

TEST_F(CrashStatesTest, NoDiskComesTwiceAtAMoment) {
  start({});
  ASSERT_TRUE(file("a", OpenMode::kCreate)->write(0, sectors("nn")).ok());
  std::multiset<std::string> seen;
  CrashStates states(disk_.trace(), kSeed);
  while (const auto state = states.next()) {
    if (state->position == 2) seen.insert(look(*state->disk, kSectorBytes));
  }
  EXPECT_EQ(seen.count(""), 1U);    // no name
  EXPECT_EQ(seen.count("a:"), 1U);  // no size
  EXPECT_EQ(seen.count("a:nn"), 1U);
}

TEST_F(CrashStatesTest, CrashInsideADurableWriteMayLoseIt) {
  start({{"a", sectors("o")}});
  ASSERT_TRUE(file("a")->write_durably(0, sectors("n")).ok());
  bool lost = false;
  CrashStates states(disk_.trace(), kSeed);
  while (const auto state = states.next()) lost |= state->position == 1 && look(*state->disk, kSectorBytes) == "a:o";
  EXPECT_TRUE(lost);
}

TEST_F(CrashStatesTest, FailedSyncLosesItsWritesForLaterSyncsToo) {
  start({{"a", sectors("o")}});
  const auto out = file("a");
  ASSERT_TRUE(out->write(0, sectors("n")).ok());
  dynamic_cast<SyncFailures&>(*out).sync_failed();
  ASSERT_TRUE(out->sync().ok());
  EXPECT_TRUE(at_the_end().contains("a:o"));
  ASSERT_TRUE(out->write(0, sectors("2")).ok());  // dirty again: the next sync writes it
  ASSERT_TRUE(out->sync().ok());
  EXPECT_EQ(at_the_end(), Looks{"a:2"});
}

TEST_F(CrashStatesTest, TruncateMayBeSeenInPart) {
  start({{"a", pages("oo")}});
  ASSERT_TRUE(file("a")->truncate(kPageBytes).ok());
  ASSERT_TRUE(file("a")->write(0, "").ok());
  const Looks seen = at_the_end(kPageBytes, {4096, 1, 64, 64});
  EXPECT_TRUE(seen.contains("a:o"));
  EXPECT_TRUE(seen.contains("a:oo"));
  EXPECT_TRUE(seen.contains("a:o0"));
  ASSERT_TRUE(file("a")->sync().ok());
  EXPECT_EQ(at_the_end(kPageBytes), Looks{"a:o"});
}

TEST_F(CrashStatesTest, SizesBetweenAreSeenToo) {
  start({{"a", ""}});
  const auto out = file("a");
  ASSERT_TRUE(out->write(0, sectors("n")).ok());
  ASSERT_TRUE(out->truncate(5 * kSectorBytes).ok());
  ASSERT_TRUE(out->truncate(0).ok());
  Looks lengths;
  for (const std::string& look : at_the_end()) lengths.insert(std::to_string(look.size() - 2));
  EXPECT_EQ(lengths, (Looks{"0", "1", "5"}));
}

TEST_F(CrashStatesTest, NamesTakeEffectInAnyOrderButEachNameInItsOwn) {
  start({{"old", ""}, {"snapshot", ""}});
  file("tmp", OpenMode::kCreate);
  ASSERT_TRUE(disk_.rename("tmp", "new").ok());
  ASSERT_TRUE(disk_.remove("old").ok());
  EXPECT_EQ(at_the_end(), (Looks{"old: snapshot:", "old: snapshot: tmp:", "new: old: snapshot:", "snapshot:",
                                 "snapshot: tmp:", "new: snapshot:"}));
  ASSERT_TRUE(disk_.sync().ok());
  EXPECT_EQ(at_the_end(), Looks{"new: snapshot:"});
}

TEST_F(CrashStatesTest, NameMadeAgainIsTheSecondFileOnlyAfterTheFirstIsGone) {
  start({{"a", "o"}});
  ASSERT_TRUE(disk_.remove("a").ok());
  const auto out = file("a", OpenMode::kCreate);
  ASSERT_TRUE(out->write(0, "n").ok());
  ASSERT_TRUE(out->sync().ok());
  EXPECT_EQ(at_the_end(1), (Looks{"a:o", "", "a:n"}));
}

// What a program that saves a file by rename must do, and what it sees when it leaves a step out.
TEST_F(CrashStatesTest, ReplacingAFileNeedsBothSyncs) {
  const auto save = [&](bool sync_file, bool sync_directory) {
    MemoryDirectory disk;
    disk.put("a", sectors("o"));
    disk.start_trace();
    const auto out = std::move(disk.open("t", OpenMode::kCreate, Caching::kBuffered)).value();
    EXPECT_TRUE(out->write(0, sectors("n")).ok());
    EXPECT_TRUE(!sync_file || out->sync().ok());
    EXPECT_TRUE(disk.rename("t", "a").ok());
    EXPECT_TRUE(!sync_directory || disk.sync().ok());
    disk.note_acknowledged(1);
    Looks promised;
    CrashStates states(disk.trace(), kSeed);
    while (const auto state = states.next()) {
      if (state->acknowledged == 1) promised.insert(look(*state->disk, kSectorBytes));
    }
    return promised;
  };
  EXPECT_EQ(save(true, true), Looks{"a:n"});
  EXPECT_EQ(save(true, false), (Looks{"a:o", "a:o t:n", "a:n"}));
  // Without the sync of the file even the old bytes may show: the block that the replaced file left.
  EXPECT_EQ(save(false, true), (Looks{"a:", "a:0", "a:/", "a:?", "a:n", "a:o"}));
}

TEST_F(CrashStatesTest, NotesGiveMomentsTheirPromises) {
  start({{"a", sectors("o")}});
  const auto out = file("a");
  disk_.note("begin");
  ASSERT_TRUE(out->write_durably(0, sectors("1")).ok());
  disk_.note_acknowledged(1);
  ASSERT_TRUE(out->write_durably(0, sectors("2")).ok());
  disk_.note_acknowledged(2);
  std::map<std::uint64_t, Looks> seen;
  std::set<std::size_t> positions;
  CrashStates states(disk_.trace(), kSeed);
  while (const auto state = states.next()) {
    seen[state->acknowledged].insert(look(*state->disk, kSectorBytes));
    positions.insert(state->position);
    EXPECT_NE(state->description.find("crash after operation"), std::string::npos);
  }
  EXPECT_FALSE(states.next().has_value());
  EXPECT_EQ(positions, (std::set<std::size_t>{1, 2, 4, 5, 7}));  // not 0, 3 and 6, which a note follows
  EXPECT_EQ(seen[0], (Looks{"a:o", "a:1", "a:/", "a:?"}));
  EXPECT_EQ(seen[1], (Looks{"a:1", "a:2", "a:/", "a:?"}));
  EXPECT_EQ(seen[2], Looks{"a:2"});
}

TEST_F(CrashStatesTest, GrownAreaMayHoldWhatARemovedFileLeft) {
  start({{"a", ""}, {"b", sectors("1")}});
  ASSERT_TRUE(disk_.remove("b").ok());
  ASSERT_TRUE(disk_.sync().ok());
  ASSERT_TRUE(file("a")->write(0, sectors("n")).ok());
  bool seen = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CrashStates states(disk_.trace(), seed);
    while (const auto state = states.next()) seen |= look(*state->disk, kSectorBytes) == "a:1";
  }
  EXPECT_TRUE(seen);
}

TEST_F(CrashStatesTest, ManyPagesGiveEachSingleOneMissingAndPresentAndEveryPrefix) {
  constexpr std::size_t kPages = 20;
  start({{"a", pages(std::string(kPages, 'o'))}});
  ASSERT_TRUE(file("a")->write(0, pages(std::string(kPages, 'n'))).ok());
  const Looks seen = at_the_end(kPageBytes);
  for (std::size_t i = 0; i < kPages; ++i) {
    std::string missing(kPages, 'n');
    missing[i] = 'o';
    std::string present(kPages, 'o');
    present[i] = 'n';
    EXPECT_TRUE(seen.contains("a:" + missing)) << missing;
    EXPECT_TRUE(seen.contains("a:" + present)) << present;
    EXPECT_TRUE(seen.contains("a:" + std::string(i + 1, 'n') + std::string(kPages - i - 1, 'o'))) << i;
    std::string torn(kPages, 'n');
    torn[i] = '/';
    EXPECT_TRUE(seen.contains("a:" + torn)) << torn;
    torn[i] = '?';
    EXPECT_TRUE(seen.contains("a:" + torn)) << torn;
  }
  EXPECT_TRUE(seen.contains("a:" + std::string(kPages, 'o')));
}

TEST_F(CrashStatesTest, SameSeedGivesTheSameDisks) {
  start({{"a", ""}});
  ASSERT_TRUE(file("a")->write(0, pages("nnnnnnnnnn")).ok());
  const auto all = [&](std::uint64_t seed) {
    std::vector<std::string> disks;
    CrashStates states(disk_.trace(), seed);
    while (const auto state = states.next()) disks.push_back(state->description + state->disk->contents("a"));
    return disks;
  };
  EXPECT_EQ(all(1), all(1));
  EXPECT_NE(all(1), all(2));
}

TEST_F(CrashStatesTest, UnsyncedBytesStayUnsyncedThroughAKill) {
  start({{"a", sectors("o")}});
  ASSERT_TRUE(file("a")->write(0, sectors("n")).ok());
  const auto after = disk_.after_kill();
  EXPECT_EQ(after->contents("a"), sectors("n"));
  CrashStates states(after->trace(), kSeed);
  Looks seen;
  while (const auto state = states.next()) seen.insert(look(*state->disk, kSectorBytes));
  EXPECT_TRUE(seen.contains("a:o"));
}

TEST_F(CrashStatesTest, CrashInsideTheRecoveryStartsFromTheDiskOfTheFirstCrash) {
  start({{"a", sectors("o")}});
  ASSERT_TRUE(file("a")->write(0, sectors("n")).ok());
  Looks seen;
  CrashStates first(disk_.trace(), kSeed);
  while (const auto state = first.next()) {
    state->disk->start_trace();
    const auto out = std::move(state->disk->open("a", OpenMode::kReadWrite, Caching::kBuffered)).value();
    ASSERT_TRUE(out->write(kSectorBytes, sectors("2")).ok());
    CrashStates second(state->disk->trace(), kSeed);
    while (const auto again = second.next()) seen.insert(look(*again->disk, kSectorBytes));
  }
  for (const char* look : {"a:o", "a:n", "a:o2", "a:n2", "a:/2", "a:?0"}) EXPECT_TRUE(seen.contains(look)) << look;
}

// Random traces: bytes in sectors that nothing touched since the last sync are the same in every state, and so is
// every size and name when nothing is pending.
TEST_F(CrashStatesTest, WhatIsCertainIsTheSameInEveryState) {
  EXPECT_TRUE(rc::check([] {
    MemoryDirectory disk;
    disk.put("a", std::string(10'000, 'a'));
    disk.start_trace();
    const auto out = std::move(disk.open("a", OpenMode::kReadWrite, Caching::kBuffered)).value();
    std::string certain(10'000, 'a');
    std::set<std::size_t> touched;
    bool resized = false;
    const int steps = *rc::gen::inRange(1, 10);
    for (int i = 0; i < steps; ++i) {
      const auto offset = *rc::gen::inRange<std::size_t>(0, 12'000);
      const std::string bytes(*rc::gen::inRange<std::size_t>(1, 6'000), static_cast<char>('b' + i));
      switch (*rc::gen::inRange(0, 5)) {
        case 0:
          RC_ASSERT(out->sync().ok());
          certain = disk.contents("a");
          touched.clear();
          resized = false;
          break;
        case 1:
          RC_ASSERT(out->truncate(offset).ok());
          for (std::size_t s = offset / kSectorBytes; s < 40; ++s) touched.insert(s);
          resized = true;
          break;
        default:
          RC_ASSERT(out->write(offset, bytes).ok());
          for (std::size_t s = offset / kSectorBytes; s <= (offset + bytes.size() - 1) / kSectorBytes; ++s) {
            touched.insert(s);
          }
          resized = true;
      }
    }
    CrashStates states(disk.trace(), *rc::gen::arbitrary<std::uint64_t>(), {100, 10, 20, 10});
    while (const auto state = states.next()) {
      if (state->position < disk.trace().operations.size()) continue;
      const std::string found = state->disk->contents("a");
      RC_ASSERT(resized || found.size() == certain.size());
      const std::size_t both = std::min(found.size(), certain.size());
      for (std::size_t at = 0; at < both; at += kSectorBytes) {
        const std::size_t length = std::min(kSectorBytes, both - at);
        RC_ASSERT(touched.contains(at / kSectorBytes) || found.compare(at, length, certain, at, length) == 0);
      }
    }
  }));
}

}  // namespace
}  // namespace kvstore::env
