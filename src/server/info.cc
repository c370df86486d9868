// INFO: the server's figures as text, a section a function. Names follow Redis where the meaning is the same; a figure
// we do not measure is left out rather than printed as zero.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "server/process.h"
#include "server/server.h"
#include "server/version.h"

namespace kvstore::server {
namespace {

std::string human_bytes(std::size_t bytes) {
  static constexpr std::array<const char*, 5> kUnits{"B", "K", "M", "G", "T"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{}B", bytes) : fmt::format("{:.2f}{}", value, kUnits[unit]);
}

std::string system_name() {
  utsname name{};
  if (uname(&name) != 0) return "unknown";
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

}  // namespace

// Collects "name:value" lines.
class Server::InfoText {
 public:
  template <typename Value>
  void line(std::string_view name, const Value& value) {
    fmt::format_to(std::back_inserter(text_), "{}:{}\r\n", name, value);
  }
  void heading(std::string_view title) { fmt::format_to(std::back_inserter(text_), "# {}\r\n", title); }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

struct Server::InfoSection {
  std::string_view name;
  std::string_view title;
  void (Server::*write)(InfoText&) const;
};

std::span<const Server::InfoSection> Server::info_table() {
  static constexpr std::array<InfoSection, 9> kSections{{{"server", "Server", &Server::info_server},
                                                         {"clients", "Clients", &Server::info_clients},
                                                         {"memory", "Memory", &Server::info_memory},
                                                         {"persistence", "Persistence", &Server::info_persistence},
                                                         {"stats", "Stats", &Server::info_stats},
                                                         {"replication", "Replication", &Server::info_replication},
                                                         {"cpu", "CPU", &Server::info_cpu},
                                                         {"commandstats", "Commandstats", &Server::info_commandstats},
                                                         {"keyspace", "Keyspace", &Server::info_keyspace}}};
  return kSections;
}

std::vector<std::string_view> Server::info_sections() const {
  std::vector<std::string_view> names;
  for (const InfoSection& section : info_table()) names.push_back(section.name);
  return names;
}

std::string Server::info_section(std::string_view section) const {
  InfoText text;
  for (const InfoSection& known : info_table()) {
    if (known.name != section) continue;
    text.heading(known.title);
    (this->*known.write)(text);
  }
  return text.take();
}

void Server::info_server(InfoText& text) const {
  const std::int64_t uptime_s = (clock_.monotonic_us() - started_us_) / 1'000'000;
  text.line("server_name", "kvstore");
  text.line("kvstore_version", kVersion);
  text.line("redis_version", kRedisVersion);
  text.line("redis_mode", "standalone");
  text.line("os", system_name());
  text.line("arch_bits", 64);
  text.line("multiplexing_api", net::backend_name(backend_));
  text.line("process_id", getpid());
  text.line("run_id", run_id_);
  text.line("tcp_port", port_);
  text.line("server_time_usec", clock_.wall_us());
  text.line("uptime_in_seconds", uptime_s);
  text.line("uptime_in_days", uptime_s / 86400);
  text.line("worker_threads", threads_.size());
  text.line("io_threads_active", threads_.size() > 1 ? 1 : 0);
}

void Server::info_clients(InfoText& text) const {
  text.line("connected_clients", registry_.size());
  text.line("maxclients", options_.max_clients);
  text.line("client_memory_bytes", registry_.memory_bytes());
  text.line("client_memory_bytes_max", options_.max_client_memory_bytes);
  std::size_t blocked = 0;
  for (const Thread& thread : threads_) blocked += thread.worker->blocked_clients();
  text.line("blocked_clients", blocked);
}

void Server::info_memory(InfoText& text) const {
  const store::KeyspaceStats stats = engine_.keyspace().stats();
  const std::size_t data = stats.index_bytes + stats.record_bytes + stats.record_free_bytes + stats.large_value_bytes;
  const std::size_t resident = process_usage().resident_bytes;
  text.line("used_memory", data);
  text.line("used_memory_human", human_bytes(data));
  text.line("used_memory_rss", resident);
  text.line("used_memory_rss_human", human_bytes(resident));
  text.line("used_memory_index", stats.index_bytes);
  text.line("used_memory_records", stats.record_bytes);
  text.line("used_memory_record_holes", stats.record_free_bytes);
  text.line("used_memory_large_values", stats.large_value_bytes);
  text.line("maxmemory", 0);
  text.line("maxmemory_policy", "noeviction");
}

void Server::info_persistence(InfoText& text) const {
  const bool loading = loading_.load(std::memory_order_relaxed);
  text.line("loading", loading ? 1 : 0);
  text.line("durability", options_.durability);
  text.line("aof_enabled", persistence_.enabled() ? 1 : 0);
  if (loading) {
    text.line("loading_total_bytes", persistence_.loading().bytes_total.load(std::memory_order_relaxed));
    text.line("loading_loaded_bytes", persistence_.loading().bytes_done.load(std::memory_order_relaxed));
    return;
  }
  text.line("rdb_bgsave_in_progress", persistence_.enabled() && persistence_.snapshot_in_progress() ? 1 : 0);
  text.line("rdb_last_save_time", persistence_.last_save_s());
  if (!persistence_.enabled()) return;
  durability::Storage& storage = *persistence_.storage();
  const durability::SnapshotProgress progress = storage.snapshot_progress();
  text.line("rdb_last_bgsave_status", storage.snapshots().last_ok() ? "ok" : "err");
  text.line("rdb_last_bgsave_time_sec", storage.snapshots().last_duration_us() / 1'000'000);
  text.line("snapshot_keys_done", progress.running ? progress.keys_done : 0);
  text.line("snapshot_keys_total", progress.running ? progress.keys_total : 0);
  text.line("snapshot_lsn", storage.snapshots().last_lsn());
  text.line("log_end_lsn", storage.log().end_lsn());
  text.line("log_durable_lsn", storage.log().durable_lsn());
  text.line("log_commits", storage.log().commits());
  text.line("log_queued_bytes", storage.log().queued_bytes());
  text.line("log_file_bytes", storage.segments().used_bytes());
  text.line("log_disk_full", storage.segments().disk_full() ? 1 : 0);
}

void Server::info_stats(InfoText& text) const {
  struct Figure {
    const char* name;
    Counter WorkerMetrics::*counter;
  };
  for (const auto& [name, counter] : std::array<Figure, 10>{{
           {"total_connections_received", &WorkerMetrics::connections_accepted},
           {"rejected_connections", &WorkerMetrics::connections_rejected},
           {"total_commands_processed", &WorkerMetrics::commands_processed},
           {"keyspace_hits", &WorkerMetrics::keyspace_hits},
           {"keyspace_misses", &WorkerMetrics::keyspace_misses},
           {"total_net_input_bytes", &WorkerMetrics::input_bytes},
           {"total_net_output_bytes", &WorkerMetrics::output_bytes},
           {"total_protocol_errors", &WorkerMetrics::protocol_errors},
           {"client_memory_refusals", &WorkerMetrics::client_memory_refusals},
           {"event_loop_turns", &WorkerMetrics::turns},
       }}) {
    std::uint64_t sum = 0;
    for (const Thread& thread : threads_) sum += (thread.worker->metrics().*counter).get();
    text.line(name, sum);
  }
}

void Server::info_replication(InfoText& text) const {
  text.line("role", "master");
  text.line("connected_slaves", 0);
}

void Server::info_cpu(InfoText& text) const {
  const ProcessUsage usage = process_usage();
  text.line("used_cpu_sys", fmt::format("{:.6f}", usage.system_seconds));
  text.line("used_cpu_user", fmt::format("{:.6f}", usage.user_seconds));
}

void Server::info_commandstats(InfoText& text) const {
  const auto rows = engine_.table().all();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::uint64_t calls = 0;
    for (const Thread& thread : threads_) calls += thread.worker->metrics().calls[i].get();
    if (calls > 0) text.line(fmt::format("cmdstat_{}", rows[i]->name), fmt::format("calls={}", calls));
  }
}

void Server::info_keyspace(InfoText& text) const {
  for (int db = 0; db < store::Keyspace::kDatabases; ++db) {
    const std::size_t keys = engine_.keyspace().size(db);
    if (keys > 0) text.line(fmt::format("db{}", db), fmt::format("keys={},expires=0,avg_ttl=0", keys));
  }
}

}  // namespace kvstore::server
