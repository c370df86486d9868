// The arena against a list of what is in it: nothing overlaps, holes are found by walking, compaction keeps them few.
#include "store/arena.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <string>
#include <vector>

namespace kvstore::store {
namespace {

// An arena with real records in it, each remembered with the size and a pattern of its value.
class Records {
 public:
  void add(std::size_t value_size) {
    const RecordShape shape{4, value_size};
    const Arena::Handle handle = arena.allocate(allocation_size(shape.bytes()));
    Record record(arena.at(handle));
    record.write_header(ValueType::kString, shape);
    const std::string value(value_size, static_cast<char>(next_));
    value.copy(record.at(shape.value_offset()), value_size);
    const auto [it, added] = expected.emplace(handle, value);
    ASSERT_TRUE(added);
    ++next_;
  }
  void remove(std::size_t position) {
    remove(std::next(expected.begin(), static_cast<std::ptrdiff_t>(position % expected.size())));
  }
  void remove_every_second() {
    for (auto it = expected.begin(); it != expected.end(); ++it) {
      it = remove(it);
      if (it == expected.end()) return;
    }
  }
  void compact() {
    std::vector<Arena::Handle> announced;
    arena.compact([&](unsigned, Arena::Handle from) { announced.push_back(from); },
                  [&](unsigned i, Arena::Handle from, Arena::Handle to) {
                    KV_ASSERT(announced.at(i) == from);
                    auto moved = expected.extract(from);
                    KV_ASSERT(!moved.empty() && !expected.contains(to));
                    moved.key() = to;
                    expected.insert(std::move(moved));
                  });
  }
  // Walks all blocks: the records found are exactly the expected ones, with their bytes.
  void check() const {
    std::size_t found = 0;
    arena.check([&](const Arena::Item& item) {
      if (item.hole) return;
      ++found;
      const auto it = expected.find(item.handle);
      KV_ASSERT(it != expected.end());
      KV_ASSERT(Record(arena.at(item.handle)).value().bytes == it->second);
    });
    KV_ASSERT(found == expected.size());
  }

  PagePool pool;
  Arena arena{pool};
  std::map<Arena::Handle, std::string> expected;

 private:
  using Position = std::map<Arena::Handle, std::string>::iterator;

  Position remove(Position record) {
    arena.free(record->first, allocation_size(RecordShape{4, record->second.size()}.bytes()));
    return expected.erase(record);
  }

  unsigned next_ = 0;
};

TEST(Arena, KeepsItsInvariantsUnderAnySequence) {
  EXPECT_TRUE(rc::check([] {
    Records records;
    const int steps = *rc::gen::inRange(0, 600);
    const auto size_max = *rc::gen::element<std::size_t>(40, 600, kLargeValueBytes - 1);
    for (int i = 0; i < steps; ++i) {
      switch (*rc::gen::weightedElement<int>({{5, 0}, {3, 1}, {2, 2}})) {
        case 0:
          records.add(*rc::gen::inRange<std::size_t>(0, size_max));
          break;
        case 1:
          if (!records.expected.empty()) records.remove(*rc::gen::arbitrary<std::size_t>());
          break;
        default:
          records.compact();
      }
    }
    records.check();
  }));
}

TEST(Arena, ReusesAHoleOfTheSameSize) {
  Records records;
  for (int i = 0; i < 100; ++i) records.add(32);
  const Arena::Handle freed = std::next(records.expected.begin(), 50)->first;
  records.remove(50);
  EXPECT_GT(records.arena.hole_bytes(), 0U);
  records.add(32);
  EXPECT_TRUE(records.expected.contains(freed));
  EXPECT_EQ(records.arena.hole_bytes(), 0U);
  records.check();
}

// Without cutting larger holes, records that shrink would need new blocks while old ones stand half empty.
TEST(Arena, CutsALargerHoleBeforeItBeginsABlock) {
  Records records;
  while (records.arena.live_bytes() + records.arena.hole_bytes() < 3 * Arena::kBlockBytes - 4096) records.add(2000);
  const std::size_t in_use = records.arena.live_bytes() + records.arena.hole_bytes();
  for (int i = 0; i < 20; ++i) records.remove(0);
  for (int i = 0; i < 600; ++i) records.add(20);
  EXPECT_LE(records.arena.live_bytes() + records.arena.hole_bytes(), in_use + 4096);
  records.check();
}

TEST(Arena, CompactionEmptiesBlocksForOtherSizes) {
  Records records;
  for (int i = 0; i < 40'000; ++i) records.add(40);
  records.remove_every_second();
  records.check();
  const std::size_t before = records.arena.hole_bytes();
  for (int i = 0; i < 40'000 && records.arena.wants_compaction(16); ++i) records.compact();
  EXPECT_LT(records.arena.hole_bytes(), before / 4);
  EXPECT_FALSE(records.arena.wants_compaction(16));
  EXPECT_TRUE(records.arena.has_chunk_to_give());
  records.check();
}

TEST(Arena, ReleasedBlocksAreUsedAgain) {
  Records records;
  for (int i = 0; i < 20'000; ++i) records.add(40);
  while (!records.expected.empty()) records.remove(0);
  for (int i = 0; i < 20'000 && records.arena.wants_compaction(16); ++i) records.compact();
  int released = 0;
  while (records.arena.has_chunk_to_give()) {
    records.pool.give(records.arena.take_free_chunk());
    ++released;
  }
  EXPECT_GE(released, 5);
  for (int i = 0; i < 20'000; ++i) records.add(41);
  EXPECT_LT(records.expected.rbegin()->first, 24 * Arena::kBlockBytes / kGranuleBytes);
  records.check();
}

// Were some kept for the next writes, every shard would keep them.
TEST(Arena, GivesAllFreeBlocksBack) {
  const auto blocks_in_use = [](const Arena& arena) {
    return (arena.live_bytes() + arena.hole_bytes() + Arena::kBlockBytes - 1) / Arena::kBlockBytes;
  };
  Records records;
  while (records.arena.live_bytes() < 100 * Arena::kBlockBytes) records.add(200);
  const std::size_t most = blocks_in_use(records.arena);
  while (!records.expected.empty()) records.remove(0);
  for (int i = 0; i < 200'000 && records.arena.wants_compaction(16); ++i) records.compact();
  std::size_t given = 0;
  for (; records.arena.has_chunk_to_give(); ++given) records.pool.give(records.arena.take_free_chunk());
  EXPECT_EQ(given + blocks_in_use(records.arena), most);
}

// Six records of 9.5 KB fill 57 of 64 KB; moving them to another block wins nothing, however often it is done.
TEST(Arena, StopsCompactingWhenNothingIsWon) {
  Records records;
  for (int i = 0; i < 500; ++i) {
    const RecordShape shape{4096, 5600};
    const Arena::Handle handle = records.arena.allocate(allocation_size(shape.bytes()));
    Record(records.arena.at(handle)).write_header(ValueType::kString, shape);
  }
  EXPECT_TRUE(records.arena.wants_compaction(16));
  int slices = 0;
  while (records.arena.wants_compaction(16) && slices < 2000) {
    records.arena.compact([](unsigned, Arena::Handle) {}, [](unsigned, Arena::Handle, Arena::Handle) {});
    ++slices;
  }
  EXPECT_LT(slices, 2000);
}

}  // namespace
}  // namespace kvstore::store
