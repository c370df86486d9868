#include "durability/snapshot_file.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/seeded_bug.h"
#include "durability/rdb_encoder.h"

namespace kvstore::durability {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::steady_clock;

SnapshotFile::Buffer SnapshotFile::aligned_buffer() {
  Buffer buffer(static_cast<char*>(std::aligned_alloc(env::File::kDirectAlignment, kBufferBytes)));
  KV_ASSERT(buffer != nullptr);
  return buffer;
}

SnapshotFile::SnapshotFile(env::Directory& directory, std::string name, std::unique_ptr<env::File> file,
                           AfterPiece after_piece)
    : directory_(directory),
      name_(std::move(name)),
      after_piece_(std::move(after_piece)),
      file_(std::move(file)),
      buffer_(aligned_buffer()) {}

Result<std::unique_ptr<SnapshotFile>> SnapshotFile::create(env::Directory& directory, std::string name,
                                                           AfterPiece after_piece) {
  Result<std::unique_ptr<env::File>> file = directory.open(name, env::OpenMode::kCreate, env::Caching::kDirect);
  if (!file.ok()) return file.status();
  return std::unique_ptr<SnapshotFile>(
      new SnapshotFile(directory, std::move(name), std::move(file).value(), std::move(after_piece)));
}

void SnapshotFile::add_to_checksum() {
  crc_.add({buffer_.get() + summed_, used_ - summed_});
  summed_ = used_;
}

Status SnapshotFile::flush() {
  add_to_checksum();
  for (std::size_t at = 0; at < used_; at += kPieceBytes) {
    const steady_clock::time_point begin = steady_clock::now();
    const std::string_view piece(buffer_.get() + at, std::min(kPieceBytes, used_ - at));
    if (Status status = file_->write(offset_ + at, piece); !status.ok()) return status;
    if (after_piece_) after_piece_(duration_cast<microseconds>(steady_clock::now() - begin));
  }
  offset_ += used_;
  used_ = 0;
  summed_ = 0;
  return {};
}

Status SnapshotFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), kBufferBytes - used_);
    std::memcpy(buffer_.get() + used_, bytes.data(), size);
    used_ += size;
    bytes.remove_prefix(size);
    if (used_ < kBufferBytes) continue;
    if (Status status = flush(); !status.ok()) return status;
  }
  return {};
}

Status SnapshotFile::finish() {
  add_to_checksum();
  if (Status status = append(rdb_footer(crc_)); !status.ok()) return status;
  const std::uint64_t size = this->size();
  if (file_->direct()) {
    // Whole pages only: zeros up to the end of the last one, which are then cut off.
    const std::size_t whole = (used_ + env::File::kDirectAlignment - 1) & ~(env::File::kDirectAlignment - 1);
    std::memset(buffer_.get() + used_, 0, whole - used_);
    if (Status status = file_->write(offset_, {buffer_.get(), whole}); !status.ok()) return status;
    if (Status status = file_->truncate(size); !status.ok()) return status;
  } else if (Status status = file_->write(offset_, {buffer_.get(), used_}); !status.ok()) {
    return status;
  }
  if (KV_SEEDED_BUG(snapshot_not_synced)) return {};
  return file_->sync();
}

Status SnapshotFile::verify() {
  const auto differs = [this](const std::string& what) {
    return Status(StatusCode::kCorruption, name_ + " in " + directory_.path() + " was written and synced, but " + what);
  };
  Result<std::unique_ptr<env::File>> file = directory_.open(name_, env::OpenMode::kRead, env::Caching::kDirect);
  if (!file.ok()) return file.status();
  const Result<std::uint64_t> size_there = file.value()->size();
  if (!size_there.ok()) return size_there.status();
  if (size_there.value() != size()) return differs("its size on disk is " + std::to_string(size_there.value()));
  const Buffer buffer = aligned_buffer();
  Crc64 crc;
  std::string footer;
  const std::uint64_t content = size() - kRdbFooterBytes;
  for (std::uint64_t offset = 0; offset < size();) {
    Result<std::size_t> got = file.value()->read(offset, {buffer.get(), kBufferBytes});
    if (!got.ok()) return got.status();
    if (got.value() == 0) return differs("it ends at " + std::to_string(offset));
    const std::string_view bytes(buffer.get(), got.value());
    const std::size_t summed = offset >= content ? 0 : std::min<std::uint64_t>(bytes.size(), content - offset);
    crc.add(bytes.substr(0, summed));
    footer.append(bytes.substr(summed));
    offset += bytes.size();
  }
  return footer == rdb_footer(crc) ? Status() : differs("what is read back from the disk has another checksum");
}

}  // namespace kvstore::durability
