// DurabilityClients: connections that write until the server is killed under them, and what they remember of it.
//
// Each client has keys of its own and overwrites them, so the history of every key has an order. A client waits for
// each reply before its next write: at the kill there is at most one write without a reply for each client.
//
// Thread rule: send_and_kill() starts a thread for each client and joins them; all else belongs to the main thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "durability_history.h"
#include "kvstore/status.h"
#include "server_process.h"
#include "tcp_client.h"
#include "workload.h"

namespace kvstore::benchmarks {

class DurabilityClients {
 public:
  struct Options {
    unsigned clients = 1;
    std::uint64_t writes = 100;     // over all clients
    std::uint64_t kill_after = 50;  // the server is killed when so many writes were answered with OK
    std::uint64_t test = 1;         // part of every value, so that data of another test is recognised
  };
  struct Sent {
    std::uint64_t acknowledged_at_kill = 0;
    std::uint64_t acknowledged = 0;  // with the replies that still arrived
    double seconds = 0;
  };

  explicit DurabilityClients(const Options& options);

  // Fails when the server refuses a write or ends without being killed.
  [[nodiscard]] Result<Sent> send_and_kill(ServerProcess& server);

  using Visit = std::function<void(const KeyHistory& history, std::optional<std::string_view> value)>;
  // Reads every key that was written.
  [[nodiscard]] Status read_back(TcpClient& client, const Visit& visit) const;

 private:
  struct Key {
    std::string name;
    KeyHistory history;
  };
  struct Client {
    std::vector<Key> keys;
    Status status;  // why it stopped, when not because of the kill
  };

  void run_client(std::size_t number, ServerProcess& server);
  // Sends the next write if one is left; nullptr when there is none.
  Key* send_next(std::size_t number, TcpClient& client, Status& status);
  [[nodiscard]] std::string make_value(std::size_t client, std::uint64_t write) const;

  const Options options_;
  std::vector<Client> clients_;
  const ValuePool padding_;
  // Counters shared by the client threads. Relaxed: they only count; what the threads remember is read after a join.
  std::atomic<std::uint64_t> next_write_{0};
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<unsigned> running_{0};
  // Set before the kill, read by clients whose connection broke. Release/acquire: whoever sees the break caused by the
  // kill must also see why.
  std::atomic<bool> killed_{false};
  std::uint64_t began_ns_ = 0;
};

// How many keys the server holds.
[[nodiscard]] Result<std::uint64_t> key_count(TcpClient& client);

}  // namespace kvstore::benchmarks
