// benchmark_durability: what survives kill -9. Starts a server, kills it in the middle of writes, starts it again on
// the same data and checks every write that was answered with OK.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "durability_clients.h"
#include "machine.h"
#include "report.h"
#include "results.h"
#include "server_process.h"

namespace kvstore::benchmarks {
namespace {

struct Options {
  std::uint64_t writes = 100;
  std::uint64_t tests = 1;
  unsigned clients = 1;
  std::string durability = "always";
  std::string server;
  std::string json;
};

// Added up over the keys of one test, and over several tests.
struct Totals {
  std::uint64_t acknowledged = 0;
  std::uint64_t persisted = 0;
  std::uint64_t unanswered = 0;
  std::uint64_t unanswered_there = 0;
  std::uint64_t never_sent = 0;  // values nobody wrote, and keys nobody wrote

  [[nodiscard]] std::uint64_t lost() const { return acknowledged - persisted; }

  void add(const Totals& other) {
    acknowledged += other.acknowledged;
    persisted += other.persisted;
    unanswered += other.unanswered;
    unanswered_there += other.unanswered_there;
    never_sent += other.never_sent;
  }
};

void print_totals(const std::string& title, const Totals& totals) {
  const double loss = totals.acknowledged == 0
                          ? 0.0
                          : 100.0 * static_cast<double>(totals.lost()) / static_cast<double>(totals.acknowledged);
  print_title(title);
  fmt::print("Total successful writes (got OK): {}\n", totals.acknowledged);
  fmt::print("Persisted after restart: {}\n", totals.persisted);
  fmt::print("Lost writes: {}\n", totals.lost());
  fmt::print("Data loss rate: {:.2f}%\n", loss);
  print_rule();
  fmt::print("Writes without a reply: {}, of which persisted: {}\n", totals.unanswered, totals.unanswered_there);
  fmt::print("Values that were never sent: {}\n", totals.never_sent);
}

class DurabilityBenchmark {
 public:
  DurabilityBenchmark(const Options& options, CleanUp& clean_up, Results& results)
      : options_(options), clean_up_(clean_up), results_(results) {}

  // All tests; adds to `totals`.
  [[nodiscard]] Status run(Totals& totals) {
    for (std::uint64_t test = 1; test <= options_.tests; ++test) {
      if (test > 1) fmt::print("\n");
      const Result<Totals> outcome = run_test(test);
      if (!outcome.ok()) return outcome.status();
      totals.add(outcome.value());
    }
    if (options_.tests > 1) {
      fmt::print("\n");
      print_totals(fmt::format("TOTALS OVER {} TESTS", options_.tests), totals);
    }
    return {};
  }

 private:
  [[nodiscard]] Result<std::unique_ptr<ServerProcess>> start_server(const std::string& directory) {
    const std::vector<std::string> arguments = {
        "--port", "0", "--bind", "127.0.0.1", "--durability", options_.durability, "--data-dir", directory + "/data"};
    return ServerProcess::start(clean_up_, options_.server, arguments, directory);
  }

  [[nodiscard]] Result<Totals> run_test(std::uint64_t test) {
    fmt::print("[Test {}/{}]\n\nStarting server...\n", test, options_.tests);
    std::fflush(stdout);
    const auto directory = TempDirectory::create(clean_up_);
    if (!directory.ok()) return directory.status();
    auto server = start_server(directory.value()->path());
    if (!server.ok()) return server.status();
    // Never after the last write: the kill shall meet a server that has work.
    std::uniform_int_distribution<std::uint64_t> any_write(1, std::max<std::uint64_t>(options_.writes - 1, 1));
    const std::uint64_t kill_after = any_write(random_);
    fmt::print("Server will be killed after write #{}/{}\n\n", kill_after, options_.writes);
    std::fflush(stdout);

    DurabilityClients clients({options_.clients, options_.writes, kill_after, test});
    const Result<DurabilityClients::Sent> sent = clients.send_and_kill(*server.value());
    if (!sent.ok()) return sent.status();
    fmt::print("Successful writes before kill: {}\n", sent.value().acknowledged_at_kill);
    fmt::print("Total writes with OK status: {}\n\nRestarting server...\n\n", sent.value().acknowledged);
    std::fflush(stdout);

    const std::uint64_t restart_begin = now_ns();
    auto restarted = start_server(directory.value()->path());
    if (!restarted.ok()) return restarted.status();
    const double restart_ms = static_cast<double>(now_ns() - restart_begin) / 1e6;
    fmt::print("Verifying persisted writes...\n\n");
    std::fflush(stdout);
    Result<Totals> totals = verify(clients, restarted.value()->port());
    if (!totals.ok()) return totals.status();
    print_totals("DURABILITY TEST RESULTS", totals.value());
    fmt::print("Restart took {:.1f}ms\n", restart_ms);
    add_row(test, kill_after, sent.value(), totals.value(), restart_ms);
    return totals;
  }

  [[nodiscard]] static Result<Totals> verify(const DurabilityClients& clients, std::uint16_t port) {
    Result<TcpClient> client = TcpClient::connect("127.0.0.1", port, Protocol::kJson);
    if (!client.ok()) return client.status();
    Totals totals;
    std::uint64_t found = 0;
    const Status status =
        clients.read_back(*client, [&](const KeyHistory& history, std::optional<std::string_view> value) {
          const KeyHistory::Verdict verdict = history.judge(value);
          totals.acknowledged += verdict.acknowledged;
          totals.persisted += verdict.persisted;
          totals.unanswered += verdict.unanswered;
          totals.unanswered_there += static_cast<std::uint64_t>(verdict.unanswered_there);
          totals.never_sent += static_cast<std::uint64_t>(verdict.never_sent);
          found += static_cast<std::uint64_t>(value.has_value());
        });
    if (!status.ok()) return status;
    const Result<std::uint64_t> there = key_count(*client);
    if (!there.ok()) return there.status();
    if (there.value() > found) totals.never_sent += there.value() - found;
    return totals;
  }

  void add_row(std::uint64_t test, std::uint64_t kill_after, const DurabilityClients::Sent& sent, const Totals& totals,
               double restart_ms) {
    JsonObject row;
    row.add("measurement", "durability")
        .add("test", test)
        .add("kill_after", kill_after)
        .add("seconds", sent.seconds)
        .add("acknowledged", totals.acknowledged)
        .add("persisted", totals.persisted)
        .add("lost", totals.lost())
        .add("unanswered", totals.unanswered)
        .add("unanswered_there", totals.unanswered_there)
        .add("never_sent", totals.never_sent)
        .add("restart_ms", restart_ms);
    results_.add_row(row);
  }

  const Options& options_;
  CleanUp& clean_up_;
  Results& results_;
  std::mt19937_64 random_{std::random_device{}()};
};

int fail(const std::string& reason) {
  fmt::print(stderr, "benchmark_durability: {}\n", reason);
  return 1;
}

int run(const Options& options) {
  CleanUp clean_up;
  Results results("benchmark_durability");
  results.options()
      .add("writes", options.writes)
      .add("tests", options.tests)
      .add("clients", options.clients)
      .add("durability", options.durability);
  Totals totals;
  const Status status = DurabilityBenchmark(options, clean_up, results).run(totals);
  if (!status.ok()) {
    std::fflush(stdout);
    return fail(status.message());
  }
  const bool promised = options.durability != "none";  // both other modes promise to survive kill -9 whole
  if (!promised) {
    fmt::print("\n--durability none has no persistence: data is in memory only, and lost when the server ends.\n");
  }
  const bool broken = totals.never_sent > 0 || (promised && totals.lost() > 0);
  if (broken) fmt::print("\nFAILED: --durability {} promises more than was found\n", options.durability);
  const bool saved = options.json.empty() || save_results(results, options.json);
  return broken || !saved ? 1 : 0;
}

int parse_and_run(int argc, char** argv) {
  Options options;
  options.server = program_directory() + "/kv_store_server";
  CLI::App app(
      "Kills a server with SIGKILL in the middle of writes, starts it again and checks every write that was\n"
      "answered with OK. Exit status 1 when a mode that promises no loss loses a write, or when a value\n"
      "turns up that was never sent.");
  app.name("benchmark_durability");
  app.add_option("--writes", options.writes, "Writes a test")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--tests", options.tests, "How many times to do it")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--durability", options.durability, "Mode of the server: always, everysec or none")
      ->check(CLI::IsMember({"always", "everysec", "none"}))
      ->capture_default_str();
  app.add_option("--clients", options.clients, "Connections that write at the same time")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  app.add_option("--server", options.server, "The server program")->capture_default_str();
  app.add_option("--json", options.json, "File for the results; without it none is written");
  CLI11_PARSE(app, argc, argv);
  return run(options);
}

}  // namespace
}  // namespace kvstore::benchmarks

int main(int argc, char** argv) { return kvstore::benchmarks::parse_and_run(argc, argv); }
