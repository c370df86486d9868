// CrashStates: every disk that a power loss may leave behind, for each moment of a trace. Used by tests only.
//
//   MemoryDirectory disk;
//   disk.start_trace();
//   ... run the code under test; disk.note_acknowledged(n) where it promises n ...
//   CrashStates states(disk.trace(), seed);
//   while (auto state = states.next()) { recover from *state->disk; check that state->acknowledged is there; }
//
// To crash again inside the recovery: state->disk->start_trace(), recover, and make CrashStates of its trace.
//
// What may be on the disk is said in crash_model.h and crash_point.h. Where a moment has few combinations they are all
// tried. Where it has many: nothing arrived, all arrived, each single thing missing, each single thing present (with
// sizes and names complete), each torn or spoiled page with all else there, pages up to each one, and random ones.
// Moments that are followed by a note give the same disks with less to keep, and are passed over.
//
// Thread rule: one thread; the disks it gives may go to others. The same trace and seed give the same states.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "env/crash_model.h"
#include "env/crash_point.h"
#include "env/disk_trace.h"
#include "env/memory_directory.h"
#include "env/seeded_random.h"

namespace kvstore::env {

struct CrashState {
  std::size_t position = 0;        // how many operations of the trace came before the crash
  std::uint64_t acknowledged = 0;  // the largest number acknowledged among them
  std::string description;
  std::unique_ptr<MemoryDirectory> disk;
};

struct CrashLimits {
  std::size_t exhaustive = 4096;  // combinations at one moment, up to which all are tried
  std::size_t fine = 256;         // combinations up to which every cut and every sector is tried
  std::size_t random = 64;        // random combinations at a moment with more
  std::size_t sampled = 64;       // things of which "each single one" is tried; of more, that many at random
};

class CrashStates {
 public:
  CrashStates(DiskTrace trace, std::uint64_t seed) : CrashStates(std::move(trace), seed, CrashLimits()) {}
  CrashStates(DiskTrace trace, std::uint64_t seed, CrashLimits limits);
  CrashStates(const CrashStates&) = delete;
  CrashStates& operator=(const CrashStates&) = delete;

  // Nothing when all moments are done.
  [[nodiscard]] std::optional<CrashState> next();
  [[nodiscard]] const DiskTrace& trace() const { return trace_; }

 private:
  struct Pick {
    enum class Kind : std::uint8_t { kAllOld, kAllNew, kOneOld, kOneNew, kOneChoice, kPrefix, kRandom };
    Kind kind = Kind::kAllNew;
    std::size_t dimension = 0;
    std::size_t choice = 0;
  };

  // Goes to the next moment worth looking at; false at the end.
  [[nodiscard]] bool advance();
  void open_point();
  [[nodiscard]] bool next_combination();
  void plan_picks();
  [[nodiscard]] std::vector<std::size_t> sample(std::vector<std::size_t> all);
  void expand(const Pick& pick);
  [[nodiscard]] CrashState state();

  const DiskTrace trace_;
  const CrashLimits limits_;
  SeededRandom random_;
  CrashModel model_;
  std::size_t position_ = 0;
  std::uint64_t acknowledged_ = 0;

  std::optional<CrashPoint> point_;
  CrashPoint::Combination combination_;
  bool exhaustive_ = false;
  bool fresh_ = false;     // the first combination of the point has not been given yet
  bool finished_ = false;  // all moments are done
  std::vector<Pick> picks_;
  std::size_t next_pick_ = 0;
};

}  // namespace kvstore::env
