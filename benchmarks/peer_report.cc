// Medians, ratios, tables and rows of benchmark_peers (see peer_report.h).
#include "peer_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "report.h"

namespace kvstore::benchmarks {
namespace {

// A generator that is busy for more than this was the limit, or nearly.
constexpr double kLoadBusy = 0.95;

using Field = double PeerFigures::*;

std::vector<double> column(const PeerSeries& series, Field field) {
  std::vector<double> values;
  for (const PeerFigures& figures : series.rounds) values.push_back(figures.*field);
  return values;
}

PeerFigures medians(const PeerSeries& series) {
  PeerFigures middle;
  for (const Field field : {&PeerFigures::per_second, &PeerFigures::server_us, &PeerFigures::p50_us,
                            &PeerFigures::p99_us, &PeerFigures::p999_us, &PeerFigures::load_share}) {
    middle.*field = median(column(series, field));
  }
  return middle;
}

template <typename Series>
const Series* find_ours(const std::vector<Series>& all) {
  const auto found =
      std::find_if(all.begin(), all.end(), [](const Series& series) { return series.peer->kind == PeerKind::kOurs; });
  return found == all.end() ? nullptr : &*found;
}

// How many times better ours is than `peer`.
struct Ratios {
  double per_second = 0;
  double server_us = 0;
  double p99_us = 0;
  double p999_us = 0;
};

Ratios compare(const PeerSeries& peer, const PeerSeries& ours) {
  const auto more_is_worse = [&](Field field) { return median_ratio(column(peer, field), column(ours, field)); };
  Ratios ratios;
  ratios.per_second = median_ratio(column(ours, &PeerFigures::per_second), column(peer, &PeerFigures::per_second));
  ratios.server_us = more_is_worse(&PeerFigures::server_us);
  ratios.p99_us = more_is_worse(&PeerFigures::p99_us);
  ratios.p999_us = more_is_worse(&PeerFigures::p999_us);
  return ratios;
}

void add_workload(JsonObject& row, const PeerWorkload& workload) {
  row.add("keys", workload.keys)
      .add("value_bytes", workload.value_bytes)
      .add("durability", durability_name(workload.durability));
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double median_ratio(std::span<const double> worse, std::span<const double> better) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(worse.size(), better.size()); ++i) {
    if (better[i] > 0) ratios.push_back(worse[i] / better[i]);
  }
  return median(ratios);
}

std::string workload_text(const PeerWorkload& workload) {
  return fmt::format("{} keys, {}-byte values, persistence {}", workload.keys, workload.value_bytes,
                     durability_name(workload.durability));
}

std::string operation_text(const PeerOperation& operation) {
  return fmt::format("{}, pipeline {}", operation.set ? "SET" : "GET", operation.pipeline);
}

std::string PeerReport::judge(double ratio, const Peer& peer, const std::string& where, const char* figure) {
  if (ratio <= 0) return "- ";
  const std::string text = fmt::format("{:.2f}", ratio);
  // The floor does no work: to be behind it is no loss, and by how much is what it is there to tell.
  if (!peer.stores()) return text + " ";
  compared_ = true;
  if (ratio >= 0.995) return text + " ";  // what is written as 1.00
  losses_.push_back(fmt::format("{}: {} against {}: {}", where, figure, peer.name, text));
  return text + "<";
}

void PeerReport::add_operation(const PeerWorkload& workload, const PeerOperation& operation, double rate,
                               const std::vector<PeerSeries>& all) {
  const std::string pace = rate > 0 ? fmt::format(" at {:.0f} requests/s", rate) : "";
  const std::string where = fmt::format("{}, {}{}", workload_text(workload), operation_text(operation), pace);
  fmt::print("\n  {}{}\n", operation_text(operation), pace);
  fmt::print("    {:<12}{:>12}{:>12}{:>10}{:>10}{:>10}{:>9}  | {:>8}{:>8}{:>8}{:>8}\n", "server", "requests/s",
             "CPU us/req", "p50 us", "p99 us", "p99.9 us", "load", "req/s", "CPU", "p99", "p99.9");
  const PeerSeries* ours = find_ours(all);
  std::string limited;
  for (const PeerSeries& series : all) {
    const PeerFigures middle = medians(series);
    const bool compared = ours != nullptr && &series != ours;
    const Ratios ratios = compared ? compare(series, *ours) : Ratios{};
    fmt::print("    {:<12}{:>12.0f}{:>12.3f}{:>10.0f}{:>10.0f}{:>10.0f}{:>8.0f}%  | ", series.peer->name,
               middle.per_second, middle.server_us, middle.p50_us, middle.p99_us, middle.p999_us,
               middle.load_share * 100);
    // One after the other, because each may note a loss. At a fixed rate all serve the same number.
    const std::string by_rate = rate > 0 ? "- " : judge(ratios.per_second, *series.peer, where, "requests/s");
    const std::string by_processor = judge(ratios.server_us, *series.peer, where, "CPU a request");
    const std::string by_p99 = judge(ratios.p99_us, *series.peer, where, "p99");
    const std::string by_p999 = judge(ratios.p999_us, *series.peer, where, "p99.9");
    fmt::print("{:>8}{:>8}{:>8}{:>8}\n", by_rate, by_processor, by_p99, by_p999);
    if (middle.load_share >= kLoadBusy) limited += (limited.empty() ? "" : ", ") + series.peer->name;
    JsonObject row;
    row.add("measurement", "peers").add("server", series.peer->name);
    add_workload(row, workload);
    row.add("operation", operation.set ? "set" : "get")
        .add("pipeline", operation.pipeline)
        .add("rate", rate)
        .add("per_second", middle.per_second)
        .add("server_processor_us", middle.server_us)
        .add("p50_us", middle.p50_us)
        .add("p99_us", middle.p99_us)
        .add("p99.9_us", middle.p999_us)
        .add("load_share", middle.load_share);
    if (compared) {
      row.add("ratio_per_second", ratios.per_second)
          .add("ratio_server_processor", ratios.server_us)
          .add("ratio_p99", ratios.p99_us)
          .add("ratio_p99.9", ratios.p999_us);
    }
    results_.add_row(row);
    if (rate > 0 && middle.per_second < 0.95 * rate) {
      fmt::print("      {} did not keep up: its times include waiting for a turn\n", series.peer->name);
    }
  }
  if (!limited.empty())
    fmt::print("    The load generator was the limit with {}: their requests/s could be more\n", limited);
  std::fflush(stdout);
}

void PeerReport::add_memory(const PeerWorkload& workload, const std::vector<PeerMemory>& all) {
  fmt::print("\n  Memory: resident bytes a key\n");
  const PeerMemory* ours = find_ours(all);
  for (const PeerMemory& memory : all) {
    if (!memory.peer->stores()) continue;
    const double middle = median(memory.bytes_a_key);
    const bool compared = ours != nullptr && &memory != ours;
    const double ratio = compared ? median_ratio(memory.bytes_a_key, ours->bytes_a_key) : 0;
    fmt::print("    {:<12}{:>12.1f}  | {:>8}\n", memory.peer->name, middle,
               judge(ratio, *memory.peer, workload_text(workload), "bytes a key"));
    JsonObject row;
    row.add("measurement", "peers_memory").add("server", memory.peer->name);
    add_workload(row, workload);
    row.add("bytes_per_key", middle);
    if (compared) row.add("ratio_bytes_per_key", ratio);
    results_.add_row(row);
  }
}

void PeerReport::print_losses() const {
  if (!compared_) return;
  fmt::print("\n");
  if (losses_.empty()) {
    fmt::print("No ratio is below 1: this server was ahead in every figure.\n");
    return;
  }
  fmt::print("Where this server loses (ratios below 1, marked < above):\n");
  for (const std::string& loss : losses_) fmt::print("  {}\n", loss);
}

}  // namespace kvstore::benchmarks
