// benchmark_peers: this server beside the others that are on the machine, in turn, under the same load.
//
// The servers are pinned to one set of cores and the load to another. Every round measures each server once, in an
// order that rotates from round to round; figures are medians over the rounds.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "machine.h"
#include "peer_report.h"
#include "peer_session.h"
#include "progress.h"
#include "report.h"
#include "results.h"
#include "workload.h"

namespace kvstore::benchmarks {
namespace {

struct Options {
  std::vector<std::uint64_t> keys = {1'000'000};
  std::vector<std::uint64_t> values = {32};
  std::vector<std::uint64_t> pipelines = {1, 16};
  std::vector<std::string> operations = {"get", "set"};
  std::vector<std::string> durabilities = {"off", "everysec", "always"};
  std::vector<std::string> servers;
  std::vector<std::string> named_peers;
  std::uint64_t rounds = 3;
  std::string rate;
  bool full = false;
  std::string server_cores;
  std::string load_cores;
  unsigned load_threads = 0;
  PeerConditions conditions;
  std::string server;
  std::string json;
};

int fail(const std::string& reason) {
  fmt::print(stderr, "benchmark_peers: {}\n", reason);
  return 1;
}

constexpr const char* kHalfOfRedis = "half-of-redis";

class PeersBenchmark {
 public:
  PeersBenchmark(const Options& options, std::vector<Peer> peers, CleanUp& clean_up, Results& results)
      : options_(options), peers_(std::move(peers)), clean_up_(clean_up), report_(results) {}

  [[nodiscard]] Status run() {
    for (const std::string& durability : options_.durabilities) {
      for (const std::uint64_t keys : options_.keys) {
        for (const std::uint64_t value_bytes : options_.values) {
          const Status status = run_workload({keys, value_bytes, parse(durability)});
          if (!status.ok()) return status;
        }
      }
    }
    report_.print_losses();
    return {};
  }

 private:
  // One server's figures for all operations, over all rounds.
  struct Column {
    const Peer* peer;
    std::vector<PeerSeries> operations;
    PeerMemory memory;
  };

  static Durability parse(const std::string& name) {
    if (name == "everysec") return Durability::kEverySecond;
    return name == "always" ? Durability::kAlways : Durability::kOff;
  }

  // Reads are not written anywhere, so they are measured without persistence only.
  [[nodiscard]] std::vector<PeerOperation> operations_for(const PeerWorkload& workload) const {
    std::vector<PeerOperation> operations;
    for (const std::string& name : options_.operations) {
      if (name == "get" && workload.durability != Durability::kOff) continue;
      for (const std::uint64_t pipeline : options_.pipelines) {
        operations.push_back({name == "set", static_cast<unsigned>(pipeline)});
      }
    }
    return operations;
  }

  [[nodiscard]] Status run_workload(const PeerWorkload& workload) {
    const std::vector<PeerOperation> operations = operations_for(workload);
    if (operations.empty()) return {};
    fmt::print("\n{}\n", workload_text(workload));
    const std::uint64_t needed = workload.keys * (options_.conditions.key_bytes + workload.value_bytes + 100);
    if (needed > available_bytes()) {
      fmt::print("  Left out: it takes {:.1f} GiB of memory, and {:.1f} are free\n", gib(needed),
                 gib(available_bytes()));
      return {};
    }
    const Result<std::vector<double>> rates = rates_for(workload, operations);
    if (!rates.ok()) return rates.status();
    std::vector<Column> columns;
    std::string names;
    for (const Peer& peer : peers_) {
      if (!peer.has(workload.durability)) continue;
      columns.push_back({&peer, std::vector<PeerSeries>(operations.size(), PeerSeries{&peer, {}}), {&peer, {}}});
      names += (names.empty() ? "" : ", ") + peer.name;
    }
    const std::size_t steps = options_.rounds * columns.size() * operations.size();
    Step step(fmt::format("  {} round{} of {}", options_.rounds, options_.rounds == 1 ? "" : "s", names), steps);
    std::uint64_t done = 0;
    for (std::uint64_t round = 0; round < options_.rounds; ++round) {
      for (std::size_t i = 0; i < columns.size(); ++i) {
        Column& column = columns[(i + round) % columns.size()];
        const Status status = measure_round(column, workload, operations, rates.value(), step, done);
        if (!status.ok()) {
          step.finish("Failed");
          return status;
        }
      }
    }
    step.finish();
    print_workload(workload, operations, rates.value(), columns);
    return {};
  }

  static double gib(std::uint64_t bytes) { return static_cast<double>(bytes) / (1U << 30); }

  [[nodiscard]] Status measure_round(Column& column, const PeerWorkload& workload,
                                     const std::vector<PeerOperation>& operations, const std::vector<double>& rates,
                                     Step& step, std::uint64_t& done) {
    std::unique_ptr<PeerSession> session;
    bool serves_set = false;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      // A server that stores runs through; the floor answers one kind of request and is started anew for the other.
      if (session == nullptr || (!column.peer->stores() && serves_set != operations[i].set)) {
        session.reset();
        serves_set = operations[i].set;
        auto started = PeerSession::start(clean_up_, *column.peer, options_.conditions, workload, serves_set);
        if (!started.ok()) return started.status();
        session = std::move(started).value();
        if (column.peer->stores()) {
          const Result<double> bytes_a_key = session->fill();
          if (!bytes_a_key.ok()) return bytes_a_key.status();
          column.memory.bytes_a_key.push_back(bytes_a_key.value());
        }
      }
      const Result<PeerFigures> figures = session->measure(operations[i], rates[i]);
      if (!figures.ok()) return figures.status();
      column.operations[i].rounds.push_back(figures.value());
      step.advance_to(++done);
    }
    return {};
  }

  // The rate of each operation; 0 means as fast as replies come.
  [[nodiscard]] Result<std::vector<double>> rates_for(const PeerWorkload& workload,
                                                      const std::vector<PeerOperation>& operations) {
    if (options_.rate != kHalfOfRedis) {
      return std::vector<double>(operations.size(), options_.rate.empty() ? 0 : std::stod(options_.rate));
    }
    const auto redis =
        std::find_if(peers_.begin(), peers_.end(), [](const Peer& peer) { return peer.name == "redis"; });
    if (redis == peers_.end()) return Status(StatusCode::kUnavailable, "--rate half-of-redis needs redis-server");
    Step step("  Measuring the highest rates of redis", operations.size());
    Column column{&*redis, std::vector<PeerSeries>(operations.size()), {}};
    std::uint64_t done = 0;
    const std::vector<double> unlimited(operations.size(), 0);
    const Status status = measure_round(column, workload, operations, unlimited, step, done);
    step.finish(status.ok() ? "Done" : "Failed");
    if (!status.ok()) return status;
    std::vector<double> rates;
    for (const PeerSeries& series : column.operations) rates.push_back(series.rounds.front().per_second / 2);
    return rates;
  }

  void print_workload(const PeerWorkload& workload, const std::vector<PeerOperation>& operations,
                      const std::vector<double>& rates, const std::vector<Column>& columns) {
    for (std::size_t i = 0; i < operations.size(); ++i) {
      std::vector<PeerSeries> all;
      for (const Column& column : columns) all.push_back(column.operations[i]);
      report_.add_operation(workload, operations[i], rates[i], all);
    }
    std::vector<PeerMemory> memory;
    for (const Column& column : columns) memory.push_back(column.memory);
    report_.add_memory(workload, memory);
  }

  const Options& options_;
  const std::vector<Peer> peers_;
  CleanUp& clean_up_;
  PeerReport report_;
};

// Those that are asked for, named ones included; says which are not on this machine.
[[nodiscard]] Result<std::vector<Peer>> choose_peers(const Options& options) {
  std::vector<Peer> all = known_peers(options.server);
  for (const std::string& text : options.named_peers) {
    Result<Peer> peer = parse_peer(text);
    if (!peer.ok()) return peer.status();
    all.push_back(std::move(peer).value());
  }
  const auto wanted = [&](const std::string& name) {
    return options.servers.empty() ||
           std::find(options.servers.begin(), options.servers.end(), name) != options.servers.end();
  };
  for (const std::string& name : options.servers) {
    const bool known = std::any_of(all.begin(), all.end(), [&](const Peer& peer) { return peer.name == name; });
    if (!known) return Status(StatusCode::kInvalidArgument, fmt::format("--servers: nobody is called '{}'", name));
  }
  std::vector<Peer> chosen;
  for (const Peer& peer : all) {
    if (!wanted(peer.name)) continue;
    if (peer.program.empty()) {
      fmt::print("{} is not on this machine: left out\n", peer.name);
    } else {
      chosen.push_back(peer);
    }
  }
  if (chosen.empty()) return Status(StatusCode::kUnavailable, "none of the servers is on this machine");
  return chosen;
}

// Starts each server once, so that one that does not run is known at once, and asks who it is.
[[nodiscard]] Status introduce(const std::vector<Peer>& peers, const Options& options, CleanUp& clean_up,
                               Results& results) {
  for (const Peer& peer : peers) {
    auto session = PeerSession::start(clean_up, peer, options.conditions, {1, 32, Durability::kOff}, false);
    if (!session.ok()) return session.status();
    const std::string version = session.value()->version();
    const char* remark = "";
    if (peer.kind == PeerKind::kOurs) remark = " (this server)";
    if (peer.kind == PeerKind::kFloor) remark = " (parses nothing, answers a constant: the limit of the machine)";
    fmt::print("  {}{}{}{}\n", peer.name, version.empty() ? "" : " ", version, remark);
    JsonObject row;
    row.add("measurement", "peers_server").add("server", peer.name).add("version", version);
    results.add_row(row);
  }
  return {};
}

void print_head(const Options& options) {
  const PeerConditions& conditions = options.conditions;
  print_title("Servers Side by Side");
  fmt::print("Servers on core {}, load on core {} ({} thread{}), {} connections, {}-byte keys, {:g} s a measurement\n",
             cores_text(conditions.cores.server), cores_text(conditions.cores.load), conditions.load_threads,
             conditions.load_threads == 1 ? "" : "s", conditions.clients, conditions.key_bytes, conditions.seconds);
  fmt::print(
      "Trust \"CPU us/req\": processor time of the server a request, user and kernel. On a small or shared machine\n"
      "requests/s and latencies say as much about the load, the neighbours and the kernel as about the server.\n"
      "\"load\" is how busy the load generator was: near 100% it was the limit, not the server.\n"
      "Right of the bar: how many times better this server is. Below 1 it loses, marked <.\n\n");
}

void add_options_to(Results& results, const Options& options) {
  const PeerConditions& conditions = options.conditions;
  results.options()
      .add("keys", std::span(options.keys))
      .add("values", std::span(options.values))
      .add("pipelines", std::span(options.pipelines))
      .add("operations", fmt::format("{}", fmt::join(options.operations, ",")))
      .add("durabilities", fmt::format("{}", fmt::join(options.durabilities, ",")))
      .add("servers", fmt::format("{}", fmt::join(options.servers, ",")))
      .add("peers", fmt::format("{}", fmt::join(options.named_peers, "; ")))
      .add("rounds", options.rounds)
      .add("rate", options.rate)
      .add("seconds", conditions.seconds)
      .add("clients", conditions.clients)
      .add("key_bytes", conditions.key_bytes)
      .add("server_cores", cores_text(conditions.cores.server))
      .add("load_cores", cores_text(conditions.cores.load))
      .add("load_threads", conditions.load_threads);
}

[[nodiscard]] Status settle_cores(Options& options) {
  PeerConditions& conditions = options.conditions;
  conditions.cores = split_cores(allowed_cores());
  if (!options.server_cores.empty()) {
    const Result<Cores> cores = parse_cores(options.server_cores);
    if (!cores.ok()) return cores.status();
    conditions.cores.server = cores.value();
  }
  if (!options.load_cores.empty()) {
    const Result<Cores> cores = parse_cores(options.load_cores);
    if (!cores.ok()) return cores.status();
    conditions.cores.load = cores.value();
  }
  const auto load_cores = static_cast<unsigned>(conditions.cores.load.size());
  conditions.load_threads = std::min(options.load_threads == 0 ? load_cores : options.load_threads, conditions.clients);
  if (!pin_this_thread(conditions.cores.load)) {
    return {StatusCode::kInvalidArgument, fmt::format("cannot run on cores {}", cores_text(conditions.cores.load))};
  }
  return {};
}

int run(Options& options) {
  CleanUp clean_up;
  Results results("benchmark_peers");  // before pinning: it counts the cores of this process
  if (const Status status = settle_cores(options); !status.ok()) return fail(status.message());
  if (find_program(options.server).empty()) return fail(fmt::format("there is no server at {}", options.server));
  print_head(options);
  Result<std::vector<Peer>> peers = choose_peers(options);
  if (!peers.ok()) return fail(peers.status().message());
  add_options_to(results, options);
  Status status = introduce(peers.value(), options, clean_up, results);
  if (status.ok()) status = PeersBenchmark(options, peers.value(), clean_up, results).run();
  if (!status.ok()) {
    std::fflush(stdout);
    return fail(status.message());
  }
  return options.json.empty() || save_results(results, options.json) ? 0 : 1;
}

void add_workload_options(CLI::App& app, Options& options) {
  app.add_option("--keys", options.keys, "Numbers of keys")
      ->delimiter(',')
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  app.add_option("--values", options.values, "Sizes of values in bytes")
      ->delimiter(',')
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--pipeline", options.pipelines, "Requests a connection sends before it waits for their replies")
      ->delimiter(',')
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--operations", options.operations, "get, set; get is measured with persistence off only")
      ->delimiter(',')
      ->check(CLI::IsMember({"get", "set"}))
      ->capture_default_str();
  app.add_option("--durability", options.durabilities,
                 "off, everysec, always: when writes are on disk; servers that have no such mode are left out of it")
      ->delimiter(',')
      ->check(CLI::IsMember({"off", "everysec", "always"}))
      ->capture_default_str();
  app.add_flag("--full", options.full, "--keys 1000000,10000000 --values 32,1024; needs 16 GiB of memory");
  app.add_option("--rate", options.rate,
                 "Requests a second, sent when due and timed from then, or half-of-redis: half of what redis can do "
                 "in the same workload (default: as fast as replies come)")
      ->check(CLI::IsMember({kHalfOfRedis}) | CLI::PositiveNumber);
}

void add_run_options(CLI::App& app, Options& options) {
  PeerConditions& conditions = options.conditions;
  app.add_option("--servers", options.servers,
                 "Measure only these: kvstore, redis, valkey, memcached, floor, names given with --peer")
      ->delimiter(',');
  app.add_option("--peer", options.named_peers,
                 "One more RESP server, as 'name=program arguments'; {port}, {dir} and {threads} are filled in. May be "
                 "given several times")
      ->expected(1)
      ->take_all();
  app.add_option("--rounds", options.rounds, "How often to measure everything; figures are medians")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  app.add_option("--seconds", conditions.seconds, "Length of one measurement")
      ->check(CLI::Range(0.01, 3'600.0))
      ->capture_default_str();
  app.add_option("--clients", conditions.clients, "Connections")->check(CLI::Range(1, 10'000))->capture_default_str();
  app.add_option("--key-size", conditions.key_bytes, "Bytes of a key")
      ->check(CLI::Range(kKeyBytesMin, std::size_t{250}))  // memcached takes no longer ones
      ->capture_default_str();
  app.add_option("--server-cores", options.server_cores, "Where servers run, such as 0-3 (default: the first half)");
  app.add_option("--load-cores", options.load_cores, "Where the load runs (default: the other half)");
  app.add_option("--load-threads", options.load_threads, "Threads of the load (default: one for each of its cores)");
  app.add_option("--server", options.server, "The program of this server")->capture_default_str();
  app.add_option("--json", options.json, "File for the results; without it none is written");
}

int parse_and_run(int argc, char** argv) {
  Options options;
  options.server = program_directory() + "/kv_store_server";
  CLI::App app(
      "Measures this server beside redis, valkey, memcached and any other RESP server on this machine, in turn and\n"
      "under the same load: requests a second, the server's processor time a request, latencies, memory a key.\n"
      "Servers keep their files in TMPDIR, which should be on the disk that is meant.");
  app.name("benchmark_peers");
  add_workload_options(app, options);
  add_run_options(app, options);
  CLI11_PARSE(app, argc, argv);
  if (options.full) {
    options.keys = {1'000'000, 10'000'000};
    options.values = {32, 1'024};
  }
  return run(options);
}

}  // namespace
}  // namespace kvstore::benchmarks

int main(int argc, char** argv) { return kvstore::benchmarks::parse_and_run(argc, argv); }
