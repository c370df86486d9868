#include "env/memory_directory.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace kvstore::env {
namespace {

std::unique_ptr<File> open(MemoryDirectory& disk, std::string_view name, OpenMode mode,
                           Caching caching = Caching::kBuffered) {
  auto opened = disk.open(name, mode, caching);
  EXPECT_TRUE(opened.ok()) << opened.status().message();
  return std::move(opened).value();
}

std::string text_of(const DiskTrace& trace) {
  std::string all;
  for (const DiskOperation& operation : trace.operations) all += (all.empty() ? "" : ", ") + to_text(operation);
  return all;
}

TEST(MemoryDirectoryTest, KeepsWhatIsWritten) {
  MemoryDirectory disk;
  const auto file = open(disk, "a", OpenMode::kCreate);
  ASSERT_TRUE(file->write(4090, "across two pages").ok());
  ASSERT_TRUE(file->write_durably(0, "start").ok());
  std::string bytes(5000, '?');
  EXPECT_EQ(file->read(0, bytes).value(), 4106U);
  EXPECT_EQ(bytes.substr(0, 6), std::string("start\0", 6));
  EXPECT_EQ(bytes.substr(4090, 16), "across two pages");
  ASSERT_TRUE(file->truncate(4092).ok());
  ASSERT_TRUE(file->truncate(4095).ok());
  EXPECT_EQ(disk.contents("a").substr(4088), std::string("\0\0ac\0\0\0", 7));
  EXPECT_EQ(file->size().value(), 4095U);
  EXPECT_EQ(file->descriptor(), -1);
}

TEST(MemoryDirectoryTest, ModesAndNamesFollowTheContract) {
  MemoryDirectory disk;
  EXPECT_EQ(disk.open("a", OpenMode::kRead, Caching::kBuffered).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(disk.open("a", OpenMode::kReadWrite, Caching::kBuffered).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(disk.open("a/b", OpenMode::kCreate, Caching::kBuffered).status().code(), StatusCode::kIoError);
  disk.put("b", "B");
  disk.put("a", "A");
  EXPECT_EQ(open(disk, "a", OpenMode::kRead)->write(0, "x").code(), StatusCode::kIoError);
  EXPECT_EQ(disk.list().value(), (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(disk.rename("a", "b").ok());
  EXPECT_EQ(disk.contents("b"), "A");
  EXPECT_EQ(disk.rename("a", "b").code(), StatusCode::kNotFound);
  const auto file = open(disk, "b", OpenMode::kReadWrite);
  ASSERT_TRUE(disk.remove("b").ok());
  EXPECT_EQ(disk.remove("b").code(), StatusCode::kNotFound);
  EXPECT_EQ(file->size().value(), 1U);  // it outlives its name
  open(disk, "b", OpenMode::kCreate);
  EXPECT_EQ(disk.contents("b"), "");
}

TEST(MemoryDirectoryTest, DirectFileAssertsAlignment) {
  MemoryDirectory disk;
  const auto file = open(disk, "a", OpenMode::kCreate, Caching::kDirect);
  EXPECT_TRUE(file->direct());
  alignas(File::kDirectAlignment) static const std::array<char, 2 * File::kDirectAlignment> kBytes{};
  EXPECT_TRUE(file->write(0, {kBytes.data(), File::kDirectAlignment}).ok());
  EXPECT_DEATH((void)file->write(1, {kBytes.data(), File::kDirectAlignment}), "kDirectAlignment");
  EXPECT_DEATH((void)file->write(0, {kBytes.data() + 1, File::kDirectAlignment}), "kDirectAlignment");
  EXPECT_DEATH((void)file->write(0, {kBytes.data(), 100}), "kDirectAlignment");
}

TEST(MemoryDirectoryTest, LockKeepsTheSecondHandleOut) {
  auto disk = std::make_unique<MemoryDirectory>();
  const auto second = disk->open_again();
  ASSERT_TRUE(disk->lock("lock").ok());
  EXPECT_EQ(second->lock("lock").code(), StatusCode::kUnavailable);
  EXPECT_TRUE(second->exists("lock"));
  disk.reset();
  EXPECT_TRUE(second->lock("lock").ok());
}

TEST(MemoryDirectoryTest, TraceSaysWhatHappenedInOrder) {
  MemoryDirectory disk;
  disk.put("old", "x");
  disk.start_trace();
  const auto file = open(disk, "a", OpenMode::kCreate);
  ASSERT_TRUE(file->write(10, "abc").ok());
  ASSERT_TRUE(file->sync().ok());
  disk.note("switch");
  ASSERT_TRUE(disk.rename("a", "b").ok());
  ASSERT_TRUE(file->write_durably(0, "z").ok());
  ASSERT_TRUE(disk.remove("old").ok());
  ASSERT_TRUE(disk.sync().ok());
  disk.note_acknowledged(7);
  ASSERT_TRUE(file->truncate(2).ok());
  EXPECT_EQ(text_of(disk.trace()),
            "create a, write a 10+3, sync a, note switch, rename a to b, write a 0+1, durable a 0+1, remove old, "
            "sync directory, acknowledge 7, truncate a to 2");
}

TEST(MemoryDirectoryTest, AfterKillEverythingWrittenIsThereAndTheTraceGoesOn) {
  MemoryDirectory disk;
  disk.start_trace();
  const auto file = open(disk, "a", OpenMode::kCreate);
  ASSERT_TRUE(disk.lock("lock").ok());
  ASSERT_TRUE(file->write(0, "before").ok());
  const auto after = disk.after_kill();
  ASSERT_TRUE(file->write(0, "late..").ok());
  EXPECT_EQ(after->contents("a"), "before");
  EXPECT_TRUE(after->lock("lock").ok());
  ASSERT_TRUE(after->sync().ok());
  EXPECT_EQ(text_of(after->trace()), "create a, create lock, write a 0+6, sync directory");
}

// Any sequence of writes and sizes gives what a plain string gives, and a copy taken on the way stays as it was.
TEST(PagedBytesTest, EqualsAPlainString) {
  EXPECT_TRUE(rc::check([] {
    PagedBytes paged;
    std::string plain;
    PagedBytes copy;
    std::string plain_copy;
    const int steps = *rc::gen::inRange(1, 12);
    for (int i = 0; i < steps; ++i) {
      const auto offset = *rc::gen::elementOf(std::vector<std::size_t>{0, 1, 511, 4095, 4096, 5000, 262'143, 262'144});
      const auto length = *rc::gen::elementOf(std::vector<std::size_t>{0, 1, 512, 4096, 4097, 9000, 270'000});
      switch (*rc::gen::inRange(0, 4)) {
        case 0:
          paged.resize(offset + length);
          plain.resize(offset + length);
          break;
        case 1:
          copy = paged;
          plain_copy = plain;
          break;
        default: {
          const std::string bytes(length, *rc::gen::elementOf(std::string("\0ab", 3)));
          paged.write(offset, bytes);
          if (length > 0 && plain.size() < offset + length) plain.resize(offset + length);
          if (length > 0) plain.replace(offset, length, bytes);
        }
      }
    }
    const auto read_all = [](const PagedBytes& from) {
      std::string bytes(from.size() + 10, '?');
      bytes.resize(from.read(0, bytes));
      return bytes;
    };
    RC_ASSERT(read_all(paged) == plain);
    RC_ASSERT(read_all(copy) == plain_copy);
    std::string middle(100, '?');
    middle.resize(paged.read(4050, middle));
    RC_ASSERT(middle == (plain.size() > 4050 ? plain.substr(4050, 100) : ""));
  }));
}

}  // namespace
}  // namespace kvstore::env
