// Session: one connection above the socket: which protocol it speaks, what it has sent, who it says it is.
//
// Thread rule: the worker that owns the connection, except info_line(), which any thread calls with the registry's lock
// held: what it reads is either written under that lock (names) or a relaxed atomic (figures).
//
// States: undecided -> speaking -> closing. Undecided until the first byte; closing from the moment no further request
// is to run (QUIT, a protocol error, SHUTDOWN): what is already written is sent, then the connection closes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/mutex.h"
#include "commands/client.h"
#include "commands/command.h"
#include "net/connection.h"
#include "protocol/request.h"
#include "server/input_buffer.h"
#include "store/mutation_sink.h"

namespace kvstore::server {

class ClientRegistry;

class Session final : public commands::Client {
 public:
  Session(net::Connection& connection, std::uint64_t id, ClientRegistry& registry, std::int64_t now_us);
  ~Session() override;

  // --- the worker's side -----------------------------------------------------------------------------------------
  [[nodiscard]] net::Connection& connection() { return connection_; }
  [[nodiscard]] bool decided() const { return parser_ != nullptr; }
  void decide(commands::Protocol protocol, std::unique_ptr<protocol::RequestParser> parser);
  [[nodiscard]] protocol::RequestParser& parser() { return *parser_; }
  [[nodiscard]] InputBuffer& input() { return input_; }
  [[nodiscard]] bool closing() const { return closing_; }
  // The rest of a command that has not answered yet; null: none.
  [[nodiscard]] commands::Waiter* waiter() const { return waiter_.get(); }
  void drop_waiter() { waiter_.reset(); }
  // Notes a request about to run, for CLIENT LIST.
  void note_command(const commands::Command& command, std::int64_t now_us) {
    // relaxed: figures for people; rows are constants, so the pointer needs no ordering.
    last_command_.store(&command, std::memory_order_relaxed);
    last_active_us_.store(now_us, std::memory_order_relaxed);
  }
  // Memory this session holds for input and unsent output, as last measured; returns the change.
  std::int64_t measure_memory();
  [[nodiscard]] std::size_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

  // Flags of the worker's turn.
  bool touched = false;             // is in the worker's list of sessions to settle
  bool throttled = false;           // nothing more is parsed: replies wait to be read, a command waits, the log is full
  bool peer_finished = false;       // the peer will send nothing more
  bool parked = false;              // its replies wait for the log
  store::Lsn wait_lsn = 0;          // what they wait for
  std::uint32_t pending_calls = 0;  // requests in the worker's batch that view this session's bytes

  // --- commands::Client ------------------------------------------------------------------------------------------
  [[nodiscard]] std::uint64_t id() const override { return id_; }
  [[nodiscard]] commands::Protocol protocol() const override { return protocol_.load(std::memory_order_relaxed); }
  [[nodiscard]] int database() const override { return database_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::string name() const override;
  [[nodiscard]] std::string info_line() const override;
  void select(int db) override { database_.store(db, std::memory_order_relaxed); }
  void switch_protocol(commands::Protocol protocol) override { protocol_.store(protocol, std::memory_order_relaxed); }
  void set_name(std::string_view name) override;
  void set_library_name(std::string_view name) override;
  void set_library_version(std::string_view version) override;
  void close_after_reply() override { closing_ = true; }
  void wait_for(std::unique_ptr<commands::Waiter> waiter) override { waiter_ = std::move(waiter); }
  void reset() override;

 private:
  friend class ClientRegistry;
  std::string describe(std::int64_t now_us) const;  // with the registry's lock held

  net::Connection& connection_;
  ClientRegistry& registry_;
  const std::uint64_t id_;
  const int fd_;  // for people; the connection may have closed it
  const std::int64_t opened_us_;
  std::unique_ptr<protocol::RequestParser> parser_;
  InputBuffer input_;
  bool closing_ = false;
  std::unique_ptr<commands::Waiter> waiter_;

  // Written by the worker, read by whoever lists the clients; relaxed throughout: each is a figure of its own.
  std::atomic<commands::Protocol> protocol_{commands::Protocol::kResp2};
  std::atomic<int> database_{0};
  std::atomic<const commands::Command*> last_command_{nullptr};
  std::atomic<std::int64_t> last_active_us_;
  std::atomic<std::size_t> memory_bytes_{0};
  std::atomic<std::size_t> input_bytes_{0};
  std::atomic<std::size_t> input_capacity_{0};
  std::atomic<std::size_t> unsent_bytes_{0};

  // Written and read under the registry's lock.
  std::string name_;
  std::string library_name_;
  std::string library_version_;
};

}  // namespace kvstore::server
