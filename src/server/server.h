// Server: puts the rooms together: engine, workers with their event loops, listener, signals; and tells commands about
// itself (commands::ServerControl).
//
// Thread rule: start() and run() on the main thread; ServerControl from any worker.
//
// Order of an orderly end (SIGTERM, SIGINT, SHUTDOWN): stop accepting -> every loop finishes its turn, sends what is
// written for at most kLingerMs and closes -> threads join -> exit status 0. A second signal ends the process at once.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "commands/server_control.h"
#include "engine/engine.h"
#include "env/clock.h"
#include "kvstore/status.h"
#include "net/event_loop.h"
#include "server/client_registry.h"
#include "server/options.h"
#include "server/server_persistence.h"
#include "server/worker.h"

namespace kvstore::server {

class Server final : public commands::ServerControl {
 public:
  explicit Server(ServerOptions options, const env::Clock& clock = env::Clock::system());
  ~Server() override;

  // Opens the port, starts the workers, recovers the data. On success the server answers; before, it says LOADING.
  Status start();
  // Waits for a signal or SHUTDOWN, then ends in good order. The exit status of the process.
  int run();
  [[nodiscard]] std::uint16_t port() const { return port_; }

  // --- commands::ServerControl -----------------------------------------------------------------------------------
  [[nodiscard]] std::string info_section(std::string_view section) const override;
  [[nodiscard]] std::vector<std::string_view> info_sections() const override;
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> config() const override;
  void reset_statistics() override;
  [[nodiscard]] std::string client_list() const override { return registry_.list(); }
  [[nodiscard]] std::string version() const override;
  void request_shutdown() override;
  [[nodiscard]] std::uint64_t begin_shutdown() override;
  void end_shutdown() override;
  [[nodiscard]] bool abort_shutdowns() override;
  [[nodiscard]] std::uint64_t shutdowns_aborted() const override;
  [[nodiscard]] commands::Persistence& persistence() override { return persistence_; }

 private:
  static constexpr int kLingerMs = 2000;

  struct Thread {
    std::unique_ptr<Worker> worker;
    std::unique_ptr<net::EventLoop> loop;
    std::thread thread;
  };

  // INFO (info.cc): a row a section, a function a row.
  class InfoText;
  struct InfoSection;
  [[nodiscard]] static std::span<const InfoSection> info_table();
  void info_server(InfoText& text) const;
  void info_clients(InfoText& text) const;
  void info_memory(InfoText& text) const;
  void info_persistence(InfoText& text) const;
  void info_stats(InfoText& text) const;
  void info_replication(InfoText& text) const;
  void info_cpu(InfoText& text) const;
  void info_commandstats(InfoText& text) const;
  void info_keyspace(InfoText& text) const;

  [[nodiscard]] Result<net::Backend> choose_backend() const;
  Status start_workers(int listen_fd);
  void stop();
  // The log has advanced, or a snapshot has ended: wakes the workers that wait for it. Any thread.
  void wake_waiting_workers();

  ServerOptions options_;  // constant once the workers run
  const env::Clock& clock_;
  engine::Engine engine_;
  ServerPersistence persistence_;
  ClientRegistry registry_;
  const std::int64_t started_us_;
  const std::string run_id_;
  net::Backend backend_ = net::Backend::kEpoll;
  std::uint16_t port_ = 0;
  bool stopped_ = false;
  int shutdown_event_ = -1;  // eventfd: request_shutdown() wakes the main thread
  std::vector<Thread> threads_;
  // relaxed: a request that misses the end of loading is told to try again.
  std::atomic<bool> loading_{true};
  // Set once threads_ does not change any more; acquire/release.
  std::atomic<bool> workers_started_{false};
  // Shutdowns that wait for a snapshot, and how many times such were called back; seq_cst, as both are asked together.
  std::atomic<unsigned> shutdowns_waiting_{0};
  std::atomic<std::uint64_t> shutdowns_aborted_{0};
  std::size_t next_loop_ = 0;  // used by the accepting loop's thread only
};

}  // namespace kvstore::server
