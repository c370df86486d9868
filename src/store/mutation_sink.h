// MutationSink: is told of every change to the keyspace as its effect, in the order the changes happen to each key.
// Implemented by durability::LogGroup; a keyspace without a log has none.
//
// Effects are absolute (the final value, not the command), so that applying them again to the state before gives the
// state after, at any later time.
//
// Thread rule: one sink a thread. Every function is called with the locks of the shards it concerns held: it must be
// short, must not touch the keyspace, and makes no system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "store/value.h"

namespace kvstore::store {

// A position in the log: every byte before it belongs to changes that come before. 0: before all changes.
using Lsn = std::uint64_t;

class MutationSink {
 public:
  virtual ~MutationSink() = default;

  // The key now holds this value (in full). `value.block` is set for a large value: share it, do not copy it.
  virtual void on_set(int db, std::string_view key, const ValueView& value) = 0;
  // The string at the key now has `size` bytes: those it had, cut or filled with zeros, with `bytes` at `offset`.
  // Used for large strings only, of which a small part changed.
  virtual void on_splice(int db, std::string_view key, std::size_t offset, std::size_t size,
                         std::string_view bytes) = 0;
  virtual void on_erase(int db, std::string_view key) = 0;
  // Every key of the database is gone; -1: of all databases.
  virtual void on_flush(int db) = 0;
  virtual void on_swap(int db_a, int db_b) = 0;

  // Everything told since the last seal() is one group: all of it survives a crash, or none. Gives the group its place
  // in the log and returns the LSN behind it; 0 when nothing was told. Called while all the shards concerned are still
  // locked.
  virtual Lsn seal() = 0;
};

}  // namespace kvstore::store
