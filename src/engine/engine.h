// Engine: runs commands against the keyspace: hash -> prefetch -> lock the shards of the keys -> handler -> unlock.
//
// It knows nothing of sockets: the server and the embedded library both stand on it.
//
// Thread rule: any number of threads may each run their own batch. A Batch belongs to one thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/output_buffer.h"
#include "commands/client.h"
#include "commands/command_table.h"
#include "commands/server_control.h"
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
  store::Key first_key;  // filled by prepare()
};

class Engine {
 public:
  explicit Engine(const store::Keyspace::Options& options) : keyspace_(options) {}

  [[nodiscard]] store::Keyspace& keyspace() { return keyspace_; }
  [[nodiscard]] const commands::CommandTable& table() const { return table_; }

  // Hashes the first key of every call and prefetches its bucket, then its record.
  void prepare(std::span<Call> calls);
  // Runs one prepared call: locks, handler, unlock; its reply is complete in call.output on return.
  void run(Call& call, commands::ServerControl& server, std::int64_t now_us);

 private:
  store::Keyspace keyspace_;
  commands::CommandTable table_;
};

// True when `arg_count` words (name included) satisfy the row's arity.
[[nodiscard]] bool arity_ok(const commands::Command& command, std::size_t arg_count);

}  // namespace kvstore::engine
