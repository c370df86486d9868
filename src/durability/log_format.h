// The bytes of a log segment and of a batch: docs/formats/log.md, which this file follows to the byte.
//
// Thread rule: plain functions and values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/mutation_sink.h"

namespace kvstore::durability {

using store::Lsn;

inline constexpr std::size_t kPageBytes = 4096;
inline constexpr std::size_t kBatchHeaderBytes = 64;
// A batch begins at a multiple of this in its file, so that its header lies in one sector.
inline constexpr std::size_t kBatchStepBytes = 64;
inline constexpr std::size_t kBatchBytesMax = std::size_t{1} << 20;  // header and padding included
inline constexpr std::size_t kBatchPayloadMax = kBatchBytesMax - kBatchHeaderBytes;
inline constexpr std::uint32_t kFormatVersion = 2;

using DatabaseId = std::array<char, 16>;

// 32 hex digits, as people and the snapshot write it.
[[nodiscard]] std::string to_text(const DatabaseId& id);
[[nodiscard]] std::optional<DatabaseId> database_id_of(std::string_view text);

struct SegmentHeader {
  DatabaseId database_id{};
  std::uint64_t number = 0;
  std::uint64_t salt = 0;
  Lsn first_lsn = 0;
  std::uint64_t previous_salt = 0;
  std::uint64_t segment_bytes = 0;
  std::uint64_t next_salt = 0;
};

enum class HeaderState : std::uint8_t { kValid, kNotAHeader, kUnknownVersion };

// `page` has kPageBytes bytes.
void encode_segment_header(const SegmentHeader& header, char* page);
[[nodiscard]] HeaderState decode_segment_header(std::string_view page, SegmentHeader& header);

struct BatchHeader {
  static constexpr std::uint32_t kFirstOfStart = 1;

  std::uint64_t segment_number = 0;
  std::uint64_t salt = 0;
  Lsn first_lsn = 0;
  Lsn durable_lsn = 0;
  std::int64_t wall_us = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t payload_checksum = 0;
  std::uint32_t flags = 0;
  std::uint32_t disk_bytes = 0;  // header, payload and padding

  [[nodiscard]] Lsn end_lsn() const { return first_lsn + payload_bytes; }
};

[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t bytes, std::uint64_t step) {
  return (bytes + step - 1) / step * step;
}
// Where the page that holds this place ends, or the place itself when it begins one.
[[nodiscard]] constexpr std::uint64_t next_page(std::uint64_t offset) { return round_up(offset, kPageBytes); }

// `batch` has header.disk_bytes bytes with the payload and its padding in place; writes the header, and completes
// `header` with the payload's checksum.
void seal_batch(BatchHeader& header, char* batch);
// The header at the start of these bytes (at least kBatchHeaderBytes), if its own checksum holds and its lengths are
// such as a batch can have.
[[nodiscard]] std::optional<BatchHeader> decode_batch_header(std::string_view bytes);
// Whether these bytes (at least kBatchHeaderBytes), which are no header that holds, are what is left of one of this use
// of the file.
[[nodiscard]] bool is_damaged_header(std::string_view bytes, std::uint64_t number, std::uint64_t salt);
// `batch` has header.disk_bytes bytes.
[[nodiscard]] bool payload_checksum_holds(const BatchHeader& header, std::string_view batch);

// "kvstore.db.wal.000042", and back.
[[nodiscard]] std::string segment_name(std::uint64_t number);
[[nodiscard]] std::optional<std::uint64_t> segment_number_of(std::string_view name);

}  // namespace kvstore::durability
