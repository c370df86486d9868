// KeyValueStore, on the keyspace's database 0, without commands or protocols.
//
// Invariants:
//   1. Nothing is hashed, allocated or copied by the size of a large value while a shard is locked.
//   2. Every kWritesBetweenMaintenance writes to a shard the writing thread does a slice of background work: the store
//      has no thread of its own.
//   3. A store in memory pays for durability with one look at a pointer an operation.
#include "kvstore/key_value_store.h"

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/shared_bytes.h"
#include "engine/durable_store.h"
#include "engine/size_limits.h"
#include "engine/store_batch.h"
#include "env/posix_directory.h"
#include "store/keyspace.h"

namespace kvstore {
namespace {

constexpr int kDatabase = 0;
constexpr std::uint32_t kWritesBetweenMaintenance = 1024;

// Writes since the last maintenance, of one shard; guarded by that shard's lock. A cache line each, so that shards do
// not slow each other down.
struct alignas(64) WriteCount {
  std::uint32_t writes = 0;
};

// The keys and values of one step of an iteration, copied under a shard's lock into room that was allocated before.
class Slice {
 public:
  struct Entry {
    std::size_t offset;  // of the key in bytes_, the value (unless it is large) behind it
    std::size_t key_size;
    std::size_t value_size;
    base::SharedBytesRef block;
  };

  Slice() { bytes_.resize(kFirstBytes), entries_.reserve(kFirstEntries); }

  void clear() {
    entries_.clear();
    used_ = entries_wanted_ = bytes_wanted_ = 0;
  }
  // Called under the lock: takes the entry, or only counts it when the room is too small.
  void add(std::string_view key, const store::ValueView& value) {
    const std::size_t copied = key.size() + (value.block == nullptr ? value.bytes.size() : 0);
    ++entries_wanted_;
    bytes_wanted_ += copied;
    if (overflowed()) return;
    if (!key.empty()) std::memcpy(bytes_.data() + used_, key.data(), key.size());
    Entry entry{used_, key.size(), value.bytes.size(), {}};
    if (value.block != nullptr) {
      entry.block = base::SharedBytesRef::share(value.block);
    } else if (!value.bytes.empty()) {
      std::memcpy(bytes_.data() + used_ + key.size(), value.bytes.data(), value.bytes.size());
    }
    entries_.push_back(std::move(entry));
    used_ += copied;
  }
  [[nodiscard]] bool overflowed() const {
    return entries_wanted_ > entries_.capacity() || bytes_wanted_ > bytes_.size();
  }
  // Makes room for what the last pass wanted; that pass is then repeated.
  void grow() {
    if (entries_wanted_ > entries_.capacity()) entries_.reserve(2 * entries_wanted_);
    if (bytes_wanted_ > bytes_.size()) bytes_.resize(bytes_wanted_ + bytes_wanted_ / 4);
  }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] std::string_view key(const Entry& entry) const {
    return std::string_view(bytes_).substr(entry.offset, entry.key_size);
  }
  [[nodiscard]] std::string_view value(const Entry& entry) const {
    if (entry.block) return entry.block->view().substr(0, entry.value_size);
    return std::string_view(bytes_).substr(entry.offset + entry.key_size, entry.value_size);
  }

 private:
  static constexpr std::size_t kFirstEntries = 128;
  static constexpr std::size_t kFirstBytes = 32 * 1024;

  std::string bytes_;
  std::size_t used_ = 0;
  std::vector<Entry> entries_;
  std::size_t entries_wanted_ = 0;
  std::size_t bytes_wanted_ = 0;
};

// An empty view may point nowhere, which memcpy and memcmp do not take.
std::string_view with_address(std::string_view bytes) { return bytes.data() != nullptr ? bytes : std::string_view(""); }

// value.assign(bytes) for a value that has the room and does not contain them.
void replace_bytes(std::string& value, std::string_view bytes) {
  if (value.size() != bytes.size()) value.resize(bytes.size());
  if (!bytes.empty()) std::memcpy(value.data(), bytes.data(), bytes.size());
}

// Such a key cannot have been set: nothing may be read for its sake, not even the key.
bool over_limit(std::string_view key) { return key.size() > store::Keyspace::kKeyBytesMax; }

Status out_of_range(const std::string& what, std::uint64_t value) {
  return {StatusCode::kInvalidArgument, what + ", not " + std::to_string(value)};
}

constexpr std::uint64_t kSegmentBytesMin = std::uint64_t{2} << 20;
constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{1} << 30;

Status check(const Options& options) {
  if (options.shards < 1 || options.shards > store::ShardSet::kShardsMax) {
    return out_of_range("shards must be 1 to " + std::to_string(store::ShardSet::kShardsMax), options.shards);
  }
  if (options.log_segment_bytes < kSegmentBytesMin || options.log_segment_bytes > kSegmentBytesMax) {
    return out_of_range(
        "log_segment_bytes must be " + std::to_string(kSegmentBytesMin) + " to " + std::to_string(kSegmentBytesMax),
        options.log_segment_bytes);
  }
  return {};
}

}  // namespace

class KeyValueStore::Impl {
 public:
  explicit Impl(unsigned shards) : keyspace_(options_of(shards)), write_counts_(shards) {}

  // Before the first use.
  Status open_directory(const Options& options);

  Status set(std::string_view key_bytes, std::string_view value_bytes);
  [[nodiscard]] bool get(std::string_view key_bytes, std::string& value) const;
  [[nodiscard]] bool contains(std::string_view key_bytes) const;
  Result<bool> erase(std::string_view key_bytes);
  Status clear();
  Status write(const WriteBatch& batch);
  [[nodiscard]] engine::DurableStore* durable() const { return durable_.get(); }
  [[nodiscard]] std::size_t size() const { return keyspace_.size(kDatabase); }
  void for_each(const std::function<bool(std::string_view, std::string_view)>& visit) const;
  [[nodiscard]] Stats stats() const;

 private:
  static store::Keyspace::Options options_of(unsigned shards) {
    store::Keyspace::Options options;
    options.shards = shards;
    return options;
  }
  // Under the shard's lock: true when this write shall be followed by a slice of background work.
  [[nodiscard]] bool count_write(unsigned shard);
  void after_write(unsigned shard, store::WriteContext& context, bool maintain) {
    keyspace_.do_chores(shard);
    context.release();
    if (maintain) keyspace_.maintain();
  }
  // What was read is shown when it is durable: last_lsn() with the shard locked, the wait without.
  [[nodiscard]] store::Lsn last_lsn(unsigned shard) const {
    return durable_ == nullptr ? 0 : durable_->last_lsn(shard);
  }
  void wait_readable(store::Lsn lsn) const {
    if (lsn != 0) durable_->wait_readable(lsn);
  }

  // Reading takes locks; the data a caller can see does not change.
  mutable store::Keyspace keyspace_;
  std::vector<WriteCount> write_counts_;
  std::unique_ptr<env::Directory> directory_;
  std::unique_ptr<engine::DurableStore> durable_;  // null: in memory only
};

Status KeyValueStore::Impl::open_directory(const Options& options) {
  Result<std::unique_ptr<env::Directory>> directory = env::open_posix_directory(options.data_dir);
  if (!directory.ok()) return directory.status();
  directory_ = std::move(directory).value();
  engine::DurableStore::Options durable;
  durable.mode = options.durability == Durability::kAlways ? durability::Mode::kAlways : durability::Mode::kEverySecond;
  durable.snapshot_log_bytes = options.snapshot_log_bytes;
  durable.segment_bytes = options.log_segment_bytes / durability::kPageBytes * durability::kPageBytes;
  auto opened = engine::DurableStore::open(*directory_, keyspace_, kDatabase, durable);
  if (!opened.ok()) return opened.status();
  durable_ = std::move(opened).value();
  return {};
}

inline bool KeyValueStore::Impl::count_write(unsigned shard) {
  if (++write_counts_[shard].writes < kWritesBetweenMaintenance) return false;
  write_counts_[shard].writes = 0;
  return true;
}

inline Status KeyValueStore::Impl::set(std::string_view key_bytes, std::string_view value_bytes) {
  if (over_limit(key_bytes) || value_bytes.size() > store::Keyspace::kValueBytesMax) {
    return engine::check_sizes(key_bytes, value_bytes);
  }
  const store::Key key = keyspace_.key(with_address(key_bytes));
  if (durable_ != nullptr) return durable_->set(key, with_address(value_bytes));
  const unsigned shard = keyspace_.shard_of(key.hash);
  store::NewValue value = store::NewValue::stage(with_address(value_bytes));
  store::WriteContext context;

  keyspace_.lock(shard);
  keyspace_.set(kDatabase, key, store::ValueType::kString, std::move(value), context);
  const bool maintain = count_write(shard);
  keyspace_.unlock(shard);
  after_write(shard, context, maintain);
  return {};
}

inline bool KeyValueStore::Impl::get(std::string_view key_bytes, std::string& value) const {
  if (over_limit(key_bytes)) return false;
  const store::Key key = keyspace_.key(with_address(key_bytes));
  const unsigned shard = keyspace_.shard_of(key.hash);
  // A value that `value` has no room for goes through this room, so that `value` grows (perhaps by a system call)
  // without the lock.
  std::array<char, store::kLargeValueBytes> small;
  base::SharedBytesRef large;

  keyspace_.lock(shard);
  const store::ValueView found = keyspace_.find(kDatabase, key);
  const bool exists = static_cast<bool>(found);
  const std::size_t size = found.bytes.size();
  const bool fits = found.block == nullptr && size <= value.capacity();
  if (fits) {
    if (exists) replace_bytes(value, found.bytes);
  } else if (found.block != nullptr) {
    large = base::SharedBytesRef::share(found.block);
  } else {
    KV_ASSERT(size <= small.size());
    std::memcpy(small.data(), found.bytes.data(), size);
  }
  const store::Lsn lsn = last_lsn(shard);
  keyspace_.unlock(shard);
  wait_readable(lsn);

  if (!fits) value.assign(large ? large->data() : small.data(), size);
  return exists;
}

bool KeyValueStore::Impl::contains(std::string_view key_bytes) const {
  if (over_limit(key_bytes)) return false;
  const store::Key key = keyspace_.key(with_address(key_bytes));
  const unsigned shard = keyspace_.shard_of(key.hash);
  keyspace_.lock(shard);
  const bool exists = static_cast<bool>(keyspace_.find(kDatabase, key));
  const store::Lsn lsn = last_lsn(shard);
  keyspace_.unlock(shard);
  wait_readable(lsn);
  return exists;
}

Result<bool> KeyValueStore::Impl::erase(std::string_view key_bytes) {
  if (over_limit(key_bytes)) return false;
  const store::Key key = keyspace_.key(with_address(key_bytes));
  if (durable_ != nullptr) return durable_->erase(key);
  const unsigned shard = keyspace_.shard_of(key.hash);
  store::WriteContext context;
  keyspace_.lock(shard);
  const bool existed = keyspace_.erase(kDatabase, key, context);
  const bool maintain = existed && count_write(shard);
  keyspace_.unlock(shard);
  if (existed) after_write(shard, context, maintain);
  return existed;
}

Status KeyValueStore::Impl::clear() {
  if (durable_ != nullptr) return durable_->clear();
  store::WriteContext context;
  keyspace_.flush(kDatabase, context);
  return {};
}

Status KeyValueStore::Impl::write(const WriteBatch& changes) {
  if (Status status = engine::StoreBatch::check(changes); !status.ok()) return status;
  if (durable_ != nullptr) return durable_->write(changes);
  engine::StoreBatch batch(keyspace_, kDatabase, changes);
  store::WriteContext context;
  store::ShardSet to_maintain;
  keyspace_.lock(batch.shards());
  batch.apply(context);
  batch.shards().for_each([&](unsigned shard) {
    if (count_write(shard)) to_maintain.add(shard);
  });
  keyspace_.unlock(batch.shards());
  batch.shards().for_each([&](unsigned shard) { after_write(shard, context, to_maintain.contains(shard)); });
  return {};
}

void KeyValueStore::Impl::for_each(const std::function<bool(std::string_view, std::string_view)>& visit) const {
  constexpr std::size_t kKeysAtOnce = 64;
  Slice slice;
  std::uint64_t cursor = 0;
  do {
    std::uint64_t next = 0;
    slice.clear();
    for (;;) {
      next = keyspace_.scan(kDatabase, cursor, kKeysAtOnce,
                            [&slice](std::string_view key, const store::ValueView& value) { slice.add(key, value); });
      if (!slice.overflowed()) break;
      slice.grow();
      slice.clear();
    }
    if (durable_ != nullptr) durable_->wait_readable(durable_->end_lsn());
    for (const Slice::Entry& entry : slice.entries()) {
      if (!visit(slice.key(entry), slice.value(entry))) return;
    }
    cursor = next;
  } while (cursor != 0);
}

Stats KeyValueStore::Impl::stats() const {
  const store::KeyspaceStats from = keyspace_.stats();
  return {from.keys, from.index_bytes, from.record_bytes, from.record_free_bytes, from.large_value_bytes};
}

Result<std::unique_ptr<KeyValueStore>> KeyValueStore::open(const Options& options) {
  if (Status status = check(options); !status.ok()) return status;
  auto impl = std::make_unique<Impl>(options.shards);
  if (!options.data_dir.empty()) {
    if (Status status = impl->open_directory(options); !status.ok()) return status;
  }
  return std::unique_ptr<KeyValueStore>(new KeyValueStore(std::move(impl)));
}

KeyValueStore::KeyValueStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeyValueStore::~KeyValueStore() = default;

Status KeyValueStore::set(std::string_view key, std::string_view value) { return impl_->set(key, value); }

std::optional<std::string> KeyValueStore::get(std::string_view key) const {
  std::string value;
  if (!impl_->get(key, value)) return std::nullopt;
  return value;
}

bool KeyValueStore::get(std::string_view key, std::string& value) const { return impl_->get(key, value); }
bool KeyValueStore::contains(std::string_view key) const { return impl_->contains(key); }
Result<bool> KeyValueStore::erase(std::string_view key) { return impl_->erase(key); }
Status KeyValueStore::clear() { return impl_->clear(); }
Status KeyValueStore::write(const WriteBatch& batch) { return impl_->write(batch); }

Status KeyValueStore::sync() { return impl_->durable() == nullptr ? Status{} : impl_->durable()->sync(); }

Status KeyValueStore::snapshot() {
  if (impl_->durable() == nullptr) return {StatusCode::kInvalidArgument, "a store without data_dir has no snapshots"};
  return impl_->durable()->snapshot();
}

Status KeyValueStore::status() const { return impl_->durable() == nullptr ? Status{} : impl_->durable()->status(); }

std::size_t KeyValueStore::size() const { return impl_->size(); }

void KeyValueStore::for_each(const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  impl_->for_each(visit);
}

Stats KeyValueStore::stats() const { return impl_->stats(); }

}  // namespace kvstore
