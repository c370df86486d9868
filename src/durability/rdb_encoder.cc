#include "durability/rdb_encoder.h"

#include "base/assert.h"
#include "durability/rdb_crc64.h"

namespace kvstore::durability {
namespace {

constexpr std::string_view kRedisVersion = "7.0.0";  // the first release whose format this is

void append_string(std::string& to, std::string_view bytes) {
  char length[kRdbLengthBytesMax];
  to.append(length, static_cast<std::size_t>(rdb_put_length(length, bytes.size()) - length));
  to.append(bytes);
}

void append_aux(std::string& to, std::string_view name, std::string_view value) {
  to.push_back(static_cast<char>(rdb_opcode::kAux));
  append_string(to, name);
  append_string(to, value);
}

}  // namespace

std::string rdb_header(const SnapshotInfo& info) {
  KV_ASSERT(info.database_id.size() == kDatabaseIdDigits);
  std::string header(kRdbMagic);
  const std::string version = std::to_string(kRdbVersionWritten);
  header.append(kRdbHeaderBytes - header.size() - version.size(), '0').append(version);
  append_aux(header, kAuxRedisVersion, kRedisVersion);
  append_aux(header, kAuxCreated, std::to_string(info.created_s));
  append_aux(header, kAuxVersion, info.version);
  append_aux(header, kAuxDatabaseId, info.database_id);
  append_aux(header, kAuxLsn, std::to_string(info.lsn));
  append_aux(header, kAuxKeys, std::to_string(info.keys));
  return header;
}

std::string rdb_footer(Crc64 checksum_before) {
  std::string footer(1, static_cast<char>(rdb_opcode::kEof));
  checksum_before.add(footer);
  const std::uint64_t checksum = checksum_before.value();
  for (unsigned byte = 0; byte < kRdbChecksumBytes; ++byte) {
    footer.push_back(static_cast<char>(checksum >> (8 * byte)));
  }
  return footer;
}

}  // namespace kvstore::durability
