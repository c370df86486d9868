// TestLog: a log in a directory of its own, with segments of the smallest size, and what can be read back from it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "durability/group_parser.h"
#include "durability/log.h"
#include "durability/log_group.h"
#include "durability/log_reader.h"
#include "durability/log_service.h"
#include "env/clock.h"
#include "env/posix_directory.h"

namespace kvstore::durability::testing {

inline std::string describe(const LogRecord& record) {
  const std::string db = std::to_string(record.db);
  const std::string key(record.key);
  switch (record.kind) {
    case RecordKind::kSet:
      return "set " + db + " " + key + "=" + std::string(record.bytes);
    case RecordKind::kSplice:
      return "splice " + db + " " + key + "@" + std::to_string(record.offset) + "/" + std::to_string(record.size) +
             "=" + std::string(record.bytes);
    case RecordKind::kErase:
      return "erase " + db + " " + key;
    case RecordKind::kFlush:
      return "flush " + db;
    case RecordKind::kSwap:
      return "swap " + db + " " + std::to_string(record.other_db);
  }
  return "?";
}

struct ReadBack {
  std::vector<std::vector<std::string>> groups;
  LogEnd end;
  std::shared_ptr<LogReader> reader;  // end points into it

  [[nodiscard]] std::string text() const {
    std::string all;
    for (const auto& records : groups) {
      for (std::size_t i = 0; i < records.size(); ++i) all += (i > 0 ? ", " : "") + records[i];
      all += " | ";
    }
    return all;
  }
};

inline ReadBack read_log(env::Directory& directory, Lsn from = 0) {
  ReadBack back;
  back.reader = std::make_shared<LogReader>(directory);
  const Status opened = back.reader->open();
  EXPECT_TRUE(opened.ok()) << opened.message();
  GroupParser parser;
  std::vector<std::string> records;
  Result<LogEnd> end = back.reader->read(from, [&](const PlacedBatch& batch) {
    if ((batch.header.flags & BatchHeader::kFirstOfStart) != 0) parser.drop_unfinished();
    const bool parsed = parser.feed(
        batch.payload, [&](const LogRecord& record) { records.push_back(describe(record)); },
        [&](std::size_t) { back.groups.push_back(std::exchange(records, {})); });
    return parsed ? Status{} : Status{StatusCode::kCorruption, "not a stream"};
  });
  EXPECT_TRUE(end.ok()) << end.status().message();
  if (end.ok()) back.end = end.value();
  return back;
}

class TestLog {
 public:
  static constexpr std::size_t kBatchBytes = 64 * 1024;
  static constexpr std::size_t kSegmentBytes = kPageBytes + 4 * kBatchBytes;

  explicit TestLog(Mode mode = Mode::kAlways) : mode_(mode) {
    std::string path = (std::filesystem::temp_directory_path() / "kvstore-log-XXXXXX").string();
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    path_ = path;
    auto opened = env::open_posix_directory(path);
    EXPECT_TRUE(opened.ok());
    directory_ = std::move(opened).value();
    start({}, {});
  }
  ~TestLog() {
    if (service_ != nullptr) EXPECT_TRUE(service_->stop().ok());  // its threads use the pointer until then
    service_.reset();
    log_.reset();
    pool_.reset();
    std::filesystem::remove_all(path_);
  }
  TestLog(const TestLog&) = delete;
  TestLog& operator=(const TestLog&) = delete;

  [[nodiscard]] Log& log() { return *log_; }
  [[nodiscard]] SegmentPool& pool() { return *pool_; }
  [[nodiscard]] LogService& service() { return *service_; }
  [[nodiscard]] env::Directory& directory() { return *directory_; }
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }

  // Commits everything, preparing segments as they are needed.
  void commit_all() {
    do {
      prepare();
      log_->commit_here();
    } while (log_->queued_bytes() > 0);
  }
  void write_marker() {
    const std::optional<Log::Commit> marker = log_->begin_marker();
    ASSERT_TRUE(marker);
    ASSERT_TRUE(marker->file->write_durably(marker->offset, marker->bytes).ok());
    log_->finish_commit({});
  }
  [[nodiscard]] ReadBack read_back() { return read_log(*directory_); }

  // From here on segments and markers come by themselves.
  void start_service() {
    service_ = std::make_unique<LogService>(*log_, *pool_, LogService::Options{});
    service_->start();
  }

  // Ends without a word and goes on at the end of what is on disk.
  void restart() {
    log_.reset();
    pool_.reset();
    const ReadBack back = read_back();
    SegmentPool::Found found;
    for (const SegmentFile& file : back.reader->files()) {
      if (file.in_use) {
        found.used.push_back({file.number, file.header.first_lsn, file.file_bytes});
        found.next_number = file.number + 1;
      } else {
        ++found.spares;
      }
    }
    Log::Position position;
    position.database_id = back.reader->database_id();
    position.lsn = back.end.lsn;
    position.salt = back.end.segment->header.salt;
    position.next_salt = back.end.segment->header.next_salt;
    position.offset = back.end.offset;
    auto file =
        directory_->open(segment_name(back.end.segment->number), env::OpenMode::kReadWrite, env::Caching::kDirect);
    ASSERT_TRUE(file.ok());
    position.segment = {back.end.segment->number, std::move(file).value()};
    start(std::move(position), std::move(found));
  }

 private:
  void start(Log::Position position, SegmentPool::Found found) {
    SegmentPool::Options options;
    options.segment_bytes = kSegmentBytes;
    options.batch_bytes = kBatchBytes;
    if (mode_ == Mode::kEverySecond) options.caching = env::Caching::kBuffered;
    pool_ = std::make_unique<SegmentPool>(*directory_, options, std::move(found));
    prepare();
    Log::Options log_options;
    log_options.mode = mode_;
    log_options.on_segment_taken = [this] {
      if (service_ != nullptr) service_->segment_taken();
    };
    log_options.on_progress = [this] {
      if (service_ != nullptr) service_->progressed();
    };
    log_options.on_failure = [this](const Status& status) { failures_.push_back(status.message()); };
    log_ = std::make_unique<Log>(*pool_, env::Clock::system(), std::move(log_options), std::move(position));
  }
  void prepare() {
    while (pool_->wants_segment()) {
      const Status status = pool_->prepare_one();
      ASSERT_TRUE(status.ok()) << status.message();
    }
    if (log_ != nullptr) log_->segments_changed();
  }

  const Mode mode_;
  std::string path_;
  std::unique_ptr<env::Directory> directory_;
  std::unique_ptr<SegmentPool> pool_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<LogService> service_;
  std::vector<std::string> failures_;
};

}  // namespace kvstore::durability::testing
