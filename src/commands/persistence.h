// Persistence: what commands ask of the disk. Implemented by server::ServerPersistence; where nothing is kept,
// enabled() is false and of the rest only last_save_s() may be called.
//
// Thread rule: any worker may call any function.
#pragma once

#include <cstdint>
#include <optional>

#include "kvstore/status.h"
#include "store/mutation_sink.h"

namespace kvstore::commands {

class Persistence {
 public:
  virtual ~Persistence() = default;

  [[nodiscard]] virtual bool enabled() const = 0;
  // False while the data is loaded: then, too, only last_save_s() may be called.
  [[nodiscard]] virtual bool loaded() const = 0;

  // Has everything written so far brought to disk; done when durable_lsn() has reached the LSN returned.
  [[nodiscard]] virtual store::Lsn request_sync() = 0;
  [[nodiscard]] virtual store::Lsn durable_lsn() const = 0;

  [[nodiscard]] virtual bool snapshot_in_progress() const = 0;
  // Has a snapshot made of everything written so far: begun at once, or behind the one in progress. Returns its number.
  [[nodiscard]] virtual std::uint64_t request_snapshot() = 0;
  // How it ended; nothing while it has not.
  [[nodiscard]] virtual std::optional<Status> snapshot_result(std::uint64_t number) const = 0;
  // When the last snapshot was complete (or the server started), in seconds since 1970.
  [[nodiscard]] virtual std::int64_t last_save_s() const = 0;
};

}  // namespace kvstore::commands
