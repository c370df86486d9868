// LogGroup: collects what one command changes, as records, and gives it its place in the log in one piece.
//
// Thread rule: one a thread.
// Invariants:
//   1. The bytes of a large value are never copied here: the group shares its block, and the log writes from it.
//   2. Between seal() and the next change it holds nothing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/shared_bytes.h"
#include "durability/log_record.h"
#include "store/mutation_sink.h"

namespace kvstore::durability {

class Log;

// Bytes of a shared block that belong into a run of other bytes.
struct Insertion {
  std::size_t offset;  // in the bytes around it, before the insertion
  base::SharedBytesRef block;
  std::string_view bytes;  // of the block
};

class LogGroup final : public store::MutationSink {
 public:
  explicit LogGroup(Log& log) : log_(log) {}

  void on_set(int db, std::string_view key, const store::ValueView& value) override;
  void on_splice(int db, std::string_view key, std::size_t offset, std::size_t size, std::string_view bytes) override;
  void on_erase(int db, std::string_view key) override;
  void on_flush(int db) override;
  void on_swap(int db_a, int db_b) override;
  store::Lsn seal() override;

 private:
  // A group whose commands had more bytes than this gives the room back.
  static constexpr std::size_t kBytesRetained = 64 * 1024;

  Log& log_;
  std::string bytes_;
  std::vector<Insertion> insertions_;
};

}  // namespace kvstore::durability
