#include "durability/log_format.h"

#include <charconv>
#include <cstring>

#include "base/assert.h"
#include "base/seeded_bug.h"
#include "durability/bytes.h"
#include "durability/crc32c.h"

namespace kvstore::durability {
namespace {

constexpr std::string_view kSegmentMagic = "KVSTLOG1";
constexpr std::string_view kBatchMagic = "KVB1";
constexpr std::string_view kSegmentPrefix = "kvstore.db.wal.";
constexpr std::size_t kSegmentDigits = 6;

// Where the fields lie: the tables of docs/formats/log.md.
namespace segment_field {
constexpr std::size_t kVersion = 8;
constexpr std::size_t kChecksum = 12;
constexpr std::size_t kDatabaseId = 16;
constexpr std::size_t kNumber = 32;
constexpr std::size_t kSalt = 40;
constexpr std::size_t kFirstLsn = 48;
constexpr std::size_t kPreviousSalt = 56;
constexpr std::size_t kSegmentBytes = 64;
constexpr std::size_t kNextSalt = 72;
}  // namespace segment_field

namespace batch_field {
constexpr std::size_t kChecksum = 4;
constexpr std::size_t kNumber = 8;
constexpr std::size_t kSalt = 16;
constexpr std::size_t kFirstLsn = 24;
constexpr std::size_t kDurableLsn = 32;
constexpr std::size_t kWallUs = 40;
constexpr std::size_t kPayloadBytes = 48;
constexpr std::size_t kPayloadChecksum = 52;
constexpr std::size_t kFlags = 56;
constexpr std::size_t kDiskBytes = 60;
}  // namespace batch_field

std::uint32_t segment_checksum(std::string_view page) {
  std::array<char, kPageBytes> copy;
  std::memcpy(copy.data(), page.data(), kPageBytes);
  put_fixed<std::uint32_t>(copy.data() + segment_field::kChecksum, 0);
  return crc32c({copy.data(), kPageBytes});
}

bool has_possible_lengths(const BatchHeader& header) {
  return header.payload_bytes <= kBatchPayloadMax && header.disk_bytes <= kBatchBytesMax &&
         header.disk_bytes % kBatchStepBytes == 0 && header.disk_bytes >= kBatchHeaderBytes + header.payload_bytes;
}

}  // namespace

std::string to_text(const DatabaseId& id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : id) {
    text += kDigits[static_cast<unsigned char>(byte) >> 4];
    text += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

std::optional<DatabaseId> database_id_of(std::string_view text) {
  DatabaseId id;
  if (text.size() != 2 * id.size()) return std::nullopt;
  for (std::size_t i = 0; i < id.size(); ++i) {
    unsigned byte = 0;
    const char* begin = text.data() + 2 * i;
    if (std::from_chars(begin, begin + 2, byte, 16).ptr != begin + 2) return std::nullopt;
    id[i] = static_cast<char>(byte);
  }
  return id;
}

void encode_segment_header(const SegmentHeader& header, char* page) {
  std::memset(page, 0, kPageBytes);
  std::memcpy(page, kSegmentMagic.data(), kSegmentMagic.size());
  put_fixed(page + segment_field::kVersion, kFormatVersion);
  std::memcpy(page + segment_field::kDatabaseId, header.database_id.data(), header.database_id.size());
  put_fixed(page + segment_field::kNumber, header.number);
  put_fixed(page + segment_field::kSalt, header.salt);
  put_fixed(page + segment_field::kFirstLsn, header.first_lsn);
  put_fixed(page + segment_field::kPreviousSalt, header.previous_salt);
  put_fixed(page + segment_field::kSegmentBytes, header.segment_bytes);
  put_fixed(page + segment_field::kNextSalt, header.next_salt);
  put_fixed(page + segment_field::kChecksum, segment_checksum({page, kPageBytes}));
}

HeaderState decode_segment_header(std::string_view page, SegmentHeader& header) {
  if (page.size() < kPageBytes || !page.starts_with(kSegmentMagic)) return HeaderState::kNotAHeader;
  const char* at = page.data();
  if (get_fixed<std::uint32_t>(at + segment_field::kChecksum) != segment_checksum(page)) {
    return HeaderState::kNotAHeader;
  }
  if (get_fixed<std::uint32_t>(at + segment_field::kVersion) != kFormatVersion) return HeaderState::kUnknownVersion;
  std::memcpy(header.database_id.data(), at + segment_field::kDatabaseId, header.database_id.size());
  header.number = get_fixed<std::uint64_t>(at + segment_field::kNumber);
  header.salt = get_fixed<std::uint64_t>(at + segment_field::kSalt);
  header.first_lsn = get_fixed<std::uint64_t>(at + segment_field::kFirstLsn);
  header.previous_salt = get_fixed<std::uint64_t>(at + segment_field::kPreviousSalt);
  header.segment_bytes = get_fixed<std::uint64_t>(at + segment_field::kSegmentBytes);
  header.next_salt = get_fixed<std::uint64_t>(at + segment_field::kNextSalt);
  return HeaderState::kValid;
}

void seal_batch(BatchHeader& header, char* batch) {
  KV_ASSERT(has_possible_lengths(header));
  header.payload_checksum = crc32c({batch + kBatchHeaderBytes, header.disk_bytes - kBatchHeaderBytes});
  std::memcpy(batch, kBatchMagic.data(), kBatchMagic.size());
  put_fixed(batch + batch_field::kNumber, header.segment_number);
  put_fixed(batch + batch_field::kSalt, header.salt);
  put_fixed(batch + batch_field::kFirstLsn, header.first_lsn);
  put_fixed(batch + batch_field::kDurableLsn, header.durable_lsn);
  put_fixed(batch + batch_field::kWallUs, header.wall_us);
  put_fixed(batch + batch_field::kPayloadBytes, header.payload_bytes);
  put_fixed(batch + batch_field::kPayloadChecksum, header.payload_checksum);
  put_fixed(batch + batch_field::kFlags, header.flags);
  put_fixed(batch + batch_field::kDiskBytes, header.disk_bytes);
  put_fixed(batch + batch_field::kChecksum,
            crc32c({batch + batch_field::kNumber, kBatchHeaderBytes - batch_field::kNumber}));
}

std::optional<BatchHeader> decode_batch_header(std::string_view bytes) {
  if (bytes.size() < kBatchHeaderBytes || !bytes.starts_with(kBatchMagic)) return std::nullopt;
  const char* at = bytes.data();
  if (!KV_SEEDED_BUG(header_checksum_not_checked) &&
      get_fixed<std::uint32_t>(at + batch_field::kChecksum) !=
          crc32c({at + batch_field::kNumber, kBatchHeaderBytes - batch_field::kNumber})) {
    return std::nullopt;
  }
  BatchHeader header;
  header.segment_number = get_fixed<std::uint64_t>(at + batch_field::kNumber);
  header.salt = get_fixed<std::uint64_t>(at + batch_field::kSalt);
  header.first_lsn = get_fixed<std::uint64_t>(at + batch_field::kFirstLsn);
  header.durable_lsn = get_fixed<std::uint64_t>(at + batch_field::kDurableLsn);
  header.wall_us = get_fixed<std::int64_t>(at + batch_field::kWallUs);
  header.payload_bytes = get_fixed<std::uint32_t>(at + batch_field::kPayloadBytes);
  header.payload_checksum = get_fixed<std::uint32_t>(at + batch_field::kPayloadChecksum);
  header.flags = get_fixed<std::uint32_t>(at + batch_field::kFlags);
  header.disk_bytes = get_fixed<std::uint32_t>(at + batch_field::kDiskBytes);
  if (!has_possible_lengths(header)) return std::nullopt;
  return header;
}

bool is_damaged_header(std::string_view bytes, std::uint64_t number, std::uint64_t salt) {
  const bool number_there = get_fixed<std::uint64_t>(bytes.data() + batch_field::kNumber) == number;
  const bool salt_there = get_fixed<std::uint64_t>(bytes.data() + batch_field::kSalt) == salt;
  return salt_there || (number_there && bytes.starts_with(kBatchMagic));
}

bool payload_checksum_holds(const BatchHeader& header, std::string_view batch) {
  KV_ASSERT(batch.size() == header.disk_bytes);
  return crc32c(batch.substr(kBatchHeaderBytes)) == header.payload_checksum ||
         KV_SEEDED_BUG(payload_checksum_not_checked);
}

std::string segment_name(std::uint64_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < kSegmentDigits) digits.insert(0, kSegmentDigits - digits.size(), '0');
  return std::string(kSegmentPrefix) + digits;
}

std::optional<std::uint64_t> segment_number_of(std::string_view name) {
  if (!name.starts_with(kSegmentPrefix)) return std::nullopt;
  const std::string_view digits = name.substr(kSegmentPrefix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size() || segment_name(number) != name) {
    return std::nullopt;
  }
  return number;
}

}  // namespace kvstore::durability
