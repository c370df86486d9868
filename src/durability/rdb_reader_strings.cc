// The lower half of RdbReader: lengths, and strings in all their encodings.
#include <lzf.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "durability/rdb_format.h"
#include "durability/rdb_reader.h"

namespace kvstore::durability {
namespace {

constexpr int kPlain = -1;
constexpr std::size_t kStringBytesMax = store::Keyspace::kValueBytesMax;
static_assert(store::Keyspace::kKeyBytesMax == kStringBytesMax);
// Strings below this are taken from the input's buffer.
static_assert(store::kLargeValueBytes <= RdbInput::kNeedMax);

}  // namespace

bool RdbReader::read_fixed(unsigned bytes, std::uint64_t& number) {
  if (!input_.need(bytes)) return input_failed();
  number = 0;
  std::memcpy(&number, input_.data(), bytes);  // low byte first, as the machine has it
  input_.skip(bytes);
  return true;
}

bool RdbReader::read_length(std::uint64_t& length, int* encoding) {
  if (!input_.need(1)) return input_failed();
  const std::uint8_t first = input_.take_byte();
  if (encoding != nullptr) *encoding = kPlain;
  switch (first & 0xC0U) {
    case 0:
      length = first;
      return true;
    case kRdbLength14:
      if (!input_.need(1)) return input_failed();
      length = (first & 0x3FU) << 8 | input_.take_byte();
      return true;
    case kRdbEncoded:
      if (encoding == nullptr) return damaged("an encoded value where a length belongs");
      *encoding = first & 0x3F;
      return true;
    default:
      return read_wide_length(first, length);
  }
}

bool RdbReader::read_wide_length(std::uint8_t first, std::uint64_t& length) {
  if (first == kRdbLength32) {
    if (!read_fixed(4, length)) return false;
    length = __builtin_bswap32(static_cast<std::uint32_t>(length));
    return true;
  }
  if (first != kRdbLength64) return damaged("byte " + std::to_string(first) + " begins no length");
  if (!read_fixed(8, length)) return false;
  length = __builtin_bswap64(length);
  return true;
}

bool RdbReader::check_remaining(std::uint64_t size) {
  if (size <= input_.remaining()) return true;
  return damaged("a length of " + std::to_string(size) + " bytes, where the file has only " +
                 std::to_string(input_.remaining()) + " more");
}

bool RdbReader::check_size(std::uint64_t size) {
  if (size <= kStringBytesMax) return true;
  return damaged("a string of " + std::to_string(size) + " bytes: the limit is " + std::to_string(kStringBytesMax));
}

bool RdbReader::read_key() {
  input_.release();
  std::uint64_t size = 0;
  int encoding = kPlain;
  if (!read_length(size, &encoding)) return false;
  key_in_input_ = false;
  if (encoding != kPlain) {
    if (!read_encoded(encoding, key_scratch_)) return false;
    key_size_ = key_scratch_.size();
    return true;
  }
  if (!check_remaining(size) || !check_size(size)) return false;
  key_size_ = size;
  if (size <= RdbInput::kNeedMax) {
    if (!input_.need(size)) return input_failed();
    input_.hold();
    input_.skip(size);
    key_in_input_ = true;
    return true;
  }
  key_scratch_.resize(size);
  return input_.read(key_scratch_.data(), size) || input_failed();
}

bool RdbReader::read_value(std::string_view& value, base::SharedBytesRef& block) {
  std::uint64_t size = 0;
  int encoding = kPlain;
  if (!read_length(size, &encoding)) return false;
  if (encoding != kPlain) {
    if (!read_encoded(encoding, value_scratch_)) return false;
    value = value_scratch_;
    if (value.size() >= store::kLargeValueBytes) {
      block = base::SharedBytesRef::copy_of(value);
      value = block->view();
    }
    return true;
  }
  if (!check_remaining(size) || !check_size(size)) return false;
  if (size < store::kLargeValueBytes) {
    if (!input_.need(size)) return input_failed();
    value = {input_.data(), size};
    input_.skip(size);
    return true;
  }
  block = base::SharedBytesRef::allocate(size, size);
  value = block->view();
  return input_.read(block->data(), size) || input_failed();
}

bool RdbReader::read_string(std::string& to) {
  std::uint64_t size = 0;
  int encoding = kPlain;
  if (!read_length(size, &encoding)) return false;
  if (encoding != kPlain) return read_encoded(encoding, to);
  if (!check_remaining(size) || !check_size(size)) return false;
  to.resize(size);
  return input_.read(to.data(), size) || input_failed();
}

bool RdbReader::read_encoded(int encoding, std::string& to) {
  switch (encoding) {
    case kRdbInt8:
      return read_integer(1, to);
    case kRdbInt16:
      return read_integer(2, to);
    case kRdbInt32:
      return read_integer(4, to);
    case kRdbLzf:
      return read_lzf(to);
    default:
      return damaged("encoding " + std::to_string(encoding) + " of a string is not known");
  }
}

bool RdbReader::read_integer(unsigned bytes, std::string& to) {
  std::uint64_t bits = 0;
  if (!read_fixed(bytes, bits)) return false;
  const unsigned unused = 64 - 8 * bytes;
  const std::int64_t number = static_cast<std::int64_t>(bits << unused) >> unused;  // with its sign
  std::array<char, 24> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  static_cast<void>(error);  // the longest has 11 characters
  to.assign(text.data(), end);
  return true;
}

bool RdbReader::read_lzf(std::string& to) {
  std::uint64_t compressed_size = 0;
  std::uint64_t size = 0;
  if (!read_length(compressed_size) || !read_length(size)) return false;
  if (!check_remaining(compressed_size) || !check_size(size) || !check_size(compressed_size)) return false;
  // Three bytes stand for at most 264, so what is allocated stays in proportion to what is there.
  constexpr std::uint64_t kExpansionMax = 264 / 3;
  if (size == 0 || size > compressed_size * kExpansionMax) return damaged("the compressed data is not valid");
  compressed_scratch_.resize(compressed_size);
  if (!input_.read(compressed_scratch_.data(), compressed_size)) return input_failed();
  to.resize(size);
  const unsigned got = lzf_decompress(compressed_scratch_.data(), static_cast<unsigned>(compressed_size), to.data(),
                                      static_cast<unsigned>(size));
  return got == size || damaged("the compressed data is not valid");
}

}  // namespace kvstore::durability
