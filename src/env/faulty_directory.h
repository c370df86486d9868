// FaultyDirectory: another Directory with failures on order, for tests. The n-th call fails, or every call from the
// n-th on, counted over the kinds of operations that the test chose; or the disk is full above a number of bytes.
//
//   const std::uint64_t runs = sweep_faults(plan, [](const FaultPlan& now) {
//     MemoryDirectory disk;
//     FaultyDirectory faulty(disk, now);
//     ... run the code under test on `faulty`, check what it says, then check what is on `disk` ...
//     return faulty.faults();
//   });
// fails call 1, then call 2, and so on until a run meets no fault any more.
//
// Thread rule: any thread.
// Invariants:
//   1. A call that fails does not reach the directory underneath, except the part that a short write leaves behind.
//   2. After a sync() that fails, the file underneath knows (SyncFailures), so that on a MemoryDirectory no later
//   sync()
//      saves those bytes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "env/directory.h"

namespace kvstore::env {

// Bits, so that a plan can name several.
enum class FaultKind : std::uint32_t {
  kOpen = 1U << 0U,
  kRead = 1U << 1U,
  kWrite = 1U << 2U,
  kWriteDurably = 1U << 3U,
  kSync = 1U << 4U,
  kTruncate = 1U << 5U,
  kSize = 1U << 6U,
  kRename = 1U << 7U,
  kRemove = 1U << 8U,
  kList = 1U << 9U,
  kSyncDirectory = 1U << 10U,
  kLock = 1U << 11U,
  kAllocate = 1U << 12U,
  kAll = (1U << 13U) - 1,
};
constexpr FaultKind operator|(FaultKind a, FaultKind b) {
  return static_cast<FaultKind>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr bool includes(FaultKind set, FaultKind kind) {
  return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(kind)) != 0;
}

struct FaultPlan {
  FaultKind kinds = FaultKind::kAll;
  std::uint64_t nth = 0;       // counted from 1; 0: none fails
  bool all_later_too = false;  // a disk that broke for good
  StatusCode code = StatusCode::kIoError;
  // A write that fails leaves this many bytes behind (whole pages of a direct file), but never all of them.
  std::size_t short_bytes = 0;
};

class FaultyDirectory final : public Directory {
 public:
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

  // `inner` outlives this Directory and its files.
  explicit FaultyDirectory(Directory& inner, FaultPlan plan = FaultPlan());
  ~FaultyDirectory() override;

  // Counts from 1 again.
  void set_plan(FaultPlan plan);
  // A write, truncate or allocate that would make the files together longer is kNoSpace; a write leaves behind what
  // fits.
  void set_capacity(std::uint64_t bytes);
  // From now on files cannot allocate().
  void forbid_allocate() { allocates_.store(false, std::memory_order_relaxed); }
  // Calls of the plan's kinds, and how many calls failed, for the plan or for want of room.
  [[nodiscard]] std::uint64_t calls() const;
  [[nodiscard]] std::uint64_t faults() const;

  Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode, Caching caching) override;
  Status rename(std::string_view from, std::string_view to) override;
  Status remove(std::string_view name) override;
  Result<std::vector<std::string>> list() override;
  Status sync() override;
  Status lock(std::string_view name) override;
  std::uint64_t free_bytes() override;
  const std::string& path() const override { return inner_.path(); }

 private:
  friend class FaultyFile;
  struct Fault {
    Status status;
    std::size_t short_bytes = 0;
  };

  // Counts a call; the fault that it meets, if any.
  [[nodiscard]] std::optional<Fault> strike(FaultKind kind, std::string_view action, std::string_view name);
  // Likewise for a call that makes `file` as long as `end`.
  [[nodiscard]] std::optional<Fault> strike_growth(FaultKind kind, std::string_view action, std::string_view name,
                                                   const File& file, std::uint64_t offset, std::uint64_t end);
  [[nodiscard]] bool allocates() const { return allocates_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t used_bytes() const;
  [[nodiscard]] Status failure(StatusCode code, std::string_view action, std::string_view name) const;

  Directory& inner_;
  std::atomic<bool> allocates_{true};  // relaxed: set before it is looked at
  mutable base::Mutex mutex_;
  FaultPlan plan_ KV_GUARDED_BY(mutex_);
  std::uint64_t capacity_ KV_GUARDED_BY(mutex_) = kUnlimited;
  std::uint64_t calls_ KV_GUARDED_BY(mutex_) = 0;
  std::uint64_t faults_ KV_GUARDED_BY(mutex_) = 0;
};

// Calls `run` with plan.nth = 1, 2, 3 ... until it returns 0 faults; returns how many runs met one. A run that always
// meets a fault is a bug: it ends the process after a million.
std::uint64_t sweep_faults(FaultPlan plan, const std::function<std::uint64_t(const FaultPlan&)>& run);

}  // namespace kvstore::env
