// LogApplier: makes a keyspace follow the records of a log, in order.
//
// Thread rule: one thread; nobody else changes the keyspace.
#pragma once

#include "durability/log_record.h"
#include "store/keyspace.h"
#include "store/write_context.h"

namespace kvstore::durability {

class LogApplier {
 public:
  explicit LogApplier(store::Keyspace& keyspace) : keyspace_(keyspace) {}

  // False: the record cannot have been written in this state (a splice of a key that is not there).
  [[nodiscard]] bool apply(const LogRecord& record);

 private:
  [[nodiscard]] bool apply_to_key(const LogRecord& record);

  store::Keyspace& keyspace_;
  store::WriteContext writes_;  // no sink: what is replayed is in the log already
};

}  // namespace kvstore::durability
