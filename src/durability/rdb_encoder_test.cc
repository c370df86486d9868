#include "durability/rdb_encoder.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdint>
#include <string>
#include <vector>

#include "durability/rdb_for_tests.h"

namespace kvstore::durability {
namespace {

TEST(Crc64, IsTheOneOfTheFormat) {
  Crc64 crc;
  EXPECT_EQ(crc.value(), 0U);
  crc.add("123456789");
  EXPECT_EQ(crc.value(), 0xe9c6d914c4b8d9caU);
}

TEST(Crc64, IsTheSameInPieces) {
  std::string bytes(3'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 37 + (i >> 7));
  Crc64 whole;
  whole.add(bytes);
  EXPECT_TRUE(rc::check([&](const std::vector<std::uint8_t>& cuts) {
    Crc64 pieces;
    std::string_view rest = bytes;
    for (const std::uint8_t cut : cuts) {
      pieces.add(rest.substr(0, cut));
      rest.remove_prefix(std::min<std::size_t>(cut, rest.size()));
    }
    pieces.add(rest);
    RC_ASSERT(pieces.value() == whole.value());
  }));
}

std::string length_bytes(std::uint64_t length) {
  char bytes[kRdbLengthBytesMax];
  return {bytes, static_cast<std::size_t>(rdb_put_length(bytes, length) - bytes)};
}

TEST(RdbEncoder, WritesEachLengthInItsShortestForm) {
  EXPECT_EQ(length_bytes(0), std::string("\x00", 1));
  EXPECT_EQ(length_bytes(63), "\x3f");
  EXPECT_EQ(length_bytes(64), "\x40\x40");
  EXPECT_EQ(length_bytes(16'383), "\x7f\xff");
  EXPECT_EQ(length_bytes(16'384), std::string("\x80\x00\x00\x40\x00", 5));
  EXPECT_EQ(length_bytes(UINT32_MAX), "\x80\xff\xff\xff\xff");
  EXPECT_EQ(length_bytes(std::uint64_t{1} << 32), std::string("\x81\x00\x00\x00\x01\x00\x00\x00\x00", 9));
}

TEST(RdbEncoder, WritesOnlyWhatItSays) {
  for (std::size_t size = 0; size < 100; ++size) {
    const std::string key(size, 'k');
    const std::string value(99 - size, 'v');
    std::string buffer(rdb_key_header_bytes_max(key.size()) + value.size() + 1, '#');
    const char* end = rdb_put_key(buffer.data(), key, value);
    const std::string expected = RdbBuilder("").key(key, value).bytes();
    EXPECT_EQ(std::string(buffer.data(), static_cast<std::size_t>(end - buffer.data())), expected);
    EXPECT_EQ(buffer.substr(expected.size()), std::string(buffer.size() - expected.size(), '#'));
  }
}

TEST(RdbEncoder, HeaderSaysWhatTheReaderReads) {
  const SnapshotInfo info{.version = "1.2.3",
                          .database_id = "0123456789abcdef0123456789abcdef",
                          .created_s = 1'700'000'000,
                          .lsn = UINT64_MAX,
                          .keys = 0};
  Crc64 crc;
  const std::string header = rdb_header(info);
  crc.add(header);
  const RdbContents contents = read_rdb(header + rdb_footer(crc));
  ASSERT_TRUE(contents.status.ok()) << contents.status.message();
  EXPECT_EQ(contents.info.format_version, 10U);
  EXPECT_EQ(contents.info.redis_version, "7.0.0");
  EXPECT_EQ(contents.info.version, info.version);
  EXPECT_EQ(contents.info.database_id, info.database_id);
  EXPECT_EQ(contents.info.created_s, info.created_s);
  EXPECT_EQ(contents.info.lsn, info.lsn);
  EXPECT_EQ(contents.info.keys, 0U);
}

}  // namespace
}  // namespace kvstore::durability
