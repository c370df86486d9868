// kv_store_server: reads the command line, starts the server, waits for its end.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <optional>
#include <string>

#include "server/options.h"
#include "server/process.h"
#include "server/server.h"

int main(int argc, char** argv) {
  kvstore::server::ServerOptions options;
  if (const std::optional<int> status = kvstore::server::parse_command_line(argc, argv, options)) return *status;

  // Standard output is for the line that says the server is ready; the log goes to standard error.
  spdlog::set_default_logger(spdlog::stderr_color_mt("kvstore"));
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  spdlog::set_level(spdlog::level::from_str(options.log_level));

  kvstore::server::block_end_signals();  // before any thread exists, so that every thread inherits it
  kvstore::server::Server server(options);
  const kvstore::Status started = server.start();
  if (!started.ok()) {
    std::fprintf(stderr, "kv_store_server: %s\n", started.message().c_str());
    const bool damaged = started.code() == kvstore::StatusCode::kCorruption;
    return damaged ? kvstore::server::ServerPersistence::kExitDamaged : 1;
  }
  const bool ipv6 = options.bind.find(':') != std::string::npos;
  std::printf(ipv6 ? "TCP Server listening on [%s]:%u\n" : "TCP Server listening on %s:%u\n", options.bind.c_str(),
              static_cast<unsigned>(server.port()));
  std::fflush(stdout);
  return server.run();
}
