#include "env/posix_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/text.h"
#include "env/posix_file.h"

namespace kvstore::env {
namespace {

// A descriptor that closes itself.
class Handle {
 public:
  explicit Handle(int descriptor = -1) : descriptor_(descriptor) {}
  Handle(Handle&& other) noexcept : descriptor_(other.release()) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Handle() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

int open_file(int folder, const std::string& name, int flags) {
  // Not blocking, so that a pipe that someone put there cannot hold us up; settle_flags() takes it back.
  const int all = flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  int descriptor = -1;
  do {
    descriptor = openat(folder, name.c_str(), all, S_IRUSR | S_IWUSR);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

// Whether O_DIRECT, which the open() took, means what it says.
bool bypasses_page_cache(int descriptor) {
  struct statx about {};
  if (statx(descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &about) == 0 && (about.stx_mask & STATX_DIOALIGN) != 0) {
    const auto needed = std::max(about.stx_dio_mem_align, about.stx_dio_offset_align);
    return needed != 0 && needed <= File::kDirectAlignment;
  }
  struct statfs system {};
  if (fstatfs(descriptor, &system) != 0) return false;
  return system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC;
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\0", 2)) == name.npos;
}

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(Handle folder, std::string path, bool read_only)
      : folder_(std::move(folder)), path_(std::move(path)), read_only_(read_only) {}

  Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode, Caching caching) override;
  Status rename(std::string_view from, std::string_view to) override;
  Status remove(std::string_view name) override;
  Result<std::vector<std::string>> list() override;
  Status sync() override;
  Status lock(std::string_view name) override;
  std::uint64_t free_bytes() override;
  const std::string& path() const override { return path_; }

 private:
  [[nodiscard]] Status failed(std::string_view action, std::string_view name, int error) const {
    return posix_error(std::string(action) + " " + where(name), error);
  }
  [[nodiscard]] std::string where(std::string_view name) const { return std::string(name) + " in " + path_; }
  [[nodiscard]] Status check(std::string_view name) const;
  // check(), for what changes something.
  [[nodiscard]] Status check_change(std::string_view name) const;
  [[nodiscard]] bool is_regular(const dirent& entry) const;

  const Handle folder_;
  const std::string path_;
  const bool read_only_;
  Handle lock_;
};

Status PosixDirectory::check(std::string_view name) const {
  if (is_plain_name(name)) return {};
  return Status(StatusCode::kIoError, "cannot use '" + std::string(name) + "' in " + path_ + ": not a plain file name");
}

Status PosixDirectory::check_change(std::string_view name) const {
  if (!read_only_) return check(name);
  return Status(StatusCode::kIoError, "cannot change " + where(name) + ": the directory was opened for reading");
}

Result<std::unique_ptr<File>> PosixDirectory::open(std::string_view name, OpenMode mode, Caching caching) {
  if (Status status = mode == OpenMode::kRead ? check(name) : check_change(name); !status.ok()) return status;
  const std::string text(name);
  int flags = mode == OpenMode::kRead ? O_RDONLY : O_RDWR;
  if (mode == OpenMode::kCreate) flags |= O_CREAT | O_TRUNC;
  bool direct = caching == Caching::kDirect;
  Handle file(open_file(folder_.get(), text, flags | (direct ? O_DIRECT : 0)));
  if (file.get() < 0 && direct && errno == EINVAL) {  // a file system that knows no direct access
    direct = false;
    file = Handle(open_file(folder_.get(), text, flags));
  }
  if (file.get() < 0) return failed("open", name, errno);

  struct stat about {};
  if (fstat(file.get(), &about) != 0) return failed("open", name, errno);
  if (!S_ISREG(about.st_mode)) {
    return Status(StatusCode::kIoError, "cannot open " + where(name) + ": not a regular file");
  }
  direct = direct && bypasses_page_cache(file.get());
  if (fcntl(file.get(), F_SETFL, direct ? O_DIRECT : 0) != 0) return failed("open", name, errno);
  // The next best to direct access for one who wants to know what is on the disk: drop the pages that the kernel
  // believes to be written. After a failed sync it believes too much.
  if (caching == Caching::kDirect && !direct) posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  return std::unique_ptr<File>(std::make_unique<PosixFile>(file.release(), direct, where(name)));
}

Status PosixDirectory::rename(std::string_view from, std::string_view to) {
  if (Status status = check_change(from); !status.ok()) return status;
  if (Status status = check_change(to); !status.ok()) return status;
  if (renameat(folder_.get(), std::string(from).c_str(), folder_.get(), std::string(to).c_str()) == 0) return {};
  const int error = errno;
  return failed("rename", std::string(from) + " to " + std::string(to), error);
}

Status PosixDirectory::remove(std::string_view name) {
  if (Status status = check_change(name); !status.ok()) return status;
  return unlinkat(folder_.get(), std::string(name).c_str(), 0) == 0 ? Status() : failed("remove", name, errno);
}

bool PosixDirectory::is_regular(const dirent& entry) const {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_REG;
  struct stat about {};
  // One that vanished meanwhile is not there.
  return fstatat(folder_.get(), entry.d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(about.st_mode);
}

Result<std::vector<std::string>> PosixDirectory::list() {
  // A handle of its own: the position in the folder belongs to the open file, which a dup() would share.
  Handle handle(openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() < 0) return posix_error("list the directory " + path_, errno);
  DIR* stream = fdopendir(handle.get());
  if (stream == nullptr) return posix_error("list the directory " + path_, errno);
  (void)handle.release();  // now the stream's
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream)) {
    if (is_regular(*entry)) names.emplace_back(entry->d_name);
    errno = 0;
  }
  const int error = errno;
  closedir(stream);
  if (error != 0) return posix_error("list the directory " + path_, error);
  std::sort(names.begin(), names.end());
  return names;
}

Status PosixDirectory::sync() {
  if (read_only_) return {};  // nothing of ours to bring to disk
  return fsync(folder_.get()) == 0 ? Status() : posix_error("sync the directory " + path_, errno);
}

std::uint64_t PosixDirectory::free_bytes() {
  struct statfs system {};
  if (fstatfs(folder_.get(), &system) != 0) return UINT64_MAX;
  return static_cast<std::uint64_t>(system.f_bavail) * static_cast<std::uint64_t>(system.f_bsize);
}

// The number at the start of the file, which its holder wrote; for a message only.
std::optional<std::int64_t> holder_of(int descriptor) {
  std::array<char, 32> text{};
  const ssize_t count = pread(descriptor, text.data(), text.size(), 0);
  if (count <= 0) return std::nullopt;
  const std::string_view all(text.data(), static_cast<std::size_t>(count));
  return base::parse_int64(all.substr(0, all.find('\n')));
}

Status PosixDirectory::lock(std::string_view name) {
  KV_ASSERT(lock_.get() < 0);
  if (Status status = check(name); !status.ok()) return status;
  Handle file(open_file(folder_.get(), std::string(name), read_only_ ? O_RDONLY : O_RDWR | O_CREAT));
  if (file.get() < 0 && read_only_ && errno == ENOENT) return {};
  if (file.get() < 0) return failed("open", name, errno);
  // flock() and not fcntl(): its lock belongs to this open file, so a second Directory in the same process is kept out
  // too, and closing some other descriptor of the file does not drop it.
  if (flock(file.get(), (read_only_ ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed("lock", name, errno);
    const auto holder = holder_of(file.get());
    return Status(StatusCode::kUnavailable,
                  "cannot lock " + where(name) + ": the directory is in use by another server" +
                      (holder ? " (process " + std::to_string(*holder) + ")" : std::string()));
  }
  if (read_only_) {
    lock_ = std::move(file);
    return {};
  }
  // For the message above. The lock holds without it, so a full disk does not matter here.
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(file.get(), 0) == 0) (void)!pwrite(file.get(), pid.data(), pid.size(), 0);
  lock_ = std::move(file);
  return {};
}

// The folder's name is an entry of its parent and survives a power loss only once the parent is synced. Done for a
// folder that was there as well: whoever made it may have died before this.
Status sync_parent(int folder, const std::string& path, bool created) {
  const std::string action = "sync the parent of the directory " + path;
  const Handle parent(openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.get() < 0) {
    // A parent that we may not read was not written by us either.
    if (errno == EACCES && !created) return {};
    return posix_error(action, errno);
  }
  return fsync(parent.get()) == 0 || errno == EINVAL || errno == EROFS ? Status() : posix_error(action, errno);
}

}  // namespace

Result<std::unique_ptr<Directory>> open_posix_directory(std::string path) {
  const bool created = mkdir(path.c_str(), S_IRWXU) == 0;
  if (!created && errno != EEXIST) {
    // On a file system that is read-only, mkdir() may say so before it looks whether the folder is there.
    struct stat about {};
    const int error = errno;
    if (stat(path.c_str(), &about) != 0) return posix_error("create the directory " + path, error);
  }
  Handle folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return posix_error("open the directory " + path, errno);
  if (Status status = sync_parent(folder.get(), path, created); !status.ok()) return status;
  return std::unique_ptr<Directory>(std::make_unique<PosixDirectory>(std::move(folder), std::move(path), false));
}

Result<std::unique_ptr<Directory>> open_posix_directory_for_reading(std::string path) {
  Handle folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return posix_error("open the directory " + path, errno);
  return std::unique_ptr<Directory>(std::make_unique<PosixDirectory>(std::move(folder), std::move(path), true));
}

}  // namespace kvstore::env
