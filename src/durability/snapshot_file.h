// SnapshotFile: writes a snapshot's bytes to a file, past the page cache where that is possible, so that a snapshot
// pushes nothing else out of it; and reads them back.
//
// Thread rule: one thread.
// Invariants:
//   1. After an error the file is worth nothing, and is not written to any more.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "durability/rdb_crc64.h"
#include "env/directory.h"
#include "kvstore/status.h"

namespace kvstore::durability {

class SnapshotFile {
 public:
  // Called after each piece with the time that writing it took.
  using AfterPiece = std::function<void(std::chrono::microseconds)>;

  // Creates the file, or empties the one that is there.
  [[nodiscard]] static Result<std::unique_ptr<SnapshotFile>> create(env::Directory& directory, std::string name,
                                                                    AfterPiece after_piece = nullptr);

  [[nodiscard]] Status append(std::string_view bytes);
  // Writes the end of the file and syncs it; nothing may be appended after it.
  [[nodiscard]] Status finish();
  // Reads the file from the disk and compares size and checksum with what was written.
  [[nodiscard]] Status verify();

  [[nodiscard]] std::uint64_t size() const { return offset_ + used_; }

 private:
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
  static constexpr std::size_t kPieceBytes = std::size_t{256} << 10;

  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  using Buffer = std::unique_ptr<char, Free>;

  SnapshotFile(env::Directory& directory, std::string name, std::unique_ptr<env::File> file, AfterPiece after_piece);
  static Buffer aligned_buffer();
  [[nodiscard]] Status flush();
  void add_to_checksum();

  env::Directory& directory_;
  const std::string name_;
  const AfterPiece after_piece_;
  std::unique_ptr<env::File> file_;
  Buffer buffer_;
  std::uint64_t offset_ = 0;  // of buffer_ in the file
  std::size_t used_ = 0;
  std::size_t summed_ = 0;  // bytes of buffer_ that are in crc_
  Crc64 crc_;
};

}  // namespace kvstore::durability
