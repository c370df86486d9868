#include "server/options.h"

#include <sys/sysinfo.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <thread>
#include <variant>

#include "server/version.h"
#include "store/keyspace.h"

namespace kvstore::server {
namespace {

using Member = std::variant<std::string ServerOptions::*, std::uint64_t ServerOptions::*, bool ServerOptions::*>;

struct OptionRow {
  const char* name;        // on the command line, behind "--"
  const char* redis_name;  // what Redis calls it in CONFIG GET; null: nothing like it there
  Member member;
  const char* help;
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  std::vector<std::string> choices = {};
};

const std::vector<OptionRow>& rows() {
  static const std::vector<OptionRow> table = {
      {"bind", "bind", &ServerOptions::bind, "Address to listen on (IPv4 or IPv6)"},
      {"port", "port", &ServerOptions::port, "TCP port; 0 takes a free one and prints it", 0, 65535},
      {"threads", "io-threads", &ServerOptions::threads, "Worker threads; 0 means one for each processor", 0, 256},
      {"io",
       nullptr,
       &ServerOptions::io,
       "Event loop: io_uring, epoll, or auto (io_uring where the kernel has it)",
       0,
       0,
       {"auto", "io_uring", "epoll"}},
      {"protected-mode", "protected-mode", &ServerOptions::protected_mode,
       "Refuse peers that are not on this machine: yes or no"},
      {"durability",
       nullptr,
       &ServerOptions::durability,
       "When a write is answered: always (it is on disk), everysec (the kernel has it, and it is synced four "
       "times a second), "
       "none (memory only)",
       0,
       0,
       {"always", "everysec", "none"}},
      {"data-dir", "dir", &ServerOptions::data_dir, "Folder for log and snapshots; created when it is not there"},
      {"snapshot-log-mib", nullptr, &ServerOptions::snapshot_log_mib,
       "Take a snapshot when the log has grown by this many MiB since the last; 0: only when asked to", 0, 1U << 20},
      {"log-segment-mib", nullptr, &ServerOptions::log_segment_mib, "Size of the log's files in MiB", 2, 1024},
      {"max-clients", "maxclients", &ServerOptions::max_clients, "Connections served at the same time", 1, 1000000},
      {"max-request-bytes", nullptr, &ServerOptions::max_request_bytes, "Longest line of the JSON protocol, in bytes",
       64, store::Keyspace::kValueBytesMax},
      {"max-client-memory-bytes", "maxmemory-clients", &ServerOptions::max_client_memory_bytes,
       "Memory for requests and replies of all connections; 0 means a quarter of the machine's, at least 2 GiB", 0,
       std::uint64_t{1} << 50},
      {"shards", nullptr, &ServerOptions::shards, "Locks the key space is split into", 1, store::ShardSet::kShardsMax},
      {"log-level",
       "loglevel",
       &ServerOptions::log_level,
       "Least severe messages to log",
       0,
       0,
       {"debug", "info", "warning", "error"}},
  };
  return table;
}

std::string value_text(const ServerOptions& options, const Member& member) {
  return std::visit(
      [&options](auto pointer) -> std::string {
        const auto& value = options.*pointer;
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, bool>) {
          return value ? "yes" : "no";
        } else if constexpr (std::is_same_v<Value, std::string>) {
          return value;
        } else {
          return std::to_string(value);
        }
      },
      member);
}

void add_option(CLI::App& app, ServerOptions& options, const OptionRow& row) {
  const std::string flag = std::string("--") + row.name;
  if (const auto* text = std::get_if<std::string ServerOptions::*>(&row.member)) {
    CLI::Option* option = app.add_option(flag, options.*(*text), row.help)->capture_default_str();
    if (!row.choices.empty()) option->check(CLI::IsMember(row.choices));
  } else if (const auto* number = std::get_if<std::uint64_t ServerOptions::*>(&row.member)) {
    app.add_option(flag, options.*(*number), row.help)->capture_default_str()->check(CLI::Range(row.min, row.max));
  } else {
    bool& target = options.*std::get<bool ServerOptions::*>(row.member);
    app.add_option_function<std::string>(
           flag, [&target](const std::string& word) { target = word == "yes"; }, row.help)
        ->check(CLI::IsMember({"yes", "no"}))
        ->default_str(target ? "yes" : "no");
  }
}

}  // namespace

std::optional<int> parse_command_line(int argc, char** argv, ServerOptions& options) {
  CLI::App app("kvstore: a key-value database server. One port speaks JSON lines (telnet) and RESP (Redis clients).",
               "kv_store_server");
  app.set_version_flag("--version", std::string("kv_store_server ") + kVersion);
  for (const OptionRow& row : rows()) add_option(app, options, row);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& request) {
    return app.exit(request);
  } catch (const CLI::CallForVersion& request) {
    return app.exit(request);
  } catch (const CLI::ParseError& mistake) {
    std::fprintf(stderr, "kv_store_server: %s\nTry: kv_store_server --help\n", mistake.what());
    return 1;
  }
  return std::nullopt;
}

void resolve_defaults(ServerOptions& options) {
  if (options.threads == 0) options.threads = std::max(1U, std::thread::hardware_concurrency());
  if (options.max_client_memory_bytes == 0) {
    struct sysinfo machine {};
    std::uint64_t total_bytes = 0;
    if (sysinfo(&machine) == 0) total_bytes = std::uint64_t{machine.totalram} * machine.mem_unit;
    options.max_client_memory_bytes = std::max(total_bytes / 4, std::uint64_t{2} << 30);
  }
}

std::vector<std::pair<std::string, std::string>> config_values(const ServerOptions& options) {
  std::vector<std::pair<std::string, std::string>> values;
  for (const OptionRow& row : rows()) {
    const std::string text = value_text(options, row.member);
    values.emplace_back(row.name, text);
    if (row.redis_name != nullptr && std::string_view(row.redis_name) != row.name) {
      values.emplace_back(row.redis_name, text);
    }
  }
  // What Redis clients ask for and we hold constant.
  values.emplace_back("databases", std::to_string(store::Keyspace::kDatabases));
  values.emplace_back("proto-max-bulk-len", std::to_string(store::Keyspace::kValueBytesMax));
  values.emplace_back("save", "");
  values.emplace_back("appendonly", options.durability == "none" ? "no" : "yes");
  values.emplace_back("appendfsync", options.durability == "none" ? "no" : options.durability);
  values.emplace_back("dbfilename", "kvstore.db.snapshot");
  values.emplace_back("maxmemory", "0");
  values.emplace_back("maxmemory-policy", "noeviction");
  values.emplace_back("timeout", "0");
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace kvstore::server
