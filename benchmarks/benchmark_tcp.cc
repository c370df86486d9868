// benchmark_tcp: the server as a client sees it. Times writes and reads over TCP, on either protocol, with any number
// of connections, pipelined or not, as fast as replies come or at a fixed rate.
//
// It only touches keys of its own (they begin with "bench") and removes them when it is done.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "load.h"
#include "machine.h"
#include "options.h"
#include "report.h"
#include "results.h"
#include "tcp_client.h"
#include "workload.h"

namespace kvstore::benchmarks {
namespace {

constexpr unsigned kFillPipeline = 256;

struct Options {
  std::string host = "localhost";
  std::uint16_t port = 6379;
  Protocol protocol = Protocol::kJson;
  std::vector<std::uint64_t> sizes = {0, 100, 1'000, 10'000, 100'000, 1'000'000};
  std::uint64_t operations = 500;
  std::uint64_t reads = 500;
  unsigned clients = 1;
  unsigned pipeline = 1;
  double rate = 0;
  Shape shape;
  std::string json;
};

std::string_view protocol_name(Protocol protocol) { return protocol == Protocol::kJson ? "json" : "resp"; }

int fail(const std::string& reason) {
  fmt::print(stderr, "benchmark_tcp: {}\n", reason);
  return 1;
}

// Runs the measurements of all sizes against one server.
class TcpBenchmark {
 public:
  TcpBenchmark(const Options& options, Load& load, std::optional<pid_t> server, Results& results)
      : options_(options),
        load_(load),
        server_(server),
        results_(results),
        keys_(options.shape.key_bytes),
        values_(options.shape.value_bytes) {}

  [[nodiscard]] Status run() {
    Status status;
    for (const std::uint64_t size : options_.sizes) {
      if (status.ok()) status = measure_size(size);
    }
    if (!status.ok()) return status;
    fmt::print("\n");
    Step step(fmt::format("Removing {} keys", populated_), populated_);
    status = remove(0, populated_, &step);
    step.finish(status.ok() ? "Done" : "Failed");
    return status;
  }

 private:
  [[nodiscard]] Status measure_size(std::uint64_t size) {
    print_benchmark_head(size);
    Status status = populate(size);
    if (status.ok()) status = measure_writes(size);
    if (status.ok() && options_.reads > 0) status = measure_reads(size);
    // The measured writes made new keys: take them away again, so that the next size starts at its number.
    if (status.ok()) status = remove(size, options_.operations, nullptr);
    return status;
  }

  [[nodiscard]] Status populate(std::uint64_t size) {
    Step step(fmt::format("  Pre-populating store with {} keys", size), size - populated_);
    const std::uint64_t first = populated_;
    Load::Work work{size - first, kFillPipeline, 0, [&](std::uint64_t i, std::string& out) {
                      append_set(options_.protocol, keys_.key(first + i), values_.value(i), out);
                    }};
    const Result<Load::Outcome> outcome = load_.run(work, &step);
    step.finish(outcome.ok() ? "Done" : "Failed");
    if (outcome.ok()) populated_ = size;
    return outcome.status();
  }

  [[nodiscard]] Status measure_writes(std::uint64_t size) {
    const Load::Work work{options_.operations, options_.pipeline, options_.rate,
                          [&](std::uint64_t i, std::string& out) {
                            append_set(options_.protocol, keys_.key(size + i), values_.value(i), out);
                          }};
    Step step(fmt::format("  Measuring {} write operations via TCP", options_.operations), options_.operations);
    const Result<Measured> measured = measure(work, step);
    if (!measured.ok()) return measured.status();
    print_writes(measured.value().summary);
    report("write", "Write", size, measured.value());
    return {};
  }

  [[nodiscard]] Status measure_reads(std::uint64_t size) {
    const std::uint64_t key_count = size + options_.operations;
    const Load::Work work{options_.reads, options_.pipeline, options_.rate, [&](std::uint64_t i, std::string& out) {
                            append_get(options_.protocol, keys_.key(mix(i) % key_count), out);
                          }};
    Step step(fmt::format("  Measuring {} read operations via TCP", options_.reads), options_.reads);
    const Result<Measured> measured = measure(work, step);
    if (!measured.ok()) return measured.status();
    if (measured.value().missing > 0) {
      return {StatusCode::kNotFound, fmt::format("{} reads found no value", measured.value().missing)};
    }
    print_reads(measured.value().summary);
    report("read", "Read", size, measured.value());
    return {};
  }

  struct Measured {
    Summary summary;
    std::uint64_t missing = 0;
    double server_us = 0;  // processor time of the server a request; 0: not known
  };

  // 0 when it cannot be known.
  [[nodiscard]] std::uint64_t server_processor_ns() const {
    return server_ ? process_processor_ns(*server_).value_or(0) : 0;
  }

  [[nodiscard]] Result<Measured> measure(const Load::Work& work, Step& step) {
    const std::uint64_t processor_before_ns = server_processor_ns();
    const Result<Load::Outcome> outcome = load_.run(work, &step);
    const std::uint64_t processor_after_ns = server_processor_ns();
    step.finish(outcome.ok() ? "Done" : "Failed");
    if (!outcome.ok()) return outcome.status();
    Measured measured;
    measured.summary = summarize(outcome.value().latency_ns, outcome.value().seconds);
    measured.missing = outcome.value().missing;
    if (processor_before_ns > 0 && processor_after_ns > processor_before_ns) {
      measured.server_us =
          static_cast<double>(processor_after_ns - processor_before_ns) / 1e3 / static_cast<double>(work.count);
    }
    return measured;
  }

  void report(const char* measurement, const char* label, std::uint64_t size, const Measured& measured) {
    print_percentiles(label, measured.summary);
    if (options_.rate > 0 && measured.summary.per_second < 0.95 * options_.rate) {
      fmt::print("  Asked for {:.0f}/sec, reached {:.0f}/sec: the times include waiting for a turn\n", options_.rate,
                 measured.summary.per_second);
    }
    JsonObject row;
    row.add("measurement", measurement).add("existing_keys", size);
    add_summary(row, measured.summary);
    if (measured.server_us > 0) {
      fmt::print("  {} server CPU: {:.2f}us a request\n", label, measured.server_us);
      row.add("server_processor_us", measured.server_us);
    }
    results_.add_row(row);
  }

  [[nodiscard]] Status remove(std::uint64_t first, std::uint64_t count, Step* step) {
    const Load::Work work{count, kFillPipeline, 0, [&](std::uint64_t i, std::string& out) {
                            append_delete(options_.protocol, keys_.key(first + i), out);
                          }};
    return load_.run(work, step).status();
  }

  const Options& options_;
  Load& load_;
  const std::optional<pid_t> server_;
  Results& results_;
  KeyMaker keys_;
  const ValuePool values_;
  std::uint64_t populated_ = 0;
};

// The process id of a server on this machine, for its processor time; nullopt when it is elsewhere or does not tell.
std::optional<pid_t> server_process_id(const Options& options, TcpClient& client) {
  if (options.host != "localhost" && options.host != "127.0.0.1" && options.host != "::1") return std::nullopt;
  const Result<Reply> info = client.call("INFO server");
  if (!info.ok() || info.value().kind != ReplyKind::kOk) return std::nullopt;
  constexpr std::string_view kField = "process_id:";
  const std::size_t at = info.value().text.find(kField);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view digits = info.value().text.substr(at + kField.size());
  pid_t pid = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), pid).ec != std::errc()) return std::nullopt;
  // A forwarded port leads to another machine, where the number means nothing: a server's name must stand behind it.
  const std::string name = process_name(pid);
  return name.find("server") == std::string::npos ? std::nullopt : std::optional<pid_t>(pid);
}

int run(const Options& options) {
  Result<TcpClient> client = TcpClient::connect(options.host, options.port, options.protocol);
  if (!client.ok()) {
    return fail(fmt::format("no server answers at {}:{} ({}); start one with: kv_store_server --port {}", options.host,
                            options.port, client.status().message(), options.port));
  }
  const Result<Reply> pong = client->call("PING");
  if (!pong.ok())
    return fail(fmt::format("no answer to PING from {}:{}: {}", options.host, options.port, pong.status().message()));
  if (pong.value().kind != ReplyKind::kOk) return fail(fmt::format("the server answered: {}", pong.value().text));
  const std::optional<pid_t> server = server_process_id(options, client.value());
  const Result<std::unique_ptr<Load>> load = Load::open(options.host, options.port, options.protocol, options.clients);
  if (!load.ok()) return fail(fmt::format("cannot open {} connections: {}", options.clients, load.status().message()));

  Results results("benchmark_tcp");
  results.options()
      .add("host", options.host)
      .add("port", options.port)
      .add("protocol", protocol_name(options.protocol))
      .add("sizes", std::span(options.sizes))
      .add("operations", options.operations)
      .add("reads", options.reads)
      .add("clients", options.clients)
      .add("pipeline", options.pipeline)
      .add("rate", options.rate)
      .add("key_bytes", options.shape.key_bytes)
      .add("value_bytes", options.shape.value_bytes);
  print_title("TCP Client Performance Benchmark");
  const Status status = TcpBenchmark(options, *load.value(), server, results).run();
  if (!status.ok()) return fail(status.message());
  return options.json.empty() || save_results(results, options.json) ? 0 : 1;
}

void add_load_options(CLI::App& app, Options& options) {
  const std::map<std::string, Protocol> protocols = {{"json", Protocol::kJson}, {"resp", Protocol::kResp}};
  app.add_option("--host", options.host, "Where the server is")->capture_default_str();
  app.add_option("--port", options.port, "Its port")->check(CLI::Range(1, 65'535))->capture_default_str();
  app.add_option("--protocol", options.protocol, "json or resp (default json)")
      ->transform(CLI::CheckedTransformer(protocols, CLI::ignore_case).description(""));
  app.add_option("--clients", options.clients, "Connections")->check(CLI::Range(1, 10'000))->capture_default_str();
  app.add_option("--pipeline", options.pipeline, "Requests a connection sends before it waits for their replies")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--rate", options.rate,
                 "Requests a second over all connections, sent when due and timed from then (default: as fast as "
                 "replies come)")
      ->check(CLI::NonNegativeNumber);
}

int parse_and_run(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Times writes and reads over TCP against a running server, at growing numbers of existing keys.\n"
      "It uses keys of its own, which begin with \"bench\", and removes them at the end.");
  app.name("benchmark_tcp");
  add_load_options(app, options);
  app.add_option("--sizes", options.sizes, "Keys of ours in the store before measuring, e.g. 0,1000,1000000")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--operations", options.operations, "Writes to time at each size")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  std::string reads;
  app.add_option("--reads", reads, "Reads to time at each size; 0 leaves them out (default: as many as --operations)")
      ->type_name("[UINT]")
      ->expected(0, 1)
      ->check(CLI::NonNegativeNumber | CLI::IsMember({"", "true"}).description(""));
  add_shape_options(app, options.shape);
  app.add_option("--json", options.json, "File for the results; without it none is written");
  CLI11_PARSE(app, argc, argv);
  // Left out, or given without a number (CLI11 then passes a word): as many as there are writes.
  options.reads = options.operations;
  std::from_chars(reads.data(), reads.data() + reads.size(), options.reads);
  std::sort(options.sizes.begin(), options.sizes.end());  // each size adds to the one before
  return run(options);
}

}  // namespace
}  // namespace kvstore::benchmarks

int main(int argc, char** argv) { return kvstore::benchmarks::parse_and_run(argc, argv); }
