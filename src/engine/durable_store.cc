#include "engine/durable_store.h"

#include <utility>

#include "engine/store_batch.h"

namespace kvstore::engine {
namespace {

// As KeyValueStore: this many writes of one Writer are followed by a slice of background work.
constexpr std::uint32_t kWritesBetweenMaintenance = 1024;

// Whatever made the log fail: to the caller it is that writing has failed.
Status as_failure(const Status& status) {
  return status.ok() || status.code() == StatusCode::kIoError ? status : Status(StatusCode::kIoError, status.message());
}

}  // namespace

// A Writer for the time of one write.
class DurableStore::WriterLease {
 public:
  explicit WriterLease(DurableStore& store) : store_(store) {
    {
      const base::MutexLock lock(store_.writers_mutex_);
      if (!store_.idle_writers_.empty()) {
        writer_ = std::move(store_.idle_writers_.back());
        store_.idle_writers_.pop_back();
      }
    }
    if (writer_ == nullptr) writer_ = std::make_unique<Writer>(store_.storage_->log());
  }
  ~WriterLease() {
    const base::MutexLock lock(store_.writers_mutex_);
    store_.idle_writers_.push_back(std::move(writer_));
  }
  WriterLease(const WriterLease&) = delete;
  WriterLease& operator=(const WriterLease&) = delete;
  Writer* operator->() { return writer_.get(); }
  Writer& operator*() { return *writer_; }

 private:
  DurableStore& store_;
  std::unique_ptr<Writer> writer_;
};

Result<std::unique_ptr<DurableStore>> DurableStore::open(env::Directory& directory, store::Keyspace& keyspace, int db,
                                                         const Options& options) {
  durability::StorageOptions storage;
  storage.mode = options.mode;
  storage.segment_bytes = options.segment_bytes;
  storage.batch_bytes = options.batch_bytes;
  storage.version = KVSTORE_VERSION;
  storage.snapshots.log_bytes_max = options.snapshot_log_bytes;
  Result<std::unique_ptr<durability::Storage>> opened =
      durability::Storage::open(directory, keyspace, env::Clock::system(), std::move(storage));
  if (!opened.ok()) return opened.status();
  std::unique_ptr<DurableStore> store(new DurableStore(keyspace, db));
  store->storage_ = std::move(opened).value();
  return store;
}

DurableStore::~DurableStore() {
  // Who wants to know whether it worked calls sync() before.
  if (storage_ != nullptr) static_cast<void>(storage_->close());
}

Status DurableStore::set(const store::Key& key, std::string_view value_bytes) {
  if (Status status = admit(1 + key.bytes.size() + value_bytes.size()); !status.ok()) return status;
  const unsigned shard = keyspace_.shard_of(key.hash);
  store::NewValue value = store::NewValue::stage(value_bytes);
  WriterLease writer(*this);
  keyspace_.lock(shard);
  keyspace_.set(db_, key, store::ValueType::kString, std::move(value), writer->context);
  const store::Lsn lsn = keyspace_.seal(shard, writer->context);
  keyspace_.unlock(shard);
  after_write(shard, *writer);
  return acknowledged(lsn);
}

Result<bool> DurableStore::erase(const store::Key& key) {
  if (Status status = admit(durability::Log::kErasesOnly); !status.ok()) return status;
  const unsigned shard = keyspace_.shard_of(key.hash);
  WriterLease writer(*this);
  keyspace_.lock(shard);
  const bool existed = keyspace_.erase(db_, key, writer->context);
  const store::Lsn lsn = keyspace_.seal(shard, writer->context);
  keyspace_.unlock(shard);
  after_write(shard, *writer);
  // Also when it was not there: somebody's erase may not be on disk yet.
  if (Status status = acknowledged(lsn); !status.ok()) return status;
  return existed;
}

Status DurableStore::clear() {
  if (Status status = admit(durability::Log::kErasesOnly); !status.ok()) return status;
  WriterLease writer(*this);
  keyspace_.flush(db_, writer->context);
  return acknowledged(writer->context.sealed_lsn());
}

Status DurableStore::write(const WriteBatch& changes) {
  if (Status status = admit(StoreBatch::bytes_written(changes)); !status.ok()) return status;
  StoreBatch batch(keyspace_, db_, changes);
  WriterLease writer(*this);
  keyspace_.lock(batch.shards());
  batch.apply(writer->context);
  const store::Lsn lsn = keyspace_.seal(batch.shards(), writer->context);
  keyspace_.unlock(batch.shards());
  batch.shards().for_each([&](unsigned shard) { after_write(shard, *writer); });
  return acknowledged(lsn);
}

Status DurableStore::admit(std::uint64_t bytes) {
  durability::Log& log = storage_->log();
  if (Status status = this->status(); !status.ok()) return status;
  storage_->wait_for_room();
  if (Status status = log.wait_for_room(); !status.ok()) return as_failure(status);
  if (log.takes(bytes)) return {};
  return {StatusCode::kNoSpace, "the disk is full: nothing can be written until there is room"};
}

Status DurableStore::acknowledged(store::Lsn lsn) { return as_failure(storage_->log().wait_acknowledged(lsn)); }

void DurableStore::after_write(unsigned shard, Writer& writer) {
  keyspace_.do_chores(shard);
  writer.context.release();
  if (++writer.writes < kWritesBetweenMaintenance) return;
  writer.writes = 0;
  keyspace_.maintain();
}

Status DurableStore::sync() { return as_failure(storage_->log().sync()); }

Status DurableStore::snapshot() {
  durability::SnapshotService& snapshots = storage_->snapshots();
  return snapshots.wait(snapshots.request());
}

Status DurableStore::status() const { return as_failure(storage_->log().failure()); }

store::Lsn DurableStore::last_lsn(unsigned shard) {
  store::WriteContext nothing;
  return keyspace_.seal(shard, nothing);
}

void DurableStore::wait_readable(store::Lsn lsn) {
  // A failure is told to writers and by status(); see key_value_store.h.
  static_cast<void>(storage_->log().wait_acknowledged(lsn));
}

}  // namespace kvstore::engine
