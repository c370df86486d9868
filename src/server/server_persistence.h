// ServerPersistence: the server's data directory: opens it, tells the workers of progress, ends the process when the
// disk fails, and answers the commands about it (commands::Persistence).
//
// Thread rule: open() and close() on the main thread; commands::Persistence from any worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "commands/persistence.h"
#include "durability/storage.h"
#include "engine/engine.h"
#include "env/clock.h"
#include "env/directory.h"
#include "kvstore/status.h"
#include "server/options.h"

namespace kvstore::server {

class ServerPersistence final : public commands::Persistence {
 public:
  // Exit statuses of the process, beside 1 for what a person can correct.
  static constexpr int kExitDamaged = 3;     // acknowledged data is damaged
  static constexpr int kExitDiskFailed = 4;  // a write or sync of the log failed

  // `on_progress`: see StorageOptions.
  ServerPersistence(const ServerOptions& options, engine::Engine& engine, const env::Clock& clock,
                    std::function<void()> on_progress);
  ~ServerPersistence() override;

  // Recovers the data, and has the engine log from then on. Nothing when persistence is off.
  [[nodiscard]] Status open();
  // Everything is on disk when it returns. No worker runs any more.
  [[nodiscard]] Status close();
  // Null until open() has succeeded; set before the engine has a log.
  [[nodiscard]] durability::Storage* const& storage() const { return opened_; }
  // Logs how far a snapshot is, once a second. One thread.
  void tell_progress();
  // How far loading is, for INFO: relaxed figures.
  struct Loading {
    std::atomic<std::uint64_t> bytes_done{0};
    std::atomic<std::uint64_t> bytes_total{0};
  };
  [[nodiscard]] const Loading& loading() const { return loading_; }

  // --- commands::Persistence -------------------------------------------------------------------------------------
  [[nodiscard]] bool enabled() const override { return options_.durability != "none"; }
  // The engine gets the log when everything else is in place, which whoever sees it sees too.
  [[nodiscard]] bool loaded() const override { return engine_.log() != nullptr; }
  [[nodiscard]] store::Lsn request_sync() override;
  [[nodiscard]] store::Lsn durable_lsn() const override;
  [[nodiscard]] bool snapshot_in_progress() const override;
  [[nodiscard]] std::uint64_t request_snapshot() override;
  [[nodiscard]] std::optional<Status> snapshot_result(std::uint64_t number) const override;
  [[nodiscard]] std::int64_t last_save_s() const override;

 private:
  void report(const durability::RecoveryProgress& progress);
  void tell_how_it_went() const;

  const ServerOptions& options_;
  engine::Engine& engine_;
  const env::Clock& clock_;
  const std::function<void()> on_progress_;
  const std::int64_t started_s_;
  std::unique_ptr<env::Directory> directory_;
  std::unique_ptr<durability::Storage> storage_;
  durability::Storage* opened_ = nullptr;
  Loading loading_;
  std::int64_t last_report_us_ = 0;
};

}  // namespace kvstore::server
