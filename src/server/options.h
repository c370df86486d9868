// ServerOptions: everything the operator can set, one row an option; the command line, --help and CONFIG GET read the
// same rows (options.cc).
//
// Thread rule: filled before the workers start, constant afterwards.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kvstore/status.h"

namespace kvstore::server {

struct ServerOptions {
  std::string bind = "0.0.0.0";
  std::uint64_t port = 6379;
  std::uint64_t threads = 0;
  std::string io = "auto";
  bool protected_mode = true;
  std::string durability = "always";
  std::string data_dir = "kvstore-data";
  std::uint64_t snapshot_log_mib = 1024;
  std::uint64_t log_segment_mib = 64;
  std::uint64_t max_clients = 10000;
  std::uint64_t max_request_bytes = std::uint64_t{64} << 20;
  std::uint64_t max_client_memory_bytes = 0;
  std::uint64_t shards = 64;
  std::string log_level = "info";
};

// Reads the command line. Prints and returns an exit status when the program shall end at once (--help, --version, or a
// mistake, which is explained on stderr with status 1).
[[nodiscard]] std::optional<int> parse_command_line(int argc, char** argv, ServerOptions& options);

// Replaces "0: decide yourself" by what this machine suggests: threads, client memory.
void resolve_defaults(ServerOptions& options);

// Every option as (name, value), under our names and under the names Redis clients ask for.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> config_values(const ServerOptions& options);

}  // namespace kvstore::server
