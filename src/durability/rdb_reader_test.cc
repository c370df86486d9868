#include "durability/rdb_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lzf.h>
#include <rapidcheck.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "durability/rdb_for_tests.h"
#include "store/store_for_tests.h"

namespace kvstore::durability {
namespace {

using store::make_value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using namespace std::string_literals;

const std::string kId = "0123456789abcdef0123456789abcdef";

void expect_refused(const std::string& bytes, StatusCode code, const std::string& words) {
  for (const std::size_t piece : {~std::size_t{0}, std::size_t{1}}) {
    const RdbContents contents = read_rdb(bytes, piece, 1'000'000);
    EXPECT_EQ(contents.status.code(), code) << contents.status.message();
    EXPECT_THAT(contents.status.message(), HasSubstr(words));
    EXPECT_THAT(contents.status.message(), HasSubstr("test.rdb, offset "));
  }
}

std::string lzf(std::string_view text) {
  std::string compressed(text.size() + 64, '\0');
  const unsigned size = lzf_compress(text.data(), static_cast<unsigned>(text.size()), compressed.data(),
                                     static_cast<unsigned>(compressed.size()));
  EXPECT_GT(size, 0U);
  compressed.resize(size);
  char length[kRdbLengthBytesMax];
  const std::string original(length, static_cast<std::size_t>(rdb_put_length(length, text.size()) - length));
  return "\xc3" + std::string(length, static_cast<std::size_t>(rdb_put_length(length, size) - length)) + original +
         compressed;
}

TEST(RdbReader, ReadsBackWhatWasEncoded) {
  using Key = std::tuple<std::uint8_t, std::string, std::string>;
  EXPECT_TRUE(rc::check([](const std::vector<Key>& keys, std::uint8_t piece) {
    RdbBuilder file;
    RdbKeys expected;
    for (const auto& [db, key, value] : keys) {
      file.select(db % 16).key(key, value);
      expected[{db % 16, key}] = value;
    }
    const RdbContents contents = read_rdb(file.end(), std::size_t{piece} + 1);
    RC_ASSERT(contents.status.ok());
    RC_ASSERT(contents.keys == expected);
  }));
}

TEST(RdbReader, ReadsStringsOfEverySizeAtEveryBoundary) {
  RdbBuilder file;
  RdbKeys expected;
  unsigned seed = 0;
  for (const std::size_t size :
       {0, 1, 63, 64, 8'191, 8'192, 16'383, 16'384, 16'385, 65'535, 65'536, 65'537, 200'000, 1'000'000}) {
    const std::string text = make_value(size, ++seed);
    file.key(text, "v").key(text + "k", text);
    expected[{0, text}] = "v";
    expected[{0, text + "k"}] = text;
  }
  for (const std::size_t piece : {~std::size_t{0}, std::size_t{65'536}, std::size_t{4'093}}) {
    const RdbContents contents = read_rdb(file.end(), piece);
    ASSERT_TRUE(contents.status.ok()) << contents.status.message();
    EXPECT_TRUE(contents.keys == expected) << piece;
  }
}

TEST(RdbReader, GivesLargeValuesInABlock) {
  const std::string file = RdbBuilder()
                               .key("small", make_value(store::kLargeValueBytes - 1, 1))
                               .key("large", make_value(store::kLargeValueBytes, 2))
                               .raw("\x00\x04pack"s + lzf(std::string(store::kLargeValueBytes, 'x')))
                               .end();
  RdbBytesSource source(file);
  RdbReader reader(source, {});
  ASSERT_TRUE(reader.open().ok());
  RdbEntry entry;
  ASSERT_TRUE(reader.next(entry));
  EXPECT_FALSE(entry.block);
  ASSERT_TRUE(reader.next(entry));
  ASSERT_TRUE(entry.block);
  EXPECT_EQ(entry.value.data(), entry.block->data());
  EXPECT_EQ(entry.value, make_value(store::kLargeValueBytes, 2));
  ASSERT_TRUE(reader.next(entry));
  ASSERT_TRUE(entry.block);
  EXPECT_EQ(entry.value, std::string(store::kLargeValueBytes, 'x'));
  EXPECT_FALSE(reader.next(entry));
  EXPECT_TRUE(reader.status().ok());
}

TEST(RdbReader, TurnsIntegersIntoDecimalText) {
  const std::string file = RdbBuilder()
                               .raw(
                                   "\x00\x01"
                                   "a\xc0\x80"s)
                               .raw(
                                   "\x00\x01"
                                   "b\xc0\x7f"s)
                               .raw(
                                   "\x00\x01"
                                   "c\xc1\x00\x80"s)
                               .raw(
                                   "\x00\x01"
                                   "d\xc1\xd2\x04"s)
                               .raw(
                                   "\x00\x01"
                                   "e\xc2\x00\x00\x00\x80"s)
                               .raw(
                                   "\x00\xc2\xff\xff\xff\x7f\x01"
                                   "f"s)
                               .end();
  const RdbContents contents = read_rdb(file);
  ASSERT_TRUE(contents.status.ok()) << contents.status.message();
  EXPECT_THAT(contents.keys,
              ElementsAre(Pair(Pair(0, "2147483647"), "f"), Pair(Pair(0, "a"), "-128"), Pair(Pair(0, "b"), "127"),
                          Pair(Pair(0, "c"), "-32768"), Pair(Pair(0, "d"), "1234"), Pair(Pair(0, "e"), "-2147483648")));
}

TEST(RdbReader, ReadsLongFormsOfShortLengths) {
  const std::string file = RdbBuilder()
                               .raw(
                                   "\x00\x40\x01"
                                   "a\x80\x00\x00\x00\x01x"s)
                               .raw(
                                   "\x00\x81\x00\x00\x00\x00\x00\x00\x00\x01"
                                   "b\x01y"s)
                               .end();
  const RdbContents contents = read_rdb(file);
  ASSERT_TRUE(contents.status.ok()) << contents.status.message();
  EXPECT_THAT(contents.keys, ElementsAre(Pair(Pair(0, "a"), "x"), Pair(Pair(0, "b"), "y")));
}

TEST(RdbReader, Decompresses) {
  const std::string text = std::string(500, 'a') + make_value(300, 7) + std::string(500, 'b');
  const std::string file = RdbBuilder().raw("\0"s + lzf(text) + lzf(text + text)).end();
  for (const std::size_t piece : {~std::size_t{0}, std::size_t{1}}) {
    const RdbContents contents = read_rdb(file, piece);
    ASSERT_TRUE(contents.status.ok()) << contents.status.message();
    EXPECT_THAT(contents.keys, ElementsAre(Pair(Pair(0, text), text + text)));
  }
}

TEST(RdbReader, SkipsHintsAndForeignFields) {
  const std::string file = RdbBuilder("REDIS0012")
                               .aux("redis-bits", "64")
                               .raw("\xfa\x03ttl\xc0\x10"s)
                               .select(3)
                               .raw("\xfb\x05\x00"s)
                               .raw("\xf4\x01\x02\x03"s)
                               .raw("\xf8\x41\x00"s)
                               .key("idle", "1")
                               .raw("\xf9\xff"s)
                               .key("used", "2")
                               .end();
  const RdbContents contents = read_rdb(file);
  ASSERT_TRUE(contents.status.ok()) << contents.status.message();
  EXPECT_THAT(contents.keys, ElementsAre(Pair(Pair(3, "idle"), "1"), Pair(Pair(3, "used"), "2")));
  EXPECT_FALSE(contents.info.lsn.has_value());
}

TEST(RdbReader, DropsWhatExpiredAndRefusesWhatLives) {
  const auto seconds = "\xfd\x0a\x00\x00\x00"s;                   // 10 s
  const auto ms = "\xfc\x10\x27\x00\x00\x00\x00\x00\x00"s;        // 10,000 ms
  const auto long_ago = "\xfc\xff\xff\xff\xff\xff\xff\xff\xff"s;  // -1 ms
  const std::string file =
      RdbBuilder().raw(seconds).key("a", "1").raw(ms).key("b", "2").raw(long_ago).key("c", "3").key("d", "4").end();
  const RdbContents later = read_rdb(file, ~std::size_t{0}, 10'001);
  ASSERT_TRUE(later.status.ok()) << later.status.message();
  EXPECT_THAT(later.keys, ElementsAre(Pair(Pair(0, "d"), "4")));
  EXPECT_EQ(later.expired, 3U);
  const RdbContents now = read_rdb(file, ~std::size_t{0}, 10'000);
  EXPECT_EQ(now.status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(now.status.message(), HasSubstr("key \"a\" in database 0 expires at 10000 ms, and this version has no"));
}

TEST(RdbReader, CountsExpiredKeysAmongThoseOfTheFile) {
  const std::string file =
      RdbBuilder().aux("kvstore-keys", "2").raw("\xfd\x0a\x00\x00\x00"s).key("a", "1").key("b", "2").end();
  EXPECT_TRUE(read_rdb(file, 100, 1'000'000).status.ok());
}

TEST(RdbReader, ReadsVersionsOneToTwelveAndValkeys80) {
  for (const char* header : {"REDIS0001", "REDIS0002", "REDIS0003", "REDIS0004"}) {  // they have no checksum
    EXPECT_TRUE(read_rdb(RdbBuilder(header).key("a", "1").raw("\xff").bytes()).status.ok()) << header;
  }
  for (const char* header : {"REDIS0005", "REDIS0009", "REDIS0011", "REDIS0012", "VALKEY080"}) {
    EXPECT_TRUE(read_rdb(RdbBuilder(header).key("a", "1").end()).status.ok()) << header;
  }
}

TEST(RdbReader, RefusesOtherFiles) {
  for (const char* header : {"", "REDIS", "REDIS001", "RADIS0010", "REDIS00x0", "VALKEY-80", "redis0010"}) {
    expect_refused(header + ""s, StatusCode::kCorruption, "this is not a Redis or Valkey database file");
  }
  for (const char* header : {"REDIS0000", "REDIS0013", "REDIS0080", "VALKEY010", "VALKEY079", "VALKEY081"}) {
    expect_refused(RdbBuilder(header).end(), StatusCode::kInvalidArgument,
                   "of the file format: this version reads 1 to 12, and Valkey's 80");
  }
}

TEST(RdbReader, RefusesAWrongChecksum) {
  std::string file = RdbBuilder().key("a", "1").end();
  file.back() = static_cast<char>(file.back() ^ 1);
  expect_refused(file, StatusCode::kCorruption, ", but that of the bytes before it is ");
}

TEST(RdbReader, AcceptsAnUncheckedFileOnlyOfOthers) {
  const std::string zeros = "\xff"s + std::string(8, '\0');
  EXPECT_TRUE(read_rdb(RdbBuilder().key("a", "1").bytes() + zeros).status.ok());
  expect_refused(RdbBuilder().aux("kvstore-lsn", "17").key("a", "1").bytes() + zeros, StatusCode::kCorruption,
                 "the checksum is 0000000000000000, but");
}

TEST(RdbReader, RefusesBytesBehindTheChecksum) {
  expect_refused(RdbBuilder().key("a", "1").end() + "xy", StatusCode::kCorruption, "2 bytes follow the checksum");
}

TEST(RdbReader, RefusesEveryTruncation) {
  const std::string file = RdbBuilder()
                               .aux("redis-ver", "7.0.0")
                               .select(1)
                               .key("key", make_value(100, 1))
                               .raw("\x00\xc1\x01\x01"s + lzf(std::string(100, 'x')))
                               .raw("\xfd\x0a\x00\x00\x00"s)
                               .key("k", make_value(20'000, 2))
                               .end();
  for (std::size_t size = 0; size < file.size(); ++size) {
    const RdbContents contents = read_rdb(std::string_view(file).substr(0, size), ~std::size_t{0}, 1'000'000);
    EXPECT_EQ(contents.status.code(), StatusCode::kCorruption) << size;
  }
}

TEST(RdbReader, FindsEveryFlippedBit) {
  const std::string file =
      RdbBuilder().aux("kvstore-lsn", "17").aux("kvstore-keys", "2").select(1).key("key", "value").key("b", "").end();
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(read_rdb(damaged).status.ok()) << "bit " << bit;
  }
}

TEST(RdbReader, AllocatesNothingByADeclaredLength) {
  const std::string huge = "\x81\x00\x00\x00\x00\x20\x00\x00\x00"s;  // 512 MiB
  const std::string endless = "\x81\xff\xff\xff\xff\xff\xff\xff\xff"s;
  for (const std::string& length : {huge, endless}) {
    expect_refused(RdbBuilder().raw("\0"s + length).end(), StatusCode::kCorruption, "bytes, where the file has only 9");
    expect_refused(RdbBuilder().raw("\x00\x01k"s + length).end(), StatusCode::kCorruption,
                   "key \"k\" in database 0: a length of ");
    expect_refused(RdbBuilder().raw("\xfa"s + length).end(), StatusCode::kCorruption, "bytes, where the file has only");
    expect_refused(RdbBuilder().raw("\x00\x01k\xc3"s + length + "\x05").end(), StatusCode::kCorruption,
                   "bytes, where the file has only");
  }
  // Three compressed bytes that claim to be 512 MiB.
  expect_refused(RdbBuilder().raw("\x00\x01k\xc3\x03"s + huge + "\xe0\xff\x00"s).end(), StatusCode::kCorruption,
                 "the compressed data is not valid");
}

TEST(RdbReader, RefusesInvalidCompressedData) {
  for (const std::string& data : {"\xc3\x00\x05"s, "\xc3\x02\x00\x00x"s, "\xc3\x02\x05\x00x"s, "\xc3\x02\x01\x05x"s,
                                  "\xc3\x02\x03\x20\x00"s, "\xc3\x03\x04\xe0\xff\x00"s}) {
    expect_refused(RdbBuilder().raw("\x00\x01k"s + data).end(), StatusCode::kCorruption,
                   "key \"k\" in database 0: the compressed data is not valid");
  }
}

TEST(RdbReader, RefusesWhatIsNoLengthOrEncoding) {
  expect_refused(RdbBuilder().raw("\xfe\xc0\x01"s).end(), StatusCode::kCorruption,
                 "an encoded value where a length belongs");
  expect_refused(RdbBuilder().raw("\xfe\x82"s).end(), StatusCode::kCorruption, "begins no length");
  expect_refused(RdbBuilder().raw("\x00\xc4"s).end(), StatusCode::kCorruption, "encoding 4 of a string is not known");
  expect_refused(RdbBuilder().raw("\xc8"s).end(), StatusCode::kCorruption, "byte 0xc8 is neither a type nor an opcode");
  expect_refused(RdbBuilder().raw("\xf3"s).end(), StatusCode::kCorruption, "byte 0xf3 is neither a type nor an opcode");
}

TEST(RdbReader, RefusesOtherTypesByNameAndKey) {
  const std::pair<std::uint8_t, std::string> types[] = {{1, "a list"},
                                                        {10, "a list"},
                                                        {14, "a list"},
                                                        {18, "a list"},
                                                        {2, "a set"},
                                                        {11, "a set"},
                                                        {20, "a set"},
                                                        {3, "a sorted set"},
                                                        {5, "a sorted set"},
                                                        {12, "a sorted set"},
                                                        {17, "a sorted set"},
                                                        {4, "a hash"},
                                                        {9, "a hash"},
                                                        {13, "a hash"},
                                                        {16, "a hash"},
                                                        {15, "a stream"},
                                                        {19, "a stream"},
                                                        {21, "a stream"},
                                                        {6, "a module's value"},
                                                        {7, "a module's value"},
                                                        {24, "a hash with expiring fields"}};
  for (const auto& [type, name] : types) {
    expect_refused(RdbBuilder().select(2).raw(std::string(1, static_cast<char>(type))).string("x\n\"").raw("\1").end(),
                   StatusCode::kInvalidArgument,
                   "key \"x\\x0a\\\"\" in database 2 holds " + name + ", which this version cannot load");
  }
}

TEST(RdbReader, RefusesWhatItCannotKeep) {
  expect_refused(RdbBuilder().raw("\xfe\x10"s).end(), StatusCode::kInvalidArgument,
                 "database 16: this version has 0 to 15");
  expect_refused(RdbBuilder().raw("\xf5\x01x"s).end(), StatusCode::kInvalidArgument, "a function library");
  expect_refused(RdbBuilder().raw("\xf7\x01x"s).end(), StatusCode::kInvalidArgument, "a module's data");
  expect_refused(RdbBuilder("VALKEY080").raw("\xf3\x01x"s).end(), StatusCode::kInvalidArgument, "the import of a slot");
}

TEST(RdbReader, ChecksOurFields) {
  EXPECT_TRUE(read_rdb(RdbBuilder().aux("kvstore-database-id", kId).end()).status.ok());
  for (const std::string& id : {kId.substr(1), kId + "0", "g" + kId.substr(1)}) {
    expect_refused(RdbBuilder().aux("kvstore-database-id", id).end(), StatusCode::kCorruption,
                   "kvstore-database-id is not 32 hex digits");
  }
  for (const char* number : {"", "-1", "+1", " 1", "1x", "18446744073709551616"}) {
    expect_refused(RdbBuilder().aux("kvstore-lsn", number).end(), StatusCode::kCorruption,
                   "kvstore-lsn is not a number: \""s + number + "\"");
  }
  expect_refused(RdbBuilder().aux("kvstore-keys", "2").key("a", "1").end(), StatusCode::kCorruption,
                 "the file holds 1 keys, but says that there are 2");
}

class FailingSource final : public RdbSource {
 public:
  [[nodiscard]] Result<std::size_t> read(std::span<char>) override { return Status(StatusCode::kIoError, "no luck"); }
  [[nodiscard]] std::uint64_t size() const override { return 1'000; }
  [[nodiscard]] const std::string& name() const override { return name_; }

 private:
  std::string name_ = "test.rdb";
};

TEST(RdbReader, PassesOnWhyReadingFailed) {
  FailingSource source;
  RdbReader reader(source, {});
  const Status status = reader.open();
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_THAT(status.message(), HasSubstr("no luck"));
}

TEST(RdbReader, NoticesAFileThatShrank) {
  class Shrinking final : public RdbSource {
   public:
    [[nodiscard]] Result<std::size_t> read(std::span<char> to) override {
      const std::string_view bytes = calls_++ == 0 ? "REDIS0010" : "";
      std::copy(bytes.begin(), bytes.end(), to.begin());
      return bytes.size();
    }
    [[nodiscard]] std::uint64_t size() const override { return 1'000; }
    [[nodiscard]] const std::string& name() const override { return name_; }

   private:
    int calls_ = 0;
    std::string name_ = "test.rdb";
  };
  Shrinking source;
  RdbReader reader(source, {});
  ASSERT_TRUE(reader.open().ok());
  RdbEntry entry;
  EXPECT_FALSE(reader.next(entry));
  EXPECT_EQ(reader.status().code(), StatusCode::kCorruption);
  EXPECT_FALSE(reader.next(entry));
}

}  // namespace
}  // namespace kvstore::durability
