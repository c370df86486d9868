// PosixFile: a File on an open descriptor; made by posix_directory.cc alone.
//
// Thread rule: as in directory.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "env/directory.h"

namespace kvstore::env {

// What `error` (an errno) means to a caller: "cannot <action>: <the system's reason>".
[[nodiscard]] Status posix_error(std::string_view action, int error);

class PosixFile final : public File {
 public:
  // Owns `descriptor`. `where` is for messages: "name in /folder".
  PosixFile(int descriptor, bool direct, std::string where)
      : descriptor_(descriptor), direct_(direct), where_(std::move(where)) {}
  ~PosixFile() override;

  Result<std::size_t> read(std::uint64_t offset, std::span<char> bytes) override;
  Status write(std::uint64_t offset, std::string_view bytes) override;
  Status write_durably(std::uint64_t offset, std::string_view bytes) override;
  Status sync() override;
  Status truncate(std::uint64_t size) override;
  Result<bool> allocate(std::uint64_t size) override;
  Result<std::uint64_t> size() const override;
  int descriptor() const override { return descriptor_; }
  bool direct() const override { return direct_; }

 private:
  // pwritev2() with `flags` until all is written; 0 or an errno.
  int write_all(std::uint64_t offset, std::string_view bytes, int flags);
  void check_alignment(std::uint64_t offset, const void* address, std::size_t length) const;
  [[nodiscard]] Status failed(std::string_view action, int error) const;

  const int descriptor_;
  const bool direct_;
  const std::string where_;
};

}  // namespace kvstore::env
