// DurableWrite: one write to a file that the event loop hands to the kernel beside its sockets, and who is told of its
// end.
//
// The log is written like this: the worker goes on serving while the disk works, and the turn that sees the write done
// sends the replies that waited for it.
//
// Thread rule: the loop's own thread.
// Invariants:
//   1. A loop has at most one write outstanding; another may be started from on_write_done().
//   2. The bytes stay where they are, unchanged, and the descriptor open, until on_write_done().
#pragma once

#include <cstddef>
#include <cstdint>

namespace kvstore::net {

class WriteCompletion {
 public:
  virtual ~WriteCompletion() = default;
  // `result`: bytes written, which may be fewer than asked for, or a negative errno. Called between two callbacks of
  // the ConnectionHandler: after the on_receive calls of a turn, before its on_turn.
  virtual void on_write_done(int result) = 0;
};

// What "done" means.
enum class SyncBy : std::uint8_t {
  kNothing,  // the kernel has the bytes
  kWrite,    // on disk, by the write itself (RWF_DSYNC): best where the device does that in one command
  kFlush,    // on disk, by an fdatasync() when the write is done: best where the device takes two commands anyway
};

struct DurableWrite {
  // Linux takes no more in one call.
  static constexpr std::size_t kLongest = 0x7FFFF000;

  int fd = -1;
  const void* bytes = nullptr;  // aligned as the descriptor asks (O_DIRECT)
  std::size_t length = 0;       // 1 to kLongest
  std::uint64_t offset = 0;
  SyncBy sync = SyncBy::kWrite;
  WriteCompletion* completion = nullptr;
};

}  // namespace kvstore::net
