#include "durability/log_scan.h"

#include <string>
#include <string_view>
#include <utility>

#include "durability/group_parser.h"

namespace kvstore::durability {
namespace {

constexpr std::uint64_t kBytesBetweenProgress = std::uint64_t{16} << 20;

class Scan {
 public:
  Scan(LogReader& reader, const LogScanOptions& options)
      : reader_(reader), options_(options), bytes_total_(reader.bytes_from(options.from)) {}

  Result<ScannedLog> run() {
    Result<LogEnd> end = reader_.read(options_.from, [this](const PlacedBatch& batch) { return take(batch); });
    if (!end.ok()) return end.status();
    result_.end = std::move(end).value();
    result_.unfinished_bytes = parser_.unfinished_bytes();
    return std::move(result_);
  }

 private:
  Status take(const PlacedBatch& batch) {
    ScannedSegment& segment = segment_of(batch);
    ++segment.batches;
    segment.end_lsn = batch.header.end_lsn();
    segment.durable_lsn = batch.header.durable_lsn;
    report(batch);

    std::string_view payload = batch.payload;
    Lsn lsn = batch.header.first_lsn;
    if ((batch.header.flags & BatchHeader::kFirstOfStart) != 0) {
      parser_.drop_unfinished();
      in_step_ = true;
    }
    if (!in_step_) {
      if (batch.header.end_lsn() <= options_.group_start) return {};
      payload.remove_prefix(options_.group_start - lsn);
      lsn = options_.group_start;
      in_step_ = true;
    }
    Lsn group = lsn - parser_.unfinished_bytes();
    const bool parsed = parser_.feed(
        payload,
        [&](const LogRecord& record) {
          ++segment.records;
          if (options_.on_record) options_.on_record(group, record);
        },
        [&](std::size_t bytes) {
          ++segment.groups;
          group += bytes;
          if (options_.on_group_end) options_.on_group_end(group);
        });
    if (parsed) return {};
    return {StatusCode::kCorruption,
            segment_name(segment.number) + ": the batch at offset " + std::to_string(batch.offset) + " (LSN " +
                std::to_string(batch.header.first_lsn) + ") holds records that no version of this program writes"};
  }

  ScannedSegment& segment_of(const PlacedBatch& batch) {
    if (result_.segments.empty() || result_.segments.back().number != batch.segment.number) {
      ScannedSegment segment;
      segment.number = batch.segment.number;
      segment.first_lsn = batch.segment.header.first_lsn;
      result_.segments.push_back(segment);
    }
    return result_.segments.back();
  }

  void report(const PlacedBatch& batch) {
    bytes_done_ += batch.header.disk_bytes;
    if (!options_.on_progress || bytes_done_ - bytes_reported_ < kBytesBetweenProgress) return;
    bytes_reported_ = bytes_done_;
    options_.on_progress(bytes_done_, bytes_total_);
  }

  LogReader& reader_;
  const LogScanOptions& options_;
  const std::uint64_t bytes_total_;
  std::uint64_t bytes_done_ = 0;
  std::uint64_t bytes_reported_ = 0;
  GroupParser parser_;
  bool in_step_ = false;  // with the groups: what comes next is the beginning of one, or goes on with one
  ScannedLog result_;
};

}  // namespace

Result<ScannedLog> scan_log(LogReader& reader, const LogScanOptions& options) { return Scan(reader, options).run(); }

}  // namespace kvstore::durability
