#include "durability/rdb_loader.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "durability/bulk_writer.h"

namespace kvstore::durability {
namespace {

using store::Keyspace;

std::size_t keys_in(const Keyspace& keyspace) {
  std::size_t keys = 0;
  for (int db = 0; db < Keyspace::kDatabases; ++db) keys += keyspace.size(db);
  return keys;
}

}  // namespace

Result<RdbLoaded> load_rdb(RdbSource& source, Keyspace& keyspace, const RdbLoadOptions& options) {
  RdbReader reader(source, {.now_ms = options.now_ms});
  if (Status status = reader.open(); !status.ok()) return status;
  KV_ASSERT(keys_in(keyspace) == 0);
  BulkWriter writer(keyspace, options.threads);

  RdbLoaded loaded;
  const auto report = [&] {
    if (options.progress) options.progress({loaded.keys, reader.offset(), source.size()});
  };
  RdbEntry entry;
  while (reader.next(entry)) {
    ++loaded.keys;
    const std::string_view value = entry.block ? std::string_view() : entry.value;
    if (writer.set(entry.db, entry.key, value, std::move(entry.block))) report();
  }
  writer.finish();
  report();
  if (!reader.status().ok()) return reader.status();
  loaded.info = reader.info();
  loaded.keys_expired = reader.keys_expired();
  // Cheaper than a look-up a key: a key that was there already did not add to the count.
  const std::uint64_t repeated = loaded.keys - keys_in(keyspace);
  if (repeated != 0) {
    return Status(StatusCode::kCorruption,
                  source.name() + ": " + std::to_string(repeated) + " keys are in the file more than once");
  }
  return loaded;
}

}  // namespace kvstore::durability
