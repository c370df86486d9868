#include "durability/snapshot_writer.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "base/seeded_bug.h"
#include "durability/rdb_encoder.h"
#include "store/snapshot.h"

namespace kvstore::durability {

SnapshotProgress SnapshotWriter::progress() const {
  return {running_.load(std::memory_order_relaxed), keys_done_.load(std::memory_order_relaxed),
          keys_total_.load(std::memory_order_relaxed), bytes_written_.load(std::memory_order_relaxed)};
}

Result<SnapshotTaken> SnapshotWriter::run() {
  keys_done_.store(0, std::memory_order_relaxed);
  keys_total_.store(0, std::memory_order_relaxed);
  bytes_written_.store(0, std::memory_order_relaxed);
  running_.store(true, std::memory_order_relaxed);
  Result<SnapshotTaken> taken = write();
  // What is left of it is removed at the next start, when this fails too.
  if (!taken.ok()) static_cast<void>(directory_.remove(kTemporarySnapshotName));
  running_.store(false, std::memory_order_relaxed);
  KV_ASSERT(memory_.used() == 0);
  return taken;
}

Result<SnapshotTaken> SnapshotWriter::write() {
  Result<std::unique_ptr<SnapshotFile>> file = SnapshotFile::create(
      directory_, kTemporarySnapshotName, [this](std::chrono::microseconds time_used) { leave_disk(time_used); });
  if (!file.ok()) return file.status();
  SnapshotTaken taken;
  if (Status status = collect(*file.value(), taken); !status.ok()) return status;
  if (Status status = file.value()->finish(); !status.ok()) return status;
  if (Status status = file.value()->verify(); !status.ok()) return status;
  taken.bytes = file.value()->size();
  bytes_written_.store(taken.bytes, std::memory_order_relaxed);
  if (!KV_SEEDED_BUG(snapshot_ahead_of_log)) {
    if (Status status = options_.ensure_log_durable(taken.lsn); !status.ok()) return status;
  }
  if (Status status = publish(); !status.ok()) return status;
  return taken;
}

Status SnapshotWriter::collect(SnapshotFile& file, SnapshotTaken& taken) {
  SnapshotCollector collector(memory_, options_.position);
  Status status;
  {
    store::Snapshot snapshot(keyspace_, collector);
    taken.lsn = collector.lsn() + (KV_SEEDED_BUG(snapshot_lsn_late) ? 1 : 0);
    taken.keys = snapshot.keys_total();
    keys_total_.store(taken.keys, std::memory_order_relaxed);
    status = write_header(file, taken);
    for (bool more = true; more && status.ok();) {
      more = snapshot.step();
      status = write_chunks(file, collector, false);
      if (status.ok() && stopped_.load(std::memory_order_relaxed)) {
        status = Status(StatusCode::kUnavailable, "the snapshot was stopped");
      }
    }
  }  // after an error this ends the saving: no writer gives the collector anything any more
  if (status.ok()) status = write_chunks(file, collector, true);
  KV_ASSERT(!status.ok() || keys_done_.load(std::memory_order_relaxed) == taken.keys);
  if (collector.give_back(collector.take_full(true))) options_.on_room();
  return status;
}

Status SnapshotWriter::write_header(SnapshotFile& file, const SnapshotTaken& taken) {
  SnapshotInfo info;
  info.version = options_.version;
  info.database_id = options_.database_id;
  info.created_s = static_cast<std::uint64_t>(clock_.wall_us() / 1'000'000);
  info.lsn = taken.lsn;
  info.keys = taken.keys;
  return file.append(rdb_header(info));
}

Status SnapshotWriter::write_chunks(SnapshotFile& file, SnapshotCollector& collector, bool all) {
  // Without room also those that are not full: what they pin may be what is missing.
  SnapshotChunk* const list = collector.take_full(all || !memory_.has_room());
  Status status;
  for (const SnapshotChunk* chunk = list; chunk != nullptr && status.ok(); chunk = chunk->next) {
    status = write_chunk(file, *chunk);
    keys_done_.store(keys_done_.load(std::memory_order_relaxed) + chunk->keys, std::memory_order_relaxed);
  }
  if (list != nullptr) bytes_written_.store(file.size(), std::memory_order_relaxed);
  if (collector.give_back(list)) options_.on_room();
  return status;
}

Status SnapshotWriter::write_chunk(SnapshotFile& file, const SnapshotChunk& chunk) {
  const std::string_view bytes(chunk.data, chunk.used);
  std::size_t done = 0;
  for (const SnapshotChunk::Pin& pin : chunk.pins) {
    if (Status status = file.append(bytes.substr(done, pin.at - done)); !status.ok()) return status;
    if (Status status = file.append(pin.block->view()); !status.ok()) return status;
    done = pin.at;
  }
  return file.append(bytes.substr(done));
}

// A commit must have the disk flushed, and waits for what the snapshot wrote before. Not where writers wait for the
// snapshot instead.
void SnapshotWriter::leave_disk(std::chrono::microseconds time_used) {
  if (!options_.shares_disk() || memory_.used() > memory_.bytes_max() / 2) return;
  std::this_thread::sleep_for(std::min<std::chrono::microseconds>(kPauseFactor * time_used, kPauseMax));
}

// Between the two renames there is no kSnapshotName; a start then uses kPreviousSnapshotName and the log behind it.
Status SnapshotWriter::publish() {
  Status status = directory_.rename(kSnapshotName, kPreviousSnapshotName);
  if (!status.ok() && status.code() != StatusCode::kNotFound) return status;
  status = directory_.rename(kTemporarySnapshotName, kSnapshotName);
  return status.ok() ? directory_.sync() : status;
}

}  // namespace kvstore::durability
