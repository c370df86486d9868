#include "server/server_persistence.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <utility>

#include "base/assert.h"
#include "env/posix_directory.h"
#include "server/process.h"
#include "server/version.h"

namespace kvstore::server {
namespace {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kReportEveryUs = 1 * kMicrosPerSecond;

// The log cannot be written any more, and what the kernel holds of it cannot be trusted: nothing may be acknowledged
// from here on, so the process ends at once, without destructors and without another write.
[[noreturn]] void end_process(const Status& status) {
  spdlog::critical("{}. Nothing that was not acknowledged before is certain to be on disk; ending at once.",
                   status.message());
  spdlog::default_logger()->flush();
  _exit(ServerPersistence::kExitDiskFailed);
}

void report_snapshot(const durability::SnapshotReport& report) {
  if (report.begins) {
    spdlog::info("snapshot: started");
  } else if (!report.status.ok()) {
    spdlog::error("snapshot: failed: {}", report.status.message());
  } else {
    spdlog::info("snapshot: saved {} keys, {:.1f} MiB, in {:.3f} s, at LSN {}", report.taken.keys,
                 static_cast<double>(report.taken.bytes) / (1 << 20),
                 static_cast<double>(report.duration_us) / kMicrosPerSecond, report.taken.lsn);
  }
}

}  // namespace

ServerPersistence::ServerPersistence(const ServerOptions& options, engine::Engine& engine, const env::Clock& clock,
                                     std::function<void()> on_progress)
    : options_(options),
      engine_(engine),
      clock_(clock),
      on_progress_(std::move(on_progress)),
      started_s_(clock.wall_us() / kMicrosPerSecond) {}

ServerPersistence::~ServerPersistence() = default;

Status ServerPersistence::open() {
  if (!enabled()) return {};
  Result<std::unique_ptr<env::Directory>> directory = env::open_posix_directory(options_.data_dir);
  if (!directory.ok()) return directory.status();
  directory_ = std::move(directory).value();
  durability::StorageOptions storage;
  storage.mode = options_.durability == "always" ? durability::Mode::kAlways : durability::Mode::kEverySecond;
  storage.segment_bytes = options_.log_segment_mib << 20;
  storage.on_recovery_progress = [this](const durability::RecoveryProgress& progress) { report(progress); };
  storage.on_failure = end_process;
  storage.version = kVersion;
  storage.snapshots.log_bytes_max = options_.snapshot_log_mib << 20;
  storage.snapshots.on_report = report_snapshot;
  storage.on_progress = on_progress_;
  storage.on_disk_full = [](const Status& status) {
    if (status.ok()) {
      spdlog::info("the disk has room again: writes are accepted");
    } else {
      spdlog::error("{}: writes will be refused when the log is full; reads and deletes go on", status.message());
    }
  };
  Result<std::unique_ptr<durability::Storage>> opened =
      durability::Storage::open(*directory_, engine_.keyspace(), clock_, std::move(storage));
  if (!opened.ok()) return opened.status();
  storage_ = std::move(opened).value();
  tell_how_it_went();
  opened_ = storage_.get();
  engine_.attach_log(storage_->log());
  return {};
}

void ServerPersistence::report(const durability::RecoveryProgress& progress) {
  if (end_signal_pending()) {
    // Recovery can be broken off at any moment without harm.
    spdlog::info("asked to end while loading: ending; the data is as it was");
    spdlog::default_logger()->flush();
    _exit(0);
  }
  loading_.bytes_done.store(progress.bytes_done, std::memory_order_relaxed);
  loading_.bytes_total.store(progress.bytes_total, std::memory_order_relaxed);
  const std::int64_t now_us = clock_.monotonic_us();
  const bool done = progress.bytes_done == progress.bytes_total;
  if (isatty(STDERR_FILENO) == 1) {
    constexpr int kWidth = 40;
    const int filled =
        progress.bytes_total == 0 ? kWidth : static_cast<int>(progress.bytes_done * kWidth / progress.bytes_total);
    fmt::print(stderr, "\rloading {:8} [{:<{}}] {:3}% {} {}{}", progress.stage, std::string(filled, '#'), kWidth,
               filled * 100 / kWidth, progress.keys, progress.stage[0] == 's' ? "keys" : "records", done ? "\n" : "");
  } else if (!done && now_us - last_report_us_ >= kReportEveryUs) {
    if (last_report_us_ != 0) {
      spdlog::info("loading {}: {} of {} MiB, {} {}", progress.stage, progress.bytes_done >> 20,
                   progress.bytes_total >> 20, progress.keys, progress.stage[0] == 's' ? "keys" : "records");
    }
    last_report_us_ = now_us;
  }
}

void ServerPersistence::tell_how_it_went() const {
  const durability::Recovered& recovered = storage_->recovered();
  for (const std::string& warning : recovered.warnings) spdlog::error("{}", warning);
  if (recovered.cut_bytes > 0) {
    spdlog::warn("the log ended in a write that was never acknowledged: cut at LSN {}", storage_->log().end_lsn());
  }
  spdlog::info("recovered (case {}): {} keys from {}, then {} groups of the log with {} records, up to LSN {}",
               recovered.recovery_case, recovered.snapshot_keys,
               recovered.snapshot_name.empty() ? "no snapshot" : recovered.snapshot_name, recovered.log_groups,
               recovered.log_records, storage_->log().end_lsn());
}

Status ServerPersistence::close() { return storage_ == nullptr ? Status{} : storage_->close(); }

store::Lsn ServerPersistence::request_sync() {
  const store::Lsn lsn = storage_->log().end_lsn();
  storage_->service().request_sync();
  return lsn;
}

store::Lsn ServerPersistence::durable_lsn() const { return storage_->log().durable_lsn(); }

bool ServerPersistence::snapshot_in_progress() const { return storage_->snapshots().in_progress(); }

std::uint64_t ServerPersistence::request_snapshot() { return storage_->snapshots().request(); }

std::optional<Status> ServerPersistence::snapshot_result(std::uint64_t number) const {
  return storage_->snapshots().result(number);
}

std::int64_t ServerPersistence::last_save_s() const {
  return storage_ == nullptr ? started_s_ : storage_->snapshots().last_save_s();
}

void ServerPersistence::tell_progress() {
  if (storage_ == nullptr) return;
  const durability::SnapshotProgress progress = storage_->snapshot_progress();
  const std::int64_t now_us = clock_.monotonic_us();
  if (!progress.running) {
    last_report_us_ = now_us;
  } else if (now_us - last_report_us_ >= kReportEveryUs) {
    last_report_us_ = now_us;
    spdlog::info("snapshot: {} of {} keys, {} MiB", progress.keys_done, progress.keys_total,
                 progress.bytes_written >> 20);
  }
}

}  // namespace kvstore::server
