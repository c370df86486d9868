#include "env/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace kvstore::env {
namespace {

StatusCode code_of(int error) {
  switch (error) {
    case ENOENT:
      return StatusCode::kNotFound;
    case ENOSPC:
    case EDQUOT:
      return StatusCode::kNoSpace;
    case EMFILE:
    case ENFILE:
      return StatusCode::kUnavailable;
    default:
      return StatusCode::kIoError;
  }
}

}  // namespace

Status posix_error(std::string_view action, int error) {
  return Status(code_of(error), "cannot " + std::string(action) + ": " + std::strerror(error));
}

PosixFile::~PosixFile() { close(descriptor_); }

Status PosixFile::failed(std::string_view action, int error) const {
  return posix_error(std::string(action) + " " + where_, error);
}

void PosixFile::check_alignment(std::uint64_t offset, const void* address, std::size_t length) const {
  KV_ASSERT(!direct_ || (offset | reinterpret_cast<std::uintptr_t>(address) | length) % kDirectAlignment == 0);
}

Result<std::size_t> PosixFile::read(std::uint64_t offset, std::span<char> bytes) {
  check_alignment(offset, bytes.data(), bytes.size());
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count =
        pread(descriptor_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    // A direct read stops short of a whole block only at the end of the file, and cannot go on from there: the next
    // offset would not be aligned. Whether it was the end is asked below.
    if (count < 0 && errno == EINVAL && direct_ && done % kDirectAlignment != 0) break;
    if (count < 0) return failed("read", errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  if (direct_ && done < bytes.size()) {
    auto end = size();
    if (!end.ok()) return end.status();
    if (offset + done < *end) return failed("read", EIO);
  }
  return done;
}

int PosixFile::write_all(std::uint64_t offset, std::string_view bytes, int flags) {
  check_alignment(offset, bytes.data(), bytes.size());
  while (!bytes.empty()) {
    iovec piece{};
    piece.iov_base = const_cast<char*>(bytes.data());
    piece.iov_len = bytes.size();
    const ssize_t count = pwritev2(descriptor_, &piece, 1, static_cast<off_t>(offset), flags);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return ENOSPC;
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return 0;
}

Status PosixFile::write(std::uint64_t offset, std::string_view bytes) {
  const int error = write_all(offset, bytes, 0);
  return error == 0 ? Status() : failed("write", error);
}

Status PosixFile::write_durably(std::uint64_t offset, std::string_view bytes) {
  const int error = write_all(offset, bytes, RWF_DSYNC);
  if (error == 0) return {};
  // The flag is refused before anything is written, so this is not a second try of a failed sync.
  if (error != EOPNOTSUPP && error != ENOSYS) return failed("write", error);
  if (Status status = write(offset, bytes); !status.ok()) return status;
  return sync();
}

Status PosixFile::sync() {
  // fdatasync() includes what is needed to read the bytes back, the size above all.
  return fdatasync(descriptor_) == 0 ? Status() : failed("sync", errno);
}

Status PosixFile::truncate(std::uint64_t size) {
  int result = 0;
  do {
    result = ftruncate(descriptor_, static_cast<off_t>(size));
  } while (result != 0 && errno == EINTR);
  return result == 0 ? Status() : failed("truncate", errno);
}

Result<bool> PosixFile::allocate(std::uint64_t size) {
  int result = 0;
  do {
    // Not posix_fallocate(): where the file system cannot, that writes the zeros.
    result = fallocate(descriptor_, 0, 0, static_cast<off_t>(size));
  } while (result != 0 && errno == EINTR);
  if (result == 0) return true;
  if (errno == EOPNOTSUPP || errno == ENOSYS) return false;
  return failed("make room in", errno);
}

Result<std::uint64_t> PosixFile::size() const {
  struct stat about {};
  if (fstat(descriptor_, &about) != 0) return failed("ask for the size of", errno);
  return static_cast<std::uint64_t>(about.st_size);
}

}  // namespace kvstore::env
