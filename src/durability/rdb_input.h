// RdbInput: the bytes of an RDB file, in order, through a buffer, with their checksum.
//
// Thread rule: one thread.
// Invariants:
//   1. Nothing is allocated, and no byte is waited for, by a length that the file does not have the bytes for.
//   2. crc_ covers every byte before crc_from_; offset() is the position in the file of the next byte.
//   3. Bytes from hold_ on stay in the buffer (they may move in it) until release().
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "durability/rdb_crc64.h"
#include "env/directory.h"
#include "kvstore/status.h"

namespace kvstore::durability {

// Where the bytes come from.
class RdbSource {
 public:
  RdbSource() = default;
  RdbSource(const RdbSource&) = delete;
  RdbSource& operator=(const RdbSource&) = delete;
  virtual ~RdbSource() = default;

  // The next bytes, as many as fit or fewer; 0 only at the end.
  [[nodiscard]] virtual Result<std::size_t> read(std::span<char> bytes) = 0;
  // All bytes there are, read or not.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  // For messages.
  [[nodiscard]] virtual const std::string& name() const = 0;
};

class RdbFileSource final : public RdbSource {
 public:
  // The file must be a buffered one, and outlive this.
  RdbFileSource(env::File& file, std::uint64_t size, std::string name)
      : file_(file), size_(size), name_(std::move(name)) {}

  [[nodiscard]] Result<std::size_t> read(std::span<char> bytes) override {
    Result<std::size_t> got = file_.read(offset_, bytes);
    if (got.ok()) offset_ += got.value();
    return got;
  }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] const std::string& name() const override { return name_; }

 private:
  env::File& file_;
  std::uint64_t size_;
  std::string name_;
  std::uint64_t offset_ = 0;
};

class RdbInput {
 public:
  // What need() may be asked for: two of them and a few lengths fit into the buffer together.
  static constexpr std::size_t kNeedMax = 16 * 1024;
  static constexpr std::size_t kBufferBytesMin = 4 * kNeedMax;

  RdbInput(RdbSource& source, std::size_t buffer_bytes);

  // Makes `bytes` (at most kNeedMax) available at data(); false when the file has fewer, or cannot be read.
  [[nodiscard]] bool need(std::size_t bytes) { return end_ - pos_ >= bytes || refill(bytes); }
  // What need() made available; valid until the next need() or read().
  [[nodiscard]] const char* data() const { return buffer_.get() + pos_; }
  // Precondition: need(bytes).
  void skip(std::size_t bytes) { pos_ += bytes; }
  [[nodiscard]] std::uint8_t take_byte() { return static_cast<std::uint8_t>(buffer_[pos_++]); }

  // The next `size` bytes, at `to`; any number.
  [[nodiscard]] bool read(char* to, std::size_t size);

  // Keeps the bytes from data() on, which held() finds again, over later calls of need().
  void hold() { hold_ = pos_; }
  [[nodiscard]] const char* held() const { return buffer_.get() + hold_; }
  void release() { hold_ = kNothing; }

  [[nodiscard]] std::uint64_t offset() const { return base_ + pos_; }
  [[nodiscard]] std::uint64_t remaining() const { return size_ - offset(); }
  // The checksum of all bytes before offset().
  [[nodiscard]] std::uint64_t checksum();
  // Why need() or read() returned false: kCorruption when the file is too short, else what the source said.
  [[nodiscard]] const Status& status() const { return status_; }
  [[nodiscard]] const std::string& name() const { return source_.name(); }

 private:
  static constexpr std::size_t kNothing = ~std::size_t{0};

  [[nodiscard]] bool refill(std::size_t bytes);
  [[nodiscard]] bool fail_truncated();
  // Reads at least one byte to `to`.
  [[nodiscard]] bool read_some(char* to, std::size_t room, std::size_t& got);

  RdbSource& source_;
  std::uint64_t size_;
  std::size_t capacity_;
  std::unique_ptr<char[]> buffer_;
  std::size_t pos_ = 0;
  std::size_t end_ = 0;
  std::size_t hold_ = kNothing;
  std::size_t crc_from_ = 0;
  std::uint64_t base_ = 0;  // file offset of buffer_[0], as far as the bytes from pos_ on are concerned
  Crc64 crc_;
  Status status_;
};

}  // namespace kvstore::durability
