// Engine: runs commands against the keyspace: hash -> prefetch -> lock the shards of the keys -> handler -> unlock.
//
// It knows nothing of sockets. A worker runs a batch so:
//   for each call, as it is parsed: executor.prepare(call);
//   for each call, some calls later: executor.prefetch(call);
//   for each call, when the batch is complete: executor.run(call, now_us);
//
// Thread rule: an Engine is shared by all threads; an Executor and its calls belong to one thread.
// Invariants:
//   1. A handler runs with exactly the shards of the keys its row names locked, each once, taken in ascending order; a
//      row without keys runs with none.
//   2. What takes long happens outside the locks: large arguments of writes are copied before, large values that were
//      replaced or erased are freed after, and the reply is finished after.
//   3. A command on small values allocates nothing here.
//   4. What a command changed has its place in the log before the locks are released; its reply, and that of a command
//      that read, names the LSN it must wait for: that of the newest change its shards have seen.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/output_buffer.h"
#include "commands/client.h"
#include "commands/command_context.h"
#include "commands/command_table.h"
#include "commands/server_control.h"
#include "commands/staged_arguments.h"
#include "durability/log.h"
#include "durability/log_group.h"
#include "protocol/reply_writer.h"
#include "protocol/request.h"
#include "store/keyspace.h"

namespace kvstore::engine {

// One parsed request, checked by the session (known command, arity), waiting to run.
struct Call {
  const commands::Command* command = nullptr;
  protocol::Args args;
  commands::Client* client = nullptr;
  protocol::ReplyWriter* reply = nullptr;
  base::OutputBuffer* output = nullptr;
  // Of how many shards it needs the locks.
  enum class Shards : std::uint8_t { kNone, kOne, kMany };
  Shards shards = Shards::kNone;  // filled by prepare()
  store::Key first_key;           // filled by prepare()
  store::Lsn wait_lsn = 0;        // filled by run(): the reply may leave once the log has acknowledged this
};

// What all workers share: the data and the commands.
class Engine {
 public:
  explicit Engine(const store::Keyspace::Options& options) : keyspace_(options) {}

  [[nodiscard]] store::Keyspace& keyspace() { return keyspace_; }
  [[nodiscard]] const store::Keyspace& keyspace() const { return keyspace_; }
  [[nodiscard]] const commands::CommandTable& table() const { return table_; }
  // From now on changes are logged. Called once, before the first change that shall be.
  void attach_log(durability::Log& log) { attached_log_.store(&log, std::memory_order_release); }
  // Null while nothing is logged. acquire: whoever sees the log sees what recovery did before.
  [[nodiscard]] durability::Log* log() const { return attached_log_.load(std::memory_order_acquire); }

 private:
  store::Keyspace keyspace_;
  commands::CommandTable table_;
  std::atomic<durability::Log*> attached_log_{nullptr};
};

// Runs calls; one a worker, so that what a command needs for a moment is kept and not allocated each time.
class Executor {
 public:
  Executor(Engine& engine, commands::ServerControl& server) : engine_(engine), server_(server) {}
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Hashes the call's first key and asks for its bucket. Every call must be prepared once before it is run.
  void prepare(Call& call);
  // Asks for the record that the bucket names; waits when the bucket has not come yet. A hint: it may be left out.
  void prefetch(const Call& call);
  // Runs one prepared call; its reply is complete in call.output on return (a command may write none). `now_us` is the
  // wall clock of this turn.
  void run(Call& call, std::int64_t now_us);
  // What the calls looked up since it was last asked.
  [[nodiscard]] commands::Lookups take_lookups() { return std::exchange(lookups_, {}); }

 private:
  void run_no_shard(Call& call, std::int64_t now_us);
  void run_one_shard(Call& call, std::int64_t now_us);
  void run_many_shards(Call& call, std::int64_t now_us);
  void invoke(Call& call, std::int64_t now_us);
  void stage_large_arguments(const Call& call);
  void attach_log();
  // False: the disk takes no such write; the reply says so.
  [[nodiscard]] bool has_space_for(const Call& call);

  Engine& engine_;
  commands::ServerControl& server_;
  durability::Log* log_ = nullptr;
  std::optional<durability::LogGroup> group_;  // with log_
  store::WriteContext writes_;
  commands::Lookups lookups_;
  commands::StagedArguments staged_;  // of the running write
};

}  // namespace kvstore::engine
