// KeyValueStore, on the keyspace's database 0, without commands or protocols.
//
// Invariants:
//   1. Nothing is hashed, allocated or copied by the size of a large value while a shard is locked.
//   2. Every kWritesBetweenMaintenance writes to a shard the writing thread does a slice of background work: the store
//      has no thread of its own.
#include "kvstore/key_value_store.h"

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/shared_bytes.h"
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

// Such a key cannot have been set: nothing may be read for its sake, not even the key.
bool over_limit(std::string_view key) { return key.size() > store::Keyspace::kKeyBytesMax; }

Status too_large(std::string_view what, std::size_t size, std::size_t limit) {
  return {StatusCode::kTooLarge, std::string(what) + " has " + std::to_string(size) + " bytes; the limit is " +
                                     std::to_string(limit) + " bytes"};
}

}  // namespace

class KeyValueStore::Impl {
 public:
  explicit Impl(unsigned shards) : keyspace_(options_of(shards)), write_counts_(shards) {}

  Status set(std::string_view key_bytes, std::string_view value_bytes);
  [[nodiscard]] bool get(std::string_view key_bytes, std::string& value) const;
  [[nodiscard]] bool contains(std::string_view key_bytes) const;
  bool erase(std::string_view key_bytes);
  void clear() {
    store::WriteContext context;
    keyspace_.flush(kDatabase, context);
  }
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
  void after_write(unsigned shard, store::WriteContext& context, bool maintain);

  // Reading takes locks; the data a caller can see does not change.
  mutable store::Keyspace keyspace_;
  std::vector<WriteCount> write_counts_;
};

bool KeyValueStore::Impl::count_write(unsigned shard) {
  if (++write_counts_[shard].writes < kWritesBetweenMaintenance) return false;
  write_counts_[shard].writes = 0;
  return true;
}

void KeyValueStore::Impl::after_write(unsigned shard, store::WriteContext& context, bool maintain) {
  keyspace_.prepare_spares(shard);
  context.release();
  if (maintain) keyspace_.maintain();
}

Status KeyValueStore::Impl::set(std::string_view key_bytes, std::string_view value_bytes) {
  if (over_limit(key_bytes)) {
    return too_large("the key", key_bytes.size(), store::Keyspace::kKeyBytesMax);
  }
  if (value_bytes.size() > store::Keyspace::kValueBytesMax) {
    return too_large("the value", value_bytes.size(), store::Keyspace::kValueBytesMax);
  }
  const store::Key key = keyspace_.key(with_address(key_bytes));
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

bool KeyValueStore::Impl::get(std::string_view key_bytes, std::string& value) const {
  if (over_limit(key_bytes)) return false;
  const store::Key key = keyspace_.key(with_address(key_bytes));
  const unsigned shard = keyspace_.shard_of(key.hash);
  // A small value goes through this room, so that `value` grows (perhaps by a system call) without the lock.
  std::array<char, store::kLargeValueBytes> small;
  base::SharedBytesRef large;

  keyspace_.lock(shard);
  const store::ValueView found = keyspace_.find(kDatabase, key);
  const bool exists = static_cast<bool>(found);
  const std::size_t size = found.bytes.size();
  if (found.block != nullptr) {
    large = base::SharedBytesRef::share(found.block);
  } else if (size > 0) {
    KV_ASSERT(size <= small.size());
    std::memcpy(small.data(), found.bytes.data(), size);
  }
  keyspace_.unlock(shard);

  if (!exists) return false;
  value.assign(large ? large->data() : small.data(), size);
  return true;
}

bool KeyValueStore::Impl::contains(std::string_view key_bytes) const {
  if (over_limit(key_bytes)) return false;
  const store::Key key = keyspace_.key(with_address(key_bytes));
  const unsigned shard = keyspace_.shard_of(key.hash);
  keyspace_.lock(shard);
  const bool exists = static_cast<bool>(keyspace_.find(kDatabase, key));
  keyspace_.unlock(shard);
  return exists;
}

bool KeyValueStore::Impl::erase(std::string_view key_bytes) {
  if (over_limit(key_bytes)) return false;
  const store::Key key = keyspace_.key(with_address(key_bytes));
  const unsigned shard = keyspace_.shard_of(key.hash);
  store::WriteContext context;
  keyspace_.lock(shard);
  const bool existed = keyspace_.erase(kDatabase, key, context);
  const bool maintain = existed && count_write(shard);
  keyspace_.unlock(shard);
  if (existed) after_write(shard, context, maintain);
  return existed;
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
  if (options.shards < 1 || options.shards > store::ShardSet::kShardsMax) {
    return Status(StatusCode::kInvalidArgument, "shards must be 1 to " + std::to_string(store::ShardSet::kShardsMax) +
                                                    ", not " + std::to_string(options.shards));
  }
  return std::unique_ptr<KeyValueStore>(new KeyValueStore(std::make_unique<Impl>(options.shards)));
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
bool KeyValueStore::erase(std::string_view key) { return impl_->erase(key); }
void KeyValueStore::clear() { impl_->clear(); }
std::size_t KeyValueStore::size() const { return impl_->size(); }

void KeyValueStore::for_each(const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  impl_->for_each(visit);
}

Stats KeyValueStore::stats() const { return impl_->stats(); }

}  // namespace kvstore
