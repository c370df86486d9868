#include "durability/data_check.h"

#include <algorithm>
#include <utility>

#include "durability/log_reader.h"
#include "durability/log_scan.h"
#include "durability/record_text.h"
#include "durability/snapshot_check.h"
#include "store/keyspace.h"

namespace kvstore::durability {
namespace {

constexpr Lsn kNowhere = ~Lsn{0};

std::string count(std::uint64_t number, const char* what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

class DataChecker {
 public:
  DataChecker(env::Directory& directory, const env::Clock& clock, const DataCheckOptions& options)
      : directory_(directory), clock_(clock), options_(options), reader_(directory) {}

  DataCheck run() {
    check_snapshots();
    check_log();
    rehearse_start();
    return std::move(result_);
  }

 private:
  void check_snapshots();
  void check_snapshot_file(const char* name);
  void check_log();
  void scan_from(Lsn from, Lsn group_start);
  void tell_segments(const ScannedLog& scanned);
  void tell_end(const ScannedLog& scanned);
  void rehearse_start();

  void print(std::string line) const {
    if (options_.print) options_.print(std::move(line));
  }
  void damaged(const std::string& what) {
    // The same damage is found on several ways.
    if (std::find(result_.damage.begin(), result_.damage.end(), what) != result_.damage.end()) return;
    result_.damage.push_back(what);
    print("damaged: " + what);
  }
  void report(const char* stage, std::uint64_t done, std::uint64_t total, std::uint64_t keys) const {
    if (options_.progress) options_.progress({stage, done, total, keys});
  }

  env::Directory& directory_;
  const env::Clock& clock_;
  const DataCheckOptions& options_;
  LogReader reader_;
  std::vector<Lsn> snapshot_lsns_;  // of those that are whole, ascending
  DataCheck result_;
};

void DataChecker::check_snapshots() {
  for (const char* name : {kSnapshotName, kPreviousSnapshotName}) check_snapshot_file(name);
  // Of a Redis file a start takes notice only when there is nothing of ours: see the rehearsal.
  std::sort(snapshot_lsns_.begin(), snapshot_lsns_.end());
}

void DataChecker::check_snapshot_file(const char* name) {
  const CheckedSnapshot snapshot = check_snapshot(directory_, name, clock_, [this](const RdbProgress& progress) {
    report("snapshot", progress.bytes_done, progress.bytes_total, progress.keys);
  });
  if (!snapshot.there) return;
  if (snapshot.status.code() == StatusCode::kCorruption) return damaged(snapshot.status.message());
  if (!snapshot.status.ok()) return print(snapshot.status.message());  // the start says whether it matters
  std::string line = snapshot.name + ": " + count(snapshot.bytes, "byte") + ", " + count(snapshot.loaded.keys, "key");
  if (snapshot.loaded.keys_expired > 0) line += " and " + std::to_string(snapshot.loaded.keys_expired) + " expired";
  if (snapshot.lsn) {
    line += ", LSN " + std::to_string(*snapshot.lsn) + ", database " + snapshot.loaded.info.database_id;
    snapshot_lsns_.push_back(*snapshot.lsn);
  } else {
    line += ", of another program";
  }
  print(std::move(line));
}

void DataChecker::check_log() {
  const Status opened = reader_.open();
  if (opened.code() == StatusCode::kCorruption) {
    damaged(opened.message());
  } else if (!opened.ok()) {
    return print(opened.message());
  }
  for (const SegmentFile& file : reader_.files()) {
    if (!file.in_use) print(segment_name(file.number) + ": spare, " + count(file.file_bytes, "byte"));
  }
  if (reader_.empty()) return;
  print("log of database " + to_text(reader_.database_id()));
  const Lsn first = reader_.first_lsn();
  // The start of a log that was recycled may lie within a group; snapshots end between two.
  Lsn group_start = first == 0 ? 0 : kNowhere;
  for (const Lsn lsn : snapshot_lsns_) {
    if (lsn >= first) group_start = std::min(group_start, lsn);
  }
  scan_from(first, group_start);
}

void DataChecker::scan_from(Lsn from, Lsn group_start) {
  LogScanOptions scan;
  scan.from = from;
  scan.group_start = group_start;
  scan.on_progress = [this](std::uint64_t done, std::uint64_t total) { report("log", done, total, 0); };
  if (options_.print_from) {
    scan.on_record = [this](Lsn group, const LogRecord& record) {
      if (group < *options_.print_from) return;
      print(std::to_string(group) + " " + record_text(record, options_.print_bytes_max));
    };
  }
  Result<ScannedLog> scanned = scan_log(reader_, scan);
  if (scanned.status().code() == StatusCode::kCorruption) return damaged(scanned.status().message());
  if (!scanned.ok()) return print(scanned.status().message());
  tell_segments(scanned.value());
  tell_end(scanned.value());
  // Damage before the newest snapshot is nothing a start would meet: what lies behind it is looked at as well.
  if (!scanned->end.damage || snapshot_lsns_.empty()) return;
  const Lsn newest = snapshot_lsns_.back();
  if (newest > scanned->end.lsn && reader_.segment_start(newest) > from) {
    scan_from(reader_.segment_start(newest), newest);
  }
}

void DataChecker::tell_segments(const ScannedLog& scanned) {
  for (const ScannedSegment& segment : scanned.segments) {
    print(segment_name(segment.number) + ": LSN " + std::to_string(segment.first_lsn) + " to " +
          std::to_string(segment.end_lsn) + ", " + std::to_string(segment.batches) + " batches, " +
          count(segment.groups, "group") + ", " + count(segment.records, "record") + ", durable LSN " +
          std::to_string(segment.durable_lsn));
  }
}

void DataChecker::tell_end(const ScannedLog& scanned) {
  const LogEnd& end = scanned.end;
  if (end.damage) return damaged(reader_.describe(*end.damage));
  print("the log ends at LSN " + std::to_string(end.lsn) + " in " + segment_name(end.segment->number) + " at offset " +
        std::to_string(end.offset));
  if (!end.torn.empty()) print("behind it are writes that were never acknowledged: the next start cuts them");
  if (scanned.unfinished_bytes > 0) {
    print("its last " + count(scanned.unfinished_bytes, "byte") + " belong to a group that never became complete");
  }
}

void DataChecker::rehearse_start() {
  store::Keyspace keyspace{store::Keyspace::Options{}};
  RecoveryOptions recovery;
  recovery.change_disk = false;
  recovery.progress = options_.progress;
  Result<Recovered> recovered = recover(directory_, keyspace, clock_, recovery);
  result_.start = recovered.status();
  if (!recovered.ok()) return;
  for (const std::string& warning : recovered->warnings) print("a start would say: " + warning);
  result_.recovery_case = recovered->recovery_case;
  result_.lsn = recovered->position.lsn;
  for (int db = 0; db < store::Keyspace::kDatabases; ++db) result_.keys += keyspace.size(db);
}

}  // namespace

std::string DataCheck::verdict() const {
  if (start.code() == StatusCode::kCorruption) return "DAMAGED: a start would be refused: " + start.message();
  if (!start.ok()) return "a start would fail: " + start.message();
  return std::string(damage.empty() ? "OK: would" : "DAMAGED, but would") + " recover (case " + recovery_case +
         ") to LSN " + std::to_string(lsn) + " with " + count(keys, "key");
}

DataCheck check_data(env::Directory& directory, const env::Clock& clock, const DataCheckOptions& options) {
  return DataChecker(directory, clock, options).run();
}

}  // namespace kvstore::durability
