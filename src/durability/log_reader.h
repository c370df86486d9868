// LogReader: reads the log as it lies on disk, decides where it ends, and tells a torn tail from damage
// (docs/formats/log.md, "What may be believed").
//
// Thread rule: one thread, with nobody writing the log.
// Invariants:
//   1. Every byte given on has passed its checksum; lengths are believed only under a checksum.
//   2. It reads past the page cache where it can: what a failed sync left in the cache is not what the disk holds.
//   3. It writes nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "durability/log_format.h"
#include "durability/page_memory.h"
#include "durability/segment_pool.h"
#include "env/directory.h"
#include "kvstore/status.h"

namespace kvstore::durability {

// A file of the log, as its first page tells.
struct SegmentFile {
  std::uint64_t number = 0;
  std::uint64_t file_bytes = 0;
  bool has_header = false;  // of this use or of an earlier one
  bool in_use = false;
  SegmentHeader header;  // when it has one
};

// A batch whose checksums hold and that lies at its place.
struct PlacedBatch {
  const SegmentFile& segment;
  std::uint64_t offset;
  const BatchHeader& header;
  std::string_view payload;
};

// Acknowledged bytes that are not what was written.
struct LogDamage {
  std::uint64_t segment_number = 0;
  std::uint64_t offset = 0;
  Lsn lsn = 0;                       // of the first byte that cannot be read
  Lsn durable_lsn = 0;               // what was acknowledged at least
  std::uint64_t intact_batches = 0;  // behind the damage
  std::uint64_t intact_bytes = 0;
};

struct LogEnd {
  Lsn lsn = 0;                           // of the last valid batch; where the next one goes
  const SegmentFile* segment = nullptr;  // that holds it; none: no segment is in use
  std::uint64_t offset = 0;              // behind it
  std::uint64_t batches = 0;
  std::optional<LogDamage> damage;
  // Batches that were never acknowledged, to be made unreadable: everything from `offset` on in file `number`.
  struct TornPart {
    std::uint64_t number;
    std::uint64_t offset;
  };
  std::vector<TornPart> torn;
};

class LogReader {
 public:
  using Visitor = std::function<Status(const PlacedBatch&)>;

  explicit LogReader(env::Directory& directory) : directory_(directory) {}

  // Looks at the files. kCorruption: a file is missing among them, or belongs to another database, or is not whole;
  // kInvalidArgument: it is of a version that is not known. What lies before that file can be read all the same.
  [[nodiscard]] Status open();
  [[nodiscard]] const std::vector<SegmentFile>& files() const { return files_; }
  [[nodiscard]] bool empty() const { return used_ == 0; }  // it has no beginning that can be read
  [[nodiscard]] const DatabaseId& database_id() const { return files_.front().header.database_id; }
  // Where the log begins; precondition: !empty().
  [[nodiscard]] Lsn first_lsn() const { return files_.front().header.first_lsn; }
  [[nodiscard]] std::uint64_t file_bytes(std::uint64_t number) const;
  // Where the segment begins that holds `lsn`; precondition: first_lsn() <= lsn.
  [[nodiscard]] Lsn segment_start(Lsn lsn) const { return files_[position_of(lsn)].header.first_lsn; }
  // Bytes of the segments that hold the log from `from` on.
  [[nodiscard]] std::uint64_t bytes_from(Lsn from) const;

  // Gives the batches that hold the stream from `from` on, in order, then works out the end. Precondition: empty() or
  // first_lsn() <= from.
  [[nodiscard]] Result<LogEnd> read(Lsn from, const Visitor& visit);

  // The sentence that says what is damaged and what an operator can do.
  [[nodiscard]] std::string describe(const LogDamage& damage) const;

 private:
  static constexpr std::size_t kWindowBytes = std::size_t{4} << 20;

  [[nodiscard]] Status open_file(const SegmentFile& file);
  [[nodiscard]] Result<std::string_view> window(std::uint64_t offset, std::size_t bytes);
  [[nodiscard]] Status read_headers();
  [[nodiscard]] Status check_files();
  [[nodiscard]] std::optional<std::uint64_t> salt_of(std::size_t i) const;
  [[nodiscard]] Result<std::optional<BatchHeader>> batch_at(std::uint64_t number, std::uint64_t salt,
                                                            std::uint64_t offset, std::string_view& batch);
  [[nodiscard]] Result<std::optional<BatchHeader>> next_batch(const SegmentFile& file, Lsn lsn, std::uint64_t place,
                                                              std::string_view& batch);
  [[nodiscard]] Status read_segment(const SegmentFile& file, Lsn from, const Visitor& visit, LogEnd& end);
  [[nodiscard]] Status judge_tail(LogEnd& end);
  [[nodiscard]] Result<bool> judge_file(const SegmentFile& file, std::optional<std::uint64_t> salt, std::uint64_t begin,
                                        LogDamage& damage);
  [[nodiscard]] std::size_t position_of(Lsn from) const;

  env::Directory& directory_;
  std::vector<SegmentFile> files_;
  std::size_t used_ = 0;             // how many at the front are in use
  std::unique_ptr<env::File> file_;  // open now
  std::uint64_t file_bytes_ = 0;     // of it
  PageMemory memory_;
  std::size_t memory_bytes_ = 0;
  std::uint64_t window_offset_ = 0;
  std::size_t window_bytes_ = 0;
};

}  // namespace kvstore::durability
