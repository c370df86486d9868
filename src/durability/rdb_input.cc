#include "durability/rdb_input.h"

#include <algorithm>

#include "base/assert.h"

namespace kvstore::durability {

RdbInput::RdbInput(RdbSource& source, std::size_t buffer_bytes)
    : source_(source),
      size_(source.size()),
      capacity_(std::max(buffer_bytes, kBufferBytesMin)),
      buffer_(std::make_unique_for_overwrite<char[]>(capacity_)) {}

bool RdbInput::fail_truncated() {
  status_ = Status(StatusCode::kCorruption, "the file ends here, in the middle of a record");
  return false;
}

bool RdbInput::read_some(char* to, std::size_t room, std::size_t& got) {
  Result<std::size_t> result = source_.read({to, room});
  if (!result.ok()) {
    status_ = result.status();
    return false;
  }
  got = result.value();
  KV_ASSERT(got <= room);
  return got > 0 || fail_truncated();
}

bool RdbInput::refill(std::size_t bytes) {
  KV_ASSERT(bytes <= kNeedMax);
  if (bytes > remaining()) return fail_truncated();
  crc_.add({buffer_.get() + crc_from_, pos_ - crc_from_});
  const std::size_t keep_from = std::min(hold_, pos_);
  std::memmove(buffer_.get(), buffer_.get() + keep_from, end_ - keep_from);
  if (hold_ != kNothing) hold_ = 0;
  base_ += keep_from;
  pos_ -= keep_from;
  end_ -= keep_from;
  crc_from_ = pos_;
  KV_ASSERT(bytes <= capacity_ - pos_);
  while (end_ - pos_ < bytes) {
    std::size_t got = 0;
    if (!read_some(buffer_.get() + end_, capacity_ - end_, got)) return false;
    end_ += got;
  }
  return true;
}

bool RdbInput::read(char* to, std::size_t size) {
  constexpr std::size_t kPieceBytes = std::size_t{256} << 10;  // so that the checksum finds it in the cache
  if (size > remaining()) return fail_truncated();
  const std::size_t buffered = std::min(size, end_ - pos_);
  std::memcpy(to, data(), buffered);
  pos_ += buffered;
  if (buffered == size) return true;
  crc_.add({buffer_.get() + crc_from_, pos_ - crc_from_});
  crc_from_ = pos_;
  for (std::size_t done = buffered; done < size;) {
    std::size_t got = 0;
    if (!read_some(to + done, std::min(size - done, kPieceBytes), got)) return false;
    crc_.add({to + done, got});
    done += got;
    base_ += got;
  }
  return true;
}

std::uint64_t RdbInput::checksum() {
  crc_.add({buffer_.get() + crc_from_, pos_ - crc_from_});
  crc_from_ = pos_;
  return crc_.value();
}

}  // namespace kvstore::durability
