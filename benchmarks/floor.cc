// floor: the server that benchmark_peers measures as the machine's limit. It parses nothing, stores nothing, and
// answers every request with the same bytes (floor_server.h).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "floor_server.h"

namespace kvstore::benchmarks {
namespace {

int fail(const std::string& reason) {
  fmt::print(stderr, "floor: {}\n", reason);
  return 1;
}

int parse_and_run(int argc, char** argv) {
  std::uint16_t port = 0;
  std::size_t request_bytes = 0;
  std::size_t value_bytes = 0;
  CLI::App app(
      "Receives, counts bytes and answers with a constant: what a request costs on this machine before any server\n"
      "looks at it. All requests must have the same length. It listens on 127.0.0.1 with one thread.");
  app.name("floor");
  app.add_option("--port", port, "TCP port; 0 takes a free one and prints it")->capture_default_str();
  app.add_option("--request-bytes", request_bytes, "Length of every request")
      ->required()
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 30));
  const CLI::Option* value = app.add_option("--value-bytes", value_bytes,
                                            "Answers with a RESP bulk string of so many bytes, as to a GET; without "
                                            "this with +OK, as to a SET")
                                 ->check(CLI::Range(std::size_t{0}, std::size_t{1} << 30));
  CLI11_PARSE(app, argc, argv);
  const std::string reply =
      value->empty() ? "+OK\r\n" : fmt::format("${}\r\n{}\r\n", value_bytes, std::string(value_bytes, 'x'));
  const auto server = FloorServer::open(port, request_bytes, reply);
  if (!server.ok()) return fail(server.status().message());
  fmt::print("TCP Server listening on 127.0.0.1:{}\n", server.value()->port());
  std::fflush(stdout);
  return fail(server.value()->run().message());
}

}  // namespace
}  // namespace kvstore::benchmarks

int main(int argc, char** argv) { return kvstore::benchmarks::parse_and_run(argc, argv); }
