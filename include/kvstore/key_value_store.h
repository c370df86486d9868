// KeyValueStore: the kvstore engine as a library, without sockets.
//
//   auto opened = kvstore::KeyValueStore::open({});
//   if (!opened.ok()) { ... opened.status().message() ... }
//   kvstore::KeyValueStore& store = *opened.value();
//   kvstore::Status status = store.set("user:1", "john");
//   std::optional<std::string> name = store.get("user:1");
//
// With Options::data_dir the data is on disk, and a write returns when it is durable; threads that write at the same
// time share the trips to the disk. A read returns nothing that a crash could still take back. Without a data_dir all
// is in memory, and gone with the store.
//
// When the disk is full, writes return kNoSpace and change nothing, until there is room again; erase() and clear() go
// on a little longer. When writing failed in any other way, nothing is certain about the newest bytes, and nothing is
// tried again: the write that met it and every one after it return kIoError (a failed one may or may not be there after
// the next open()), and reads go on in memory.
//
// Thread rule: every member function may be called from any thread at any time, except the destructor.
// Keys and values are bytes: any byte may appear in them, a key or value may be empty, each up to 512 MiB.
// Errors are returned, never thrown; running out of memory ends the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kvstore/options.h"
#include "kvstore/status.h"
#include "kvstore/write_batch.h"

namespace kvstore {

struct Stats {
  std::size_t keys = 0;
  std::size_t index_bytes = 0;        // hash table: buckets and directories
  std::size_t record_bytes = 0;       // records in use: header, key, value
  std::size_t record_free_bytes = 0;  // holes in the record arenas, reused by later writes
  std::size_t large_value_bytes = 0;  // values of 8 KiB and more, each in a block of its own
};

class KeyValueStore {
 public:
  // Opens the store; one with a data_dir has everything that was written to it. kInvalidArgument when an option is out
  // of range, kUnavailable when the directory is in use, kCorruption when what is on disk is not what was written there
  // (the message says where, and what can be done), otherwise what the disk answered.
  [[nodiscard]] static Result<std::unique_ptr<KeyValueStore>> open(const Options& options);
  // Brings everything to disk and lets the directory go.
  ~KeyValueStore();
  KeyValueStore(const KeyValueStore&) = delete;
  KeyValueStore& operator=(const KeyValueStore&) = delete;

  // Creates or replaces the key. kTooLarge when key or value is over 512 MiB.
  Status set(std::string_view key, std::string_view value);
  // A copy of the value, or nullopt when the key is not there.
  [[nodiscard]] std::optional<std::string> get(std::string_view key) const;
  // Like get(), into a string whose memory is reused; false (and `value` untouched) when the key is not there.
  [[nodiscard]] bool get(std::string_view key, std::string& value) const;
  [[nodiscard]] bool contains(std::string_view key) const;
  // True when the key was there.
  Result<bool> erase(std::string_view key);
  // Removes every key.
  Status clear();
  // Makes all changes of the batch, in their order: other threads see none or all, and so does the next open() after a
  // crash. kTooLarge, and nothing changed, when a key or value in it is. Threads that want the same shards wait while
  // it is applied: keep a batch to some thousand changes.
  Status write(const WriteBatch& batch);

  // Returns when everything written so far is on disk, also with kEverySecond.
  Status sync();
  // Writes a snapshot of all keys, while others go on reading and writing, and lets go of the log that it makes
  // superfluous. kInvalidArgument without a data_dir.
  Status snapshot();
  // Ok, or why every write fails from now on. See above.
  [[nodiscard]] Status status() const;

  // Number of keys. Exact when no other thread writes; otherwise true at some instant for each shard, and counting
  // writes that are on their way to the disk.
  [[nodiscard]] std::size_t size() const;

  // Calls `visit` for every key and value until it returns false. The views are valid during the call only. Keys that
  // are there from start to end are visited at least once; ones written meanwhile may or may not be, and a key can be
  // visited twice while the store grows. `visit` runs without locks and may use the store.
  void for_each(const std::function<bool(std::string_view key, std::string_view value)>& visit) const;

  [[nodiscard]] Stats stats() const;

 private:
  class Impl;
  explicit KeyValueStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvstore
