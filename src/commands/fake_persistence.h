// FakePersistence: for tests; a disk that does what it is told.
//
// Thread rule: one thread.
#pragma once

#include <optional>

#include "commands/persistence.h"

namespace kvstore::commands {

class FakePersistence final : public Persistence {
 public:
  [[nodiscard]] bool enabled() const override { return enabled_; }
  [[nodiscard]] bool loaded() const override { return loaded_; }
  [[nodiscard]] store::Lsn request_sync() override {
    ++syncs_;
    return end_lsn_;
  }
  [[nodiscard]] store::Lsn durable_lsn() const override { return durable_lsn_; }
  [[nodiscard]] bool snapshot_in_progress() const override { return in_progress_; }
  [[nodiscard]] std::uint64_t request_snapshot() override { return ++snapshots_; }
  [[nodiscard]] std::optional<Status> snapshot_result(std::uint64_t /*number*/) const override { return result_; }
  [[nodiscard]] std::int64_t last_save_s() const override { return 1'700'000'000; }

  bool enabled_ = false;
  bool loaded_ = true;
  bool in_progress_ = false;
  std::optional<Status> result_ = Status{};
  store::Lsn end_lsn_ = 100;
  store::Lsn durable_lsn_ = 100;
  int syncs_ = 0;
  std::uint64_t snapshots_ = 0;
};

}  // namespace kvstore::commands
