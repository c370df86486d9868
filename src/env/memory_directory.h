// MemoryDirectory: a data directory in memory, for tests. It obeys directory.h to the letter: a direct file insists on
// alignment, and a lock keeps a second handle out.
//
// It can record all that is done to it, so that crash_states.h can say how the disk may look after a power loss at any
// moment of it. Recording starts with start_trace(), at which moment everything is taken as being on disk.
//
// Thread rule: any thread.
// Invariants:
//   1. Files outlive their names and the MemoryDirectory they were opened from.
//   2. The trace has the order in which operations took effect.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "env/directory.h"
#include "env/disk_trace.h"

namespace kvstore::env {

struct MemoryDisk;

// How faulty_directory.h tells a file underneath that its sync() failed. The kernel then takes the pages for written
// although they are not: a later sync() succeeds without writing them.
class SyncFailures {
 public:
  virtual void sync_failed() = 0;

 protected:
  ~SyncFailures() = default;
};

class MemoryDirectory final : public Directory {
 public:
  static constexpr std::uint64_t kMaxFileBytes = std::uint64_t{16} << 30U;

  MemoryDirectory();
  ~MemoryDirectory() override;

  Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode, Caching caching) override;
  Status rename(std::string_view from, std::string_view to) override;
  Status remove(std::string_view name) override;
  Result<std::vector<std::string>> list() override;
  Status sync() override;
  Status lock(std::string_view name) override;
  const std::string& path() const override { return path_; }

  // Files as a whole, past the trace. contents() of a name that is not there is a bug in the test.
  [[nodiscard]] bool exists(std::string_view name) const;
  [[nodiscard]] std::string contents(std::string_view name) const;
  void put(std::string_view name, std::string_view bytes);
  void put(std::string_view name, PagedBytes bytes);

  void start_trace();
  // What happened since start_trace(), which must have been called.
  [[nodiscard]] DiskTrace trace() const;
  // Marks for the trace: words, and "from here on a crash must not lose what is numbered up to n".
  void note(std::string text);
  void note_acknowledged(std::uint64_t number);

  // The same disk through a second handle, as another process would see it.
  [[nodiscard]] std::unique_ptr<MemoryDirectory> open_again() const;
  // A copy of the disk after kill -9: every byte written is there, and the lock is free. What was not synced is still
  // not on disk, so the copy's trace goes on where this one stands.
  [[nodiscard]] std::unique_ptr<MemoryDirectory> after_kill() const;

 private:
  explicit MemoryDirectory(std::shared_ptr<MemoryDisk> disk);

  const std::shared_ptr<MemoryDisk> disk_;
  const std::string path_ = "memory";
  bool holds_lock_ = false;
};

}  // namespace kvstore::env
