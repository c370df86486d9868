// LogApplier: makes a keyspace follow the records of a log, in order; on all cores, where keys do not depend on each
// other.
//
// Thread rule: one thread; nobody else uses the keyspace.
#pragma once

#include "durability/bulk_writer.h"
#include "durability/log_record.h"
#include "store/keyspace.h"
#include "store/write_context.h"

namespace kvstore::durability {

class LogApplier {
 public:
  // threads 0: one a core.
  LogApplier(store::Keyspace& keyspace, unsigned threads) : keyspace_(keyspace), writer_(keyspace, threads) {}

  // False: a record cannot have been written in this state (a splice of a key that is not there).
  [[nodiscard]] bool apply(const LogRecord& record);
  // Returns when everything is applied; false as above.
  [[nodiscard]] bool finish();

 private:
  [[nodiscard]] bool splice(const LogRecord& record);

  store::Keyspace& keyspace_;
  BulkWriter writer_;
  store::WriteContext writes_;  // no sink: what is replayed is in the log already
};

}  // namespace kvstore::durability
