#include "server/client_registry.h"

#include <algorithm>
#include <vector>

namespace kvstore::server {

void ClientRegistry::add(Session& session) {
  base::MutexLock lock(mutex_);
  sessions_.insert(&session);
  count_.store(sessions_.size(), std::memory_order_relaxed);
}

void ClientRegistry::remove(Session& session) {
  base::MutexLock lock(mutex_);
  sessions_.erase(&session);
  count_.store(sessions_.size(), std::memory_order_relaxed);
}

std::string ClientRegistry::list() const {
  const std::int64_t now_us = clock_.wall_us();
  base::MutexLock lock(mutex_);
  std::vector<const Session*> ordered(sessions_.begin(), sessions_.end());
  std::sort(ordered.begin(), ordered.end(), [](const Session* a, const Session* b) { return a->id() < b->id(); });
  std::string lines;
  for (const Session* session : ordered) {
    lines += session->describe(now_us);
    lines += '\n';
  }
  return lines;
}

std::string ClientRegistry::describe(const Session& session) const {
  const std::int64_t now_us = clock_.wall_us();
  base::MutexLock lock(mutex_);
  return session.describe(now_us);
}

}  // namespace kvstore::server
