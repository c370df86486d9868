// The record layout: sizes that memory figures rest on, and every place where the layout changes.
#include "store/record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/size_class.h"

namespace kvstore::store {
namespace {

TEST(Record, ASixteenByteKeyWithAThirtyTwoByteValueTakes52Bytes) {
  EXPECT_EQ((RecordShape{16, 32}.bytes()), 51U);
  EXPECT_EQ(allocation_size(RecordShape{16, 32}.bytes()), 52U);
}

TEST(Record, HeaderGrowsOnlyWhereALengthNeedsIt) {
  EXPECT_EQ((RecordShape{0, 0}.bytes()), 3U);
  EXPECT_EQ((RecordShape{254, 255}.bytes()), 3U + 254 + 255);
  EXPECT_EQ((RecordShape{254, 256}.bytes()), 4U + 254 + 256);
  EXPECT_EQ((RecordShape{255, 255}.bytes()), 7U + 255 + 255);
  EXPECT_EQ((RecordShape{10, kLargeValueBytes - 1}.bytes()), 4U + 10 + kLargeValueBytes - 1);
  EXPECT_EQ((RecordShape{10, kLargeValueBytes}.bytes()), 2U + 10 + 8);
  EXPECT_EQ((RecordShape{kLargeKeyBytes, 1}.bytes()), 7U + kLargeKeyBytes + 1);
  EXPECT_EQ((RecordShape{kLargeKeyBytes + 1, 1}.bytes()), 7U + 8 + 1);
}

// Writes a record of this shape and reads everything back.
void check_round_trip(std::size_t key_size, std::size_t value_size) {
  SCOPED_TRACE(testing::Message() << key_size << "-byte key, " << value_size << "-byte value");
  const RecordShape shape{key_size, value_size};
  const std::string key(key_size, 'k');
  const std::string value(value_size, 'v');
  const base::SharedBytesRef key_block = base::SharedBytesRef::copy_of(key);
  const base::SharedBytesRef value_block = base::SharedBytesRef::copy_of(value);
  std::vector<char> memory(shape.bytes(), '\xff');
  Record record(memory.data());
  record.write_header(ValueType::kString, shape);
  if (shape.large_key()) {
    record.set_block_at(shape.key_offset(), key_block.get());
  } else {
    key.copy(record.at(shape.key_offset()), key_size);
  }
  if (shape.large_value()) {
    record.set_block_at(shape.value_offset(), value_block.get());
  } else {
    value.copy(record.at(shape.value_offset()), value_size);
  }

  EXPECT_EQ(record.type(), ValueType::kString);
  EXPECT_EQ(record.shape().bytes(), shape.bytes());
  EXPECT_EQ(record.shape().key_offset(), shape.key_offset());
  EXPECT_EQ(record.key(), key);
  EXPECT_EQ(record.value().bytes, value);
  EXPECT_EQ(record.value().block, shape.large_value() ? value_block.get() : nullptr);
  EXPECT_TRUE(record.key_equals(key));
  EXPECT_FALSE(record.key_equals(key + "k"));
  if (!key.empty()) {
    std::string other = key;
    other.back() = 'x';
    EXPECT_FALSE(record.key_equals(other));
    EXPECT_FALSE(record.key_equals(std::string_view(key).substr(1)));
  }
}

TEST(Record, ReadsBackEveryLayout) {
  for (const std::size_t key_size : {0U, 1U, 16U, 254U, 255U, 256U, 4095U, 4096U, 4097U, 70'000U}) {
    for (const std::size_t value_size : {0U, 1U, 32U, 255U, 256U, 8191U, 8192U, 100'000U}) {
      check_round_trip(key_size, value_size);
    }
  }
}

TEST(SizeClass, RoundsUpToAtMostSixPercentMore) {
  for (std::size_t bytes = 1; bytes <= 20'000; ++bytes) {
    const std::size_t size = allocation_size(bytes);
    ASSERT_GE(size, bytes);
    ASSERT_EQ(size % kGranuleBytes, 0U);
    ASSERT_EQ(allocation_size(size), size);
    if (bytes > kExactSizeMax) {
      ASSERT_LE(size - bytes, bytes / 16);
    }
    if (bytes > kAllocationMin && bytes <= kExactSizeMax) {
      ASSERT_LT(size - bytes, kGranuleBytes);
    }
  }
}

// A hole may be longer than its class, never shorter: otherwise an allocation would overrun it.
TEST(SizeClass, AnyHoleOfAClassFitsAnAllocationOfThatClass) {
  std::vector<std::size_t> smallest(kSizeClasses, 0);
  for (std::size_t bytes = kAllocationMin; bytes <= 64 * 1024; bytes += kGranuleBytes) {
    const unsigned size_class = size_class_of(bytes);
    ASSERT_LT(size_class, kSizeClasses);
    if (smallest[size_class] == 0) smallest[size_class] = bytes;
    if (allocation_size(bytes) == bytes) {
      ASSERT_EQ(smallest[size_class], bytes);
    }
  }
}

// Where the new value would need another layout, or where a flag would have to go, a record is written afresh.
TEST(Record, IsOverwrittenInPlaceOnlyByAValueOfTheSameShape) {
  const auto make = [](std::vector<char>& memory, std::size_t key_size, std::size_t value_size) {
    const RecordShape shape{key_size, value_size};
    memory.assign(shape.bytes(), 'o');
    Record record(memory.data());
    record.write_header(ValueType::kString, shape);
    return record;
  };
  std::vector<char> memory;
  for (const std::size_t size : {0U, 1U, 32U, 255U}) {
    Record record = make(memory, 16, size);
    EXPECT_TRUE(record.overwrite(ValueType::kString, std::string(size, 'n')));
    EXPECT_EQ(record.value().bytes, std::string(size, 'n'));
    EXPECT_EQ(record.key(), std::string(16, 'o'));
    EXPECT_FALSE(record.overwrite(ValueType::kString, std::string(size + 1, 'n')));
    EXPECT_FALSE(record.overwrite(static_cast<ValueType>(2), std::string(size, 'n')));
    memory[0] = static_cast<char>(memory[0] | 32);  // a time to live
    EXPECT_FALSE(record.overwrite(ValueType::kString, std::string(size, 'n')));
  }
  EXPECT_FALSE(make(memory, 16, 256).overwrite(ValueType::kString, std::string(256, 'n')));
  EXPECT_FALSE(make(memory, 16, 256).overwrite(ValueType::kString, std::string(0, 'n')));
  EXPECT_FALSE(make(memory, 255, 32).overwrite(ValueType::kString, std::string(32, 'n')));
}

}  // namespace
}  // namespace kvstore::store
