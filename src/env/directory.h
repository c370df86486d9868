// Directory and File: the data directory as the rest of the program sees it. The real one (posix_directory.h) asks the
// operating system; those for tests (memory_directory.h, faulty_directory.h) record, lose, tear and refuse.
//
// Names are plain file names inside the directory: no '/', never a symbolic link.
//
// Thread rule: a Directory may be used from any thread. A File may be read and written from several threads at once as
// long as they touch different bytes.
// Errors: kNotFound (no such file), kNoSpace (disk or quota full), kUnavailable (locked by another process, too many
// open files), kIoError (anything else); the message names the operation, the file and the system's reason.
//
// What survives a crash (the rules of POSIX and nothing kinder):
//   1. Bytes written are certain to be on disk only after sync() or write_durably() returned success.
//   2. A new, renamed or removed name is certain only after Directory::sync() returned success.
//   3. After a failed sync() nothing is known about the bytes written before it: the caller must not go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kvstore/status.h"

namespace kvstore::env {

class File {
 public:
  // Offsets, sizes and addresses given to a direct file are multiples of this.
  static constexpr std::size_t kDirectAlignment = 4096;

  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  // Fills `bytes` from `offset`; returns how many there were: fewer only at the end of the file.
  [[nodiscard]] virtual Result<std::size_t> read(std::uint64_t offset, std::span<char> bytes) = 0;
  // All of it, or an error; after an error any part may have been written.
  [[nodiscard]] virtual Status write(std::uint64_t offset, std::string_view bytes) = 0;
  // write(), and on disk when it returns: these bytes and the size and allocation needed to read them.
  [[nodiscard]] virtual Status write_durably(std::uint64_t offset, std::string_view bytes) = 0;
  // Everything written so far is on disk when it returns.
  [[nodiscard]] virtual Status sync() = 0;
  [[nodiscard]] virtual Status truncate(std::uint64_t size) = 0;
  // Makes the file at least `size` bytes long, with room on the disk for all of them. Those that were not there before
  // are zeros, not written yet: so it is quick, but the first write to each costs more. False: this file system cannot,
  // and nothing has changed.
  [[nodiscard]] virtual Result<bool> allocate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
  // For a ring; -1 when there is none (then only the functions above may be used).
  [[nodiscard]] virtual int descriptor() const = 0;
  // Whether it bypasses the page cache.
  [[nodiscard]] virtual bool direct() const = 0;
};

enum class OpenMode : std::uint8_t {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // read and write; created when it is not there, emptied when it is
};

enum class Caching : std::uint8_t {
  kBuffered,
  kDirect,  // past the page cache where the file system can; see File::direct()
};

class Directory {
 public:
  Directory() = default;
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  virtual ~Directory() = default;

  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode, Caching caching) = 0;
  // Replaces `to` when it is there.
  [[nodiscard]] virtual Status rename(std::string_view from, std::string_view to) = 0;
  // kNotFound when it is not there.
  [[nodiscard]] virtual Status remove(std::string_view name) = 0;
  // Names of the regular files, sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list() = 0;
  // All names as they are now are on disk when it returns.
  [[nodiscard]] virtual Status sync() = 0;
  // Keeps other processes out for as long as this Directory lives; kUnavailable when one is in. The lock is held on a
  // file of that name, which stays; it goes with the process, however that ends.
  [[nodiscard]] virtual Status lock(std::string_view name) = 0;
  // What new files may take as far as the file system knows now; UINT64_MAX when it does not say.
  [[nodiscard]] virtual std::uint64_t free_bytes() { return UINT64_MAX; }
  // For messages.
  [[nodiscard]] virtual const std::string& path() const = 0;
};

}  // namespace kvstore::env
