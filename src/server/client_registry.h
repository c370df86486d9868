// ClientRegistry: every session of every worker, for CLIENT LIST, INFO and the limits that all connections share.
//
// Thread rule: any thread. Its lock is a leaf: nothing else is locked while it is held (docs/threads.md).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>

#include "base/mutex.h"
#include "env/clock.h"
#include "server/session.h"

namespace kvstore::server {

class ClientRegistry {
 public:
  explicit ClientRegistry(const env::Clock& clock) : clock_(clock) {}

  [[nodiscard]] std::uint64_t next_id() {
    return next_id_.fetch_add(1, std::memory_order_relaxed);  // relaxed: only distinct numbers are needed
  }
  void add(Session& session);
  void remove(Session& session);
  [[nodiscard]] std::size_t size() const { return count_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::string list() const;
  [[nodiscard]] std::string describe(const Session& session) const;

  // Guards the names inside sessions.
  [[nodiscard]] base::Mutex& mutex() const KV_THREAD_ATTRIBUTE(lock_returned(mutex_)) { return mutex_; }

  // Memory of all sessions' buffers. relaxed: a budget, not a fence.
  void add_memory(std::int64_t change) { memory_bytes_.fetch_add(change, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

 private:
  const env::Clock& clock_;
  std::atomic<std::uint64_t> next_id_{1};
  std::atomic<std::size_t> count_{0};
  std::atomic<std::int64_t> memory_bytes_{0};
  mutable base::Mutex mutex_;
  std::unordered_set<Session*> sessions_ KV_GUARDED_BY(mutex_);
};

}  // namespace kvstore::server
