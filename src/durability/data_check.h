// check_data: looks at every file of a data directory as the next start would, and at those it would not need too, and
// says what is there, what is damaged, and what a start would end with. Changes nothing.
//
// Thread rule: one thread, with no server in the directory.
// Invariants:
//   1. What it says a start would do comes from recover() itself, in a rehearsal (RecoveryOptions::change_disk).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "durability/log_format.h"
#include "durability/recovery.h"
#include "env/clock.h"
#include "env/directory.h"
#include "kvstore/status.h"

namespace kvstore::durability {

struct DataCheckOptions {
  std::optional<Lsn> print_from;           // prints the groups of the log from there on
  std::size_t print_bytes_max = 100;       // of a key or a value
  std::function<void(std::string)> print;  // takes a line
  std::function<void(const RecoveryProgress&)> progress;
};

struct DataCheck {
  std::vector<std::string> damage;  // in the order of the look at the files; empty: all is as it was written
  Status start;                     // the refusal of the next start, ok when it would not be refused
  // Of a start that would not be refused:
  char recovery_case = 'A';
  Lsn lsn = 0;
  std::uint64_t keys = 0;

  [[nodiscard]] bool damaged() const { return !damage.empty() || start.code() == StatusCode::kCorruption; }
  // One line: "OK: would recover (case C) to LSN 4711 with 12 keys", or what is wrong.
  [[nodiscard]] std::string verdict() const;
};

[[nodiscard]] DataCheck check_data(env::Directory& directory, const env::Clock& clock, const DataCheckOptions& options);

}  // namespace kvstore::durability
