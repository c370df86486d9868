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

struct Section {
  std::string_view name;
  std::string_view title;
};
constexpr std::array<Section, 9> kSections{{{"server", "Server"},
                                            {"clients", "Clients"},
                                            {"memory", "Memory"},
                                            {"persistence", "Persistence"},
                                            {"stats", "Stats"},
                                            {"replication", "Replication"},
                                            {"cpu", "CPU"},
                                            {"commandstats", "Commandstats"},
                                            {"keyspace", "Keyspace"}}};

using Lines = std::back_insert_iterator<std::string>;

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

std::vector<std::string_view> Server::info_sections() const {
  std::vector<std::string_view> names;
  for (const Section& section : kSections) names.push_back(section.name);
  return names;
}

std::string Server::info_section(std::string_view section) const {
  std::string text;
  Lines out(text);
  const auto line = [&out](std::string_view name, const auto& value) { fmt::format_to(out, "{}:{}\r\n", name, value); };

  const auto heading = std::find_if(kSections.begin(), kSections.end(),
                                    [section](const Section& known) { return known.name == section; });
  if (heading == kSections.end()) return text;
  fmt::format_to(out, "# {}\r\n", heading->title);

  if (section == "server") {
    const std::int64_t uptime_s = (clock_.monotonic_us() - started_us_) / 1'000'000;
    line("server_name", "kvstore");
    line("kvstore_version", kVersion);
    line("redis_version", kRedisVersion);
    line("redis_mode", "standalone");
    line("os", system_name());
    line("arch_bits", 64);
    line("multiplexing_api", net::backend_name(backend_));
    line("process_id", getpid());
    line("run_id", run_id_);
    line("tcp_port", port_);
    line("server_time_usec", clock_.wall_us());
    line("uptime_in_seconds", uptime_s);
    line("uptime_in_days", uptime_s / 86400);
    line("worker_threads", threads_.size());
    line("io_threads_active", threads_.size() > 1 ? 1 : 0);
  } else if (section == "clients") {
    line("connected_clients", registry_.size());
    line("maxclients", options_.max_clients);
    line("client_memory_bytes", registry_.memory_bytes());
    line("client_memory_bytes_max", options_.max_client_memory_bytes);
    line("blocked_clients", 0);
  } else if (section == "memory") {
    const store::KeyspaceStats stats = engine_.keyspace().stats();
    const std::size_t data = stats.index_bytes + stats.record_bytes + stats.record_free_bytes + stats.large_value_bytes;
    const std::size_t resident = process_usage().resident_bytes;
    line("used_memory", data);
    line("used_memory_human", human_bytes(data));
    line("used_memory_rss", resident);
    line("used_memory_rss_human", human_bytes(resident));
    line("used_memory_index", stats.index_bytes);
    line("used_memory_records", stats.record_bytes);
    line("used_memory_record_holes", stats.record_free_bytes);
    line("used_memory_large_values", stats.large_value_bytes);
    line("maxmemory", 0);
    line("maxmemory_policy", "noeviction");
  } else if (section == "persistence") {
    line("loading", 0);
    line("persistence", "none");
    line("aof_enabled", 0);
    line("rdb_bgsave_in_progress", 0);
  } else if (section == "stats") {
    std::array<std::uint64_t, 8> sums{};
    for (const Thread& thread : threads_) {
      const WorkerMetrics& metrics = thread.worker->metrics();
      const std::array<const Counter*, 8> counters{&metrics.connections_accepted,   &metrics.connections_rejected,
                                                   &metrics.commands_processed,     &metrics.input_bytes,
                                                   &metrics.output_bytes,           &metrics.protocol_errors,
                                                   &metrics.client_memory_refusals, &metrics.turns};
      for (std::size_t i = 0; i < counters.size(); ++i) sums[i] += counters[i]->get();
    }
    static constexpr std::array<const char*, 8> kNames{
        "total_connections_received", "rejected_connections",  "total_commands_processed", "total_net_input_bytes",
        "total_net_output_bytes",     "total_protocol_errors", "client_memory_refusals",   "event_loop_turns"};
    for (std::size_t i = 0; i < sums.size(); ++i) line(kNames[i], sums[i]);
  } else if (section == "replication") {
    line("role", "master");
    line("connected_slaves", 0);
  } else if (section == "cpu") {
    const ProcessUsage usage = process_usage();
    line("used_cpu_sys", fmt::format("{:.6f}", usage.system_seconds));
    line("used_cpu_user", fmt::format("{:.6f}", usage.user_seconds));
  } else if (section == "commandstats") {
    const auto rows = engine_.table().all();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::uint64_t calls = 0;
      for (const Thread& thread : threads_) calls += thread.worker->metrics().calls[i].get();
      if (calls > 0) fmt::format_to(out, "cmdstat_{}:calls={}\r\n", rows[i]->name, calls);
    }
  } else if (section == "keyspace") {
    for (int db = 0; db < store::Keyspace::kDatabases; ++db) {
      const std::size_t keys = engine_.keyspace().size(db);
      if (keys > 0) fmt::format_to(out, "db{}:keys={},expires=0,avg_ttl=0\r\n", db, keys);
    }
  }
  return text;
}

}  // namespace kvstore::server
