// Worker: what one thread does with the bytes of its connections: parse all, prefetch all, run all, send all.
//
// Requests of all ready connections are gathered in a batch, and what their keys need is asked for while the next ones
// are parsed; when the batch is full, or everything that arrived was parsed, the calls run in the order they were
// parsed, so replies keep the order of requests on each connection.
//
// Thread rule: every function runs on the worker's loop thread, except metrics(), which any thread reads.
//
// Invariants:
//   1. A batch's words are views of bytes that do not move before it has run: the loop's receive buffers, a session's
//      input, or the scratch. So a batch that holds requests of a session runs before that session's input changes.
//   2. A session whose unsent replies exceed kOutputHighWaterBytes is throttled: nothing more of it is parsed or
//   received
//      until the peer has read. What the server keeps for one connection is bounded by that, one batch of replies, and
//      the largest request.
//   3. No reply leaves before the log has acknowledged every change the connection made and every change the reply
//      shows: the connection's output is held until then (parked). With a log that falls behind, nothing more is
//      parsed.
//   4. Input and unsent replies of all sessions together keep within the client memory budget, give or take one reply:
//      the session that exceeds it is refused or closed, never the data evicted.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/scratch.h"
#include "engine/engine.h"
#include "env/clock.h"
#include "net/connection_handler.h"
#include "protocol/json_writer.h"
#include "protocol/resp_writer.h"
#include "server/client_registry.h"
#include "server/commit_driver.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/session.h"

namespace kvstore::server {

class Worker final : public net::ConnectionHandler {
 public:
  struct Shared {
    engine::Engine& engine;
    commands::ServerControl& control;
    ClientRegistry& registry;
    const ServerOptions& options;
    const env::Clock& clock;
    // Set before the engine has a log.
    durability::Storage* const& storage;
    const std::atomic<bool>& loading;  // relaxed: commands that need the data are refused meanwhile
  };

  // The first worker also looks after the store's background work.
  Worker(const Shared& shared, bool maintains_store);
  // The loop that will run this worker; before it runs.
  void attach_loop(net::EventLoop& loop) { loop_ = &loop; }
  ~Worker() override;

  void on_open(net::Connection& connection) override;
  void on_receive(net::Connection& connection, std::string_view bytes) override;
  void on_receive_end(net::Connection& connection) override;
  void on_drained(net::Connection& connection) override;
  void on_close(net::Connection& connection) override;
  void on_turn() override;
  void on_tick() override;

  // Any thread: whether it has something to do once the log has advanced or a snapshot has ended. seq_cst, with the
  // log's LSN: a worker counts itself, then looks at the LSN; a commit publishes the LSN, then looks here.
  [[nodiscard]] bool awaits_progress() const { return waiting_count_.load(std::memory_order_seq_cst) > 0; }
  [[nodiscard]] std::size_t blocked_clients() const { return blocked_count_.load(std::memory_order_relaxed); }
  [[nodiscard]] const WorkerMetrics& metrics() const { return metrics_; }
  // Any thread. Clears the counters.
  void reset_metrics() { metrics_.reset(); }

 private:
  static constexpr std::size_t kBatchCallsMax = 64;
  // A request's record is asked for when so many more have been parsed: its bucket has come by then.
  static constexpr std::size_t kBucketHeadStart = 12;
  // Parked sessions that are released in one turn: an eighth of those that can be, but not fewer than so many.
  static constexpr std::size_t kReleasesMin = 8;
  static constexpr std::size_t kReleaseTurns = 8;
  static constexpr std::size_t kOutputHighWaterBytes = std::size_t{1} << 20;
  // Below this a session is never refused for the sake of the budget.
  static constexpr std::size_t kGuaranteedSessionBytes = 64 * 1024;

  // What to answer to one parsed request, in its place in the order.
  enum class Answer : std::uint8_t { kRun, kUnknownCommand, kWrongArity, kProtocolError, kClose };
  struct Request {
    engine::Call call;
    Session* session;
    Answer answer;
    std::size_t first_word;  // the place of call.args in words_, which may move until the batch is complete
    std::size_t error;       // kProtocolError: its place in errors_
  };

  void decide_protocol(Session& session, std::string_view first_bytes);
  void refuse(Session& session, std::string_view code, std::string_view text);
  // Parses whole requests from `input` into the batch; returns how many bytes it used up.
  std::size_t parse(Session& session, std::string_view input);
  // False: the command may wait for its answer, so nothing behind it may be parsed before it has run.
  [[nodiscard]] bool add_request(Session& session, std::size_t first_word);
  void add_answer(Session& session, Answer answer, std::string error);
  Request& add(Session& session, Answer answer, const commands::Command& command, std::size_t first_word);
  // Asks for the record of the request at this place of the batch.
  void prefetch(std::size_t place) {
    if (batch_[place].answer == Answer::kRun) executor_.prefetch(batch_[place].call);
  }
  void parse_kept_input(Session& session);
  // Adds bytes to the session's input, or refuses it when the budget is spent.
  void keep_input(Session& session, std::string_view bytes);
  void run_batch();
  void answer(Request& request);
  void touch(Session& session);
  // --- waiting for the disk (worker_waiting.cc) ---
  void attach_log();
  [[nodiscard]] bool log_has_room() const;
  // Holds the session's replies if the log has not acknowledged what they wait for.
  void park(Session& session);
  void release_parked();
  // Asks those who wait for an answer whether they have one now.
  void answer_waiters();
  void count_waiting();
  void forget(Session& session);
  void throttle(Session& session);
  // After the turn's replies are written: close, throttle, give memory back.
  void settle(Session& session);
  void account_memory(Session& session);
  [[nodiscard]] bool over_budget(const Session& session) const;
  // Closes a session whose unsent replies exceed the budget; true when it did.
  bool drop_if_over_budget(Session& session);
  [[nodiscard]] protocol::ReplyWriter& writer_of(const Session& session);

  Shared shared_;
  const bool maintains_store_;
  protocol::ParserLimits limits_;
  engine::Executor executor_;
  protocol::Resp2Writer resp2_;
  protocol::Resp3Writer resp3_;
  protocol::JsonLineWriter json_;

  std::array<Request, kBatchCallsMax> batch_;  // in order of arrival
  std::size_t batch_size_ = 0;
  std::vector<std::string_view> words_;
  std::vector<std::string> errors_;  // rare, so not in each request
  base::Scratch scratch_;

  std::vector<Session*> touched_;  // sessions to settle at the end of the turn; null: closed meanwhile
  std::vector<Session*> resumed_;  // throttled sessions that may go on
  std::vector<Session*> parked_;   // sessions whose output is held until the log has acknowledged their wait_lsn
  bool releases_left_ = false;     // some of them could be released and are, in the turns to come
  std::vector<Session*> stalled_;  // throttled because the log has no room
  std::vector<Session*> blocked_;  // throttled because a command of theirs waits for its answer
  durability::Log* log_ = nullptr;
  std::optional<CommitDriver> commits_;  // with log_
  net::EventLoop* loop_ = nullptr;
  std::atomic<std::size_t> waiting_count_{0};  // parked, stalled and blocked
  std::atomic<std::size_t> blocked_count_{0};  // relaxed: a figure
  std::int64_t now_us_;                        // wall clock, read once a turn
  WorkerMetrics metrics_;
};

}  // namespace kvstore::server
