#include "env/memory_directory.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/assert.h"
#include "base/mutex.h"

namespace kvstore::env {

using base::MutexLock;
using Kind = DiskOperation::Kind;

namespace {

// Guarded by the mutex of the disk it is on.
struct MemoryInode {
  FileNumber number = 0;
  PagedBytes bytes;
};

Status failed(StatusCode code, std::string_view action, std::string_view name, std::string_view reason) {
  return Status(code, "cannot " + std::string(action) + " " + std::string(name) + " in memory: " + std::string(reason));
}

Status not_found(std::string_view action, std::string_view name) {
  return failed(StatusCode::kNotFound, action, name, "No such file or directory");
}

}  // namespace

struct MemoryDisk {
  base::Mutex mutex;
  std::map<std::string, std::shared_ptr<MemoryInode>, std::less<>> names KV_GUARDED_BY(mutex);
  FileNumber next_file KV_GUARDED_BY(mutex) = 1;
  bool locked KV_GUARDED_BY(mutex) = false;
  bool traced KV_GUARDED_BY(mutex) = false;
  DiskTrace trace KV_GUARDED_BY(mutex);

  void record(DiskOperation operation) KV_REQUIRES(mutex) {
    if (traced) trace.operations.push_back(std::move(operation));
  }
  // The file of that name, made when it is not there.
  std::shared_ptr<MemoryInode> file(std::string_view name) KV_REQUIRES(mutex) {
    const auto found = names.find(name);
    if (found != names.end()) return found->second;
    auto inode = std::make_shared<MemoryInode>();
    inode->number = next_file++;
    names.emplace(name, inode);
    DiskOperation operation;
    operation.kind = Kind::kCreate;
    operation.file = inode->number;
    operation.name = name;
    record(std::move(operation));
    return inode;
  }
  void record_on_file(Kind kind, const MemoryInode& inode, const std::string& name, std::uint64_t offset,
                      std::uint64_t length) KV_REQUIRES(mutex) {
    if (!traced) return;
    DiskOperation operation;
    operation.kind = kind;
    operation.file = inode.number;
    operation.name = name;
    operation.offset = offset;
    operation.length = length;
    if (kind == Kind::kWrite && length > 0) {
      for (std::uint64_t page = offset / kPageBytes; page < pages_for(offset + length); ++page) {
        operation.pages.push_back(inode.bytes.page(page));
      }
    }
    record(std::move(operation));
  }
};

namespace {

class MemoryFile final : public File, public SyncFailures {
 public:
  MemoryFile(std::shared_ptr<MemoryDisk> disk, std::shared_ptr<MemoryInode> inode, std::string name, bool writable,
             bool direct)
      : disk_(std::move(disk)),
        inode_(std::move(inode)),
        name_(std::move(name)),
        writable_(writable),
        direct_(direct) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<char> bytes) override {
    check_alignment(offset, bytes.data(), bytes.size());
    const MutexLock lock(disk_->mutex);
    return inode_->bytes.read(offset, bytes);
  }
  Status write(std::uint64_t offset, std::string_view bytes) override {
    const MutexLock lock(disk_->mutex);
    return write_locked(offset, bytes);
  }
  Status write_durably(std::uint64_t offset, std::string_view bytes) override {
    const MutexLock lock(disk_->mutex);
    // Two steps in the trace: a crash may come between them.
    if (Status status = write_locked(offset, bytes); !status.ok()) return status;
    disk_->record_on_file(Kind::kFirm, *inode_, name_, offset, bytes.size());
    return {};
  }
  Status sync() override {
    const MutexLock lock(disk_->mutex);
    disk_->record_on_file(Kind::kSync, *inode_, name_, 0, 0);
    return {};
  }
  void sync_failed() override {
    const MutexLock lock(disk_->mutex);
    disk_->record_on_file(Kind::kSyncFailed, *inode_, name_, 0, 0);
  }
  Status truncate(std::uint64_t size) override {
    if (Status status = check_growth("truncate", size); !status.ok()) return status;
    const MutexLock lock(disk_->mutex);
    inode_->bytes.resize(size);
    disk_->record_on_file(Kind::kTruncate, *inode_, name_, 0, size);
    return {};
  }
  // As far as a crash can tell, a truncate that makes it longer.
  Result<bool> allocate(std::uint64_t bytes) override {
    if (Status status = truncate(std::max(bytes, size().value())); !status.ok()) return status;
    return true;
  }
  Result<std::uint64_t> size() const override {
    const MutexLock lock(disk_->mutex);
    return inode_->bytes.size();
  }
  int descriptor() const override { return -1; }
  bool direct() const override { return direct_; }

 private:
  void check_alignment(std::uint64_t offset, const void* address, std::size_t length) const {
    KV_ASSERT(!direct_ || (offset | reinterpret_cast<std::uintptr_t>(address) | length) % kDirectAlignment == 0);
  }
  Status check_growth(std::string_view action, std::uint64_t size) const {
    if (!writable_) return failed(StatusCode::kIoError, action, name_, "Bad file descriptor");
    if (size > MemoryDirectory::kMaxFileBytes) return failed(StatusCode::kIoError, action, name_, "File too large");
    return {};
  }
  Status write_locked(std::uint64_t offset, std::string_view bytes) KV_REQUIRES(disk_->mutex) {
    check_alignment(offset, bytes.data(), bytes.size());
    if (Status status = check_growth("write", offset + bytes.size()); !status.ok()) return status;
    inode_->bytes.write(offset, bytes);
    disk_->record_on_file(Kind::kWrite, *inode_, name_, offset, bytes.size());
    return {};
  }

  const std::shared_ptr<MemoryDisk> disk_;
  const std::shared_ptr<MemoryInode> inode_;
  const std::string name_;
  const bool writable_;
  const bool direct_;
};

}  // namespace

MemoryDirectory::MemoryDirectory() : MemoryDirectory(std::make_shared<MemoryDisk>()) {}

MemoryDirectory::MemoryDirectory(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {}

MemoryDirectory::~MemoryDirectory() {
  if (!holds_lock_) return;
  const MutexLock lock(disk_->mutex);
  disk_->locked = false;
}

Result<std::unique_ptr<File>> MemoryDirectory::open(std::string_view name, OpenMode mode, Caching caching) {
  if (name.empty() || name.find('/') != std::string_view::npos) {
    return failed(StatusCode::kIoError, "open", name, "not a plain file name");
  }
  const MutexLock lock(disk_->mutex);
  if (mode != OpenMode::kCreate && !disk_->names.contains(name)) return not_found("open", name);
  auto inode = disk_->file(name);
  if (mode == OpenMode::kCreate && inode->bytes.size() > 0) {
    inode->bytes.resize(0);
    disk_->record_on_file(Kind::kTruncate, *inode, std::string(name), 0, 0);
  }
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(disk_, std::move(inode), std::string(name),
                                                            mode != OpenMode::kRead, caching == Caching::kDirect));
}

Status MemoryDirectory::rename(std::string_view from, std::string_view to) {
  const MutexLock lock(disk_->mutex);
  const auto found = disk_->names.find(from);
  if (found == disk_->names.end()) return not_found("rename", std::string(from) + " to " + std::string(to));
  if (from == to) return {};
  auto inode = std::move(found->second);
  disk_->names.erase(found);
  disk_->names.insert_or_assign(std::string(to), std::move(inode));
  DiskOperation operation;
  operation.kind = Kind::kRename;
  operation.name = from;
  operation.to = to;
  disk_->record(std::move(operation));
  return {};
}

Status MemoryDirectory::remove(std::string_view name) {
  const MutexLock lock(disk_->mutex);
  const auto found = disk_->names.find(name);
  if (found == disk_->names.end()) return not_found("remove", name);
  disk_->names.erase(found);
  DiskOperation operation;
  operation.kind = Kind::kRemove;
  operation.name = name;
  disk_->record(std::move(operation));
  return {};
}

Result<std::vector<std::string>> MemoryDirectory::list() {
  const MutexLock lock(disk_->mutex);
  std::vector<std::string> all;
  for (const auto& [name, inode] : disk_->names) all.push_back(name);
  return all;
}

Status MemoryDirectory::sync() {
  const MutexLock lock(disk_->mutex);
  DiskOperation operation;
  operation.kind = Kind::kSyncDirectory;
  disk_->record(std::move(operation));
  return {};
}

Status MemoryDirectory::lock(std::string_view name) {
  KV_ASSERT(!holds_lock_);
  const MutexLock lock(disk_->mutex);
  if (disk_->locked) {
    return failed(StatusCode::kUnavailable, "lock", name, "the directory is in use by another server");
  }
  (void)disk_->file(name);
  disk_->locked = holds_lock_ = true;
  return {};
}

bool MemoryDirectory::exists(std::string_view name) const {
  const MutexLock lock(disk_->mutex);
  return disk_->names.contains(name);
}

std::string MemoryDirectory::contents(std::string_view name) const {
  const MutexLock lock(disk_->mutex);
  const auto found = disk_->names.find(name);
  KV_ASSERT(found != disk_->names.end());
  std::string bytes(found->second->bytes.size(), '\0');
  KV_ASSERT(found->second->bytes.read(0, bytes) == bytes.size());
  return bytes;
}

void MemoryDirectory::put(std::string_view name, std::string_view bytes) {
  PagedBytes paged;
  paged.write(0, bytes);
  put(name, std::move(paged));
}

void MemoryDirectory::put(std::string_view name, PagedBytes bytes) {
  const MutexLock lock(disk_->mutex);
  KV_ASSERT(!disk_->traced);  // the trace would not know of it
  disk_->file(name)->bytes = std::move(bytes);
}

void MemoryDirectory::start_trace() {
  const MutexLock lock(disk_->mutex);
  disk_->traced = true;
  disk_->trace = DiskTrace();
  for (const auto& [name, inode] : disk_->names) {
    disk_->trace.start.emplace(name, DiskTrace::StartFile{inode->number, inode->bytes});
  }
}

DiskTrace MemoryDirectory::trace() const {
  const MutexLock lock(disk_->mutex);
  KV_ASSERT(disk_->traced);
  return disk_->trace;
}

void MemoryDirectory::note(std::string text) {
  const MutexLock lock(disk_->mutex);
  DiskOperation operation;
  operation.kind = Kind::kNote;
  operation.name = std::move(text);
  disk_->record(std::move(operation));
}

void MemoryDirectory::note_acknowledged(std::uint64_t number) {
  const MutexLock lock(disk_->mutex);
  DiskOperation operation;
  operation.kind = Kind::kAcknowledge;
  operation.length = number;
  disk_->record(std::move(operation));
}

std::unique_ptr<MemoryDirectory> MemoryDirectory::open_again() const {
  return std::unique_ptr<MemoryDirectory>(new MemoryDirectory(disk_));
}

std::unique_ptr<MemoryDirectory> MemoryDirectory::after_kill() const {
  auto copy = std::make_shared<MemoryDisk>();
  const MutexLock lock(disk_->mutex);
  const MutexLock copy_lock(copy->mutex);
  for (const auto& [name, inode] : disk_->names) copy->names.emplace(name, std::make_shared<MemoryInode>(*inode));
  copy->next_file = disk_->next_file;
  copy->traced = disk_->traced;
  copy->trace = disk_->trace;
  return std::unique_ptr<MemoryDirectory>(new MemoryDirectory(copy));
}

}  // namespace kvstore::env
