#include "durability/snapshot_check.h"

#include <memory>
#include <utility>

#include "store/keyspace.h"

namespace kvstore::durability {

CheckedSnapshot check_snapshot(env::Directory& directory, const char* name, const env::Clock& clock,
                               const std::function<void(const RdbProgress&)>& progress) {
  CheckedSnapshot checked;
  checked.name = name;
  Result<std::unique_ptr<env::File>> file = directory.open(name, env::OpenMode::kRead, env::Caching::kBuffered);
  if (file.status().code() == StatusCode::kNotFound) return checked;
  checked.there = true;
  checked.status = file.status();
  if (!file.ok()) return checked;
  const Result<std::uint64_t> size = file.value()->size();
  checked.status = size.status();
  if (!size.ok()) return checked;
  checked.bytes = size.value();

  store::Keyspace keyspace{store::Keyspace::Options{}};
  RdbFileSource source(*file.value(), size.value(), directory.path() + "/" + name);
  RdbLoadOptions options;
  options.now_ms = clock.wall_us() / 1000;
  options.progress = progress;
  Result<RdbLoaded> loaded = load_rdb(source, keyspace, options);
  checked.status = loaded.status();
  if (!loaded.ok()) return checked;
  checked.loaded = std::move(loaded).value();
  checked.lsn = checked.loaded.info.lsn;
  checked.database_id = database_id_of(checked.loaded.info.database_id);
  if (checked.lsn && !checked.database_id) {
    checked.status = Status(StatusCode::kCorruption, std::string(name) + " names an LSN but no database");
  }
  return checked;
}

}  // namespace kvstore::durability
