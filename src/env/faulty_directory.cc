#include "env/faulty_directory.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "env/memory_directory.h"

namespace kvstore::env {

using base::MutexLock;

namespace {

std::string_view reason_of(StatusCode code) {
  switch (code) {
    case StatusCode::kNoSpace:
      return "No space left on device";
    case StatusCode::kNotFound:
      return "No such file or directory";
    case StatusCode::kUnavailable:
      return "Too many open files";
    default:
      return "Input/output error";
  }
}

}  // namespace

class FaultyFile final : public File {
 public:
  FaultyFile(FaultyDirectory& directory, std::unique_ptr<File> inner, std::string name)
      : directory_(directory), inner_(std::move(inner)), name_(std::move(name)) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<char> bytes) override {
    if (auto fault = directory_.strike(FaultKind::kRead, "read", name_)) return fault->status;
    return inner_->read(offset, bytes);
  }
  Status write(std::uint64_t offset, std::string_view bytes) override {
    if (auto fault = strike_write(FaultKind::kWrite, offset, bytes)) return *fault;
    return inner_->write(offset, bytes);
  }
  Status write_durably(std::uint64_t offset, std::string_view bytes) override {
    if (auto fault = strike_write(FaultKind::kWriteDurably, offset, bytes)) return *fault;
    return inner_->write_durably(offset, bytes);
  }
  Status sync() override {
    auto fault = directory_.strike(FaultKind::kSync, "sync", name_);
    if (!fault) return inner_->sync();
    if (auto* listener = dynamic_cast<SyncFailures*>(inner_.get())) listener->sync_failed();
    return fault->status;
  }
  Status truncate(std::uint64_t size) override {
    auto fault = directory_.strike_growth(FaultKind::kTruncate, "truncate", name_, *inner_, size, size);
    return fault ? fault->status : inner_->truncate(size);
  }
  Result<bool> allocate(std::uint64_t size) override {
    if (!directory_.allocates()) return false;
    auto fault = directory_.strike_growth(FaultKind::kAllocate, "make room in", name_, *inner_, size, size);
    if (fault) return fault->status;
    return inner_->allocate(size);
  }
  Result<std::uint64_t> size() const override {
    if (auto fault = directory_.strike(FaultKind::kSize, "ask for the size of", name_)) return fault->status;
    return inner_->size();
  }
  // None, so that a ring cannot pass the faults by.
  int descriptor() const override { return -1; }
  bool direct() const override { return inner_->direct(); }

 private:
  std::optional<Status> strike_write(FaultKind kind, std::uint64_t offset, std::string_view bytes) {
    auto fault = directory_.strike_growth(kind, "write", name_, *inner_, offset, offset + bytes.size());
    if (!fault) return std::nullopt;
    std::size_t left_behind = std::min(fault->short_bytes, bytes.empty() ? 0 : bytes.size() - 1);
    if (inner_->direct()) left_behind -= left_behind % kDirectAlignment;
    // Not durable, whichever way it was written.
    if (left_behind > 0) KV_ASSERT(inner_->write(offset, bytes.substr(0, left_behind)).ok());
    return std::move(fault->status);
  }

  FaultyDirectory& directory_;
  const std::unique_ptr<File> inner_;
  const std::string name_;
};

FaultyDirectory::FaultyDirectory(Directory& inner, FaultPlan plan) : inner_(inner), plan_(plan) {}
FaultyDirectory::~FaultyDirectory() = default;

void FaultyDirectory::set_plan(FaultPlan plan) {
  const MutexLock lock(mutex_);
  plan_ = plan;
  calls_ = 0;
}

void FaultyDirectory::set_capacity(std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  capacity_ = bytes;
}

std::uint64_t FaultyDirectory::free_bytes() {
  std::uint64_t capacity = 0;
  {
    const MutexLock lock(mutex_);
    capacity = capacity_;
  }
  return capacity == kUnlimited ? inner_.free_bytes() : capacity - std::min(capacity, used_bytes());
}

std::uint64_t FaultyDirectory::calls() const {
  const MutexLock lock(mutex_);
  return calls_;
}

std::uint64_t FaultyDirectory::faults() const {
  const MutexLock lock(mutex_);
  return faults_;
}

Status FaultyDirectory::failure(StatusCode code, std::string_view action, std::string_view name) const {
  return Status(code, "cannot " + std::string(action) + " " + std::string(name) + " in " + inner_.path() + ": " +
                          std::string(reason_of(code)));
}

std::optional<FaultyDirectory::Fault> FaultyDirectory::strike(FaultKind kind, std::string_view action,
                                                              std::string_view name) {
  const MutexLock lock(mutex_);
  if (!includes(plan_.kinds, kind)) return std::nullopt;
  ++calls_;
  if (plan_.nth == 0 || calls_ < plan_.nth || (calls_ > plan_.nth && !plan_.all_later_too)) return std::nullopt;
  ++faults_;
  return Fault{failure(plan_.code, action, name), plan_.short_bytes};
}

std::uint64_t FaultyDirectory::used_bytes() const {
  const auto names = inner_.list();
  KV_ASSERT(names.ok());
  std::uint64_t total = 0;
  for (const std::string& name : names.value()) {
    const auto file = inner_.open(name, OpenMode::kRead, Caching::kBuffered);
    if (file.ok()) total += file.value()->size().value();  // another thread may just have removed it
  }
  return total;
}

std::optional<FaultyDirectory::Fault> FaultyDirectory::strike_growth(FaultKind kind, std::string_view action,
                                                                     std::string_view name, const File& file,
                                                                     std::uint64_t offset, std::uint64_t end) {
  if (auto fault = strike(kind, action, name)) return fault;
  std::uint64_t capacity = 0;
  {
    const MutexLock lock(mutex_);
    capacity = capacity_;
  }
  const std::uint64_t size = file.size().value();
  if (capacity == kUnlimited || end <= size) return std::nullopt;
  const std::uint64_t used = used_bytes();
  if (used + (end - size) <= capacity) return std::nullopt;
  const MutexLock lock(mutex_);
  ++faults_;
  const std::uint64_t fits_up_to = size + (capacity > used ? capacity - used : 0);
  return Fault{failure(StatusCode::kNoSpace, action, name),
               fits_up_to > offset ? static_cast<std::size_t>(fits_up_to - offset) : 0};
}

Result<std::unique_ptr<File>> FaultyDirectory::open(std::string_view name, OpenMode mode, Caching caching) {
  if (auto fault = strike(FaultKind::kOpen, "open", name)) return fault->status;
  auto opened = inner_.open(name, mode, caching);
  if (!opened.ok()) return opened.status();
  return std::unique_ptr<File>(std::make_unique<FaultyFile>(*this, std::move(opened).value(), std::string(name)));
}

Status FaultyDirectory::rename(std::string_view from, std::string_view to) {
  if (auto fault = strike(FaultKind::kRename, "rename", from)) return fault->status;
  return inner_.rename(from, to);
}

Status FaultyDirectory::remove(std::string_view name) {
  if (auto fault = strike(FaultKind::kRemove, "remove", name)) return fault->status;
  return inner_.remove(name);
}

Result<std::vector<std::string>> FaultyDirectory::list() {
  if (auto fault = strike(FaultKind::kList, "list", "the files")) return fault->status;
  return inner_.list();
}

Status FaultyDirectory::sync() {
  if (auto fault = strike(FaultKind::kSyncDirectory, "sync", "the directory")) return fault->status;
  return inner_.sync();
}

Status FaultyDirectory::lock(std::string_view name) {
  if (auto fault = strike(FaultKind::kLock, "lock", name)) return fault->status;
  return inner_.lock(name);
}

std::uint64_t sweep_faults(FaultPlan plan, const std::function<std::uint64_t(const FaultPlan&)>& run) {
  constexpr std::uint64_t kMaxRuns = 1'000'000;
  for (plan.nth = 1; run(plan) > 0; ++plan.nth) KV_ASSERT(plan.nth < kMaxRuns);
  return plan.nth - 1;
}

}  // namespace kvstore::env
