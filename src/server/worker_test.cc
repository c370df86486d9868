// A Worker driven without sockets: a fake connection stands in for the event loop, so that every order of events can be
// played.
#include "server/worker.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "commands/fake_persistence.h"

namespace kvstore::server {
namespace {

class FakeConnection final : public net::Connection {
 public:
  explicit FakeConnection(bool loopback = true) {
    peer_address_ = loopback ? "127.0.0.1:40000" : "192.0.2.7:40000";
    local_address_ = "127.0.0.1:6379";
    peer_is_loopback_ = loopback;
  }
  void mark_dirty() override { dirty = true; }
  std::size_t unsent_bytes() const override { return stuck_bytes + output_.size(); }
  void release_output() override {
    if (std::exchange(output_held_, false) && !output_.empty()) dirty = true;
  }
  void pause_receive() override { paused = true; }
  void resume_receive() override { paused = false; }
  void close_after_send() override { closing = true; }
  void close() override { closed = true; }
  int fd() const override { return 7; }

  // What the peer reads now.
  std::string take() {
    std::string bytes;
    while (!output_.empty()) {
      iovec piece{};
      if (output_.fill(&piece, 1) != 1) break;
      bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
      output_.consume(piece.iov_len);
    }
    return bytes;
  }

  bool dirty = false;
  bool paused = false;
  bool closing = false;
  bool closed = false;
  std::size_t stuck_bytes = 0;  // bytes handed to a kernel that does not take them
};

class FakeControl final : public commands::ServerControl {
 public:
  std::string info_section(std::string_view) const override { return ""; }
  std::vector<std::string_view> info_sections() const override { return {}; }
  std::vector<std::pair<std::string, std::string>> config() const override { return {}; }
  void reset_statistics() override {}
  std::string client_list() const override { return ""; }
  std::string version() const override { return "test"; }
  void request_shutdown() override { shutdown_requested = true; }
  std::uint64_t begin_shutdown() override {
    ++shutdowns_waiting_;
    return aborted_;
  }
  void end_shutdown() override { --shutdowns_waiting_; }
  bool abort_shutdowns() override {
    if (shutdowns_waiting_ == 0) return false;
    ++aborted_;
    return true;
  }
  std::uint64_t shutdowns_aborted() const override { return aborted_; }
  commands::Persistence& persistence() override { return persistence_; }

  bool shutdown_requested = false;
  int shutdowns_waiting_ = 0;
  std::uint64_t aborted_ = 0;
  commands::FakePersistence persistence_;
};

class WorkerTest : public ::testing::Test {
 protected:
  void start() {
    resolve_defaults(options_);
    worker_ = std::make_unique<Worker>(
        Worker::Shared{engine_, control_, registry_, options_, env::Clock::system(), storage_, loading_}, true);
  }
  void SetUp() override { start(); }

  // One turn in which `bytes` arrive; returns what is sent.
  std::string turn(FakeConnection& connection, std::string_view bytes) {
    worker_->on_receive(connection, bytes);
    worker_->on_turn();
    return connection.take();
  }

  engine::Engine engine_{store::Keyspace::Options{}};
  FakeControl control_;
  ClientRegistry registry_{env::Clock::system()};
  ServerOptions options_;
  durability::Storage* storage_ = nullptr;
  std::atomic<bool> loading_{false};
  std::unique_ptr<Worker> worker_;
};

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST_F(WorkerTest, TheFirstByteDecidesTheProtocolOnce) {
  FakeConnection json;
  FakeConnection resp;
  worker_->on_open(json);
  worker_->on_open(resp);
  EXPECT_EQ(turn(json, "PING\n"), "{\"status\": \"OK\", \"message\": \"PONG\"}\n");
  EXPECT_EQ(turn(resp, "*1\r\n$4\r\nPING\r\n"), "+PONG\r\n");
  EXPECT_EQ(turn(resp, "PING\r\n"), "+PONG\r\n");  // an inline command on a RESP connection
  worker_->on_close(json);
  worker_->on_close(resp);
  EXPECT_EQ(registry_.size(), 0U);
}

TEST_F(WorkerTest, RequestsSplitAnywhereAnswerTheSame) {
  const std::string input = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    FakeConnection connection;
    worker_->on_open(connection);
    std::string output = turn(connection, input.substr(0, cut));
    output += turn(connection, input.substr(cut));
    EXPECT_EQ(output, "+OK\r\n$5\r\nhello\r\n") << "cut at " << cut;
    worker_->on_close(connection);
  }
}

TEST_F(WorkerTest, TwoArrivalsInOneTurnKeepTheirOrder) {
  FakeConnection connection;
  worker_->on_open(connection);
  worker_->on_receive(connection, "SET k \"1\"\nGE");
  worker_->on_receive(connection, "T k\nSET k \"2\"\nGET ");
  worker_->on_receive(connection, "k\n");
  worker_->on_turn();
  EXPECT_EQ(connection.take(),
            "{\"status\": \"OK\", \"message\": \"Key 'k' set\"}\n{\"status\": \"OK\", \"value\": 1}\n"
            "{\"status\": \"OK\", \"message\": \"Key 'k' set\"}\n{\"status\": \"OK\", \"value\": 2}\n");
  worker_->on_close(connection);
}

TEST_F(WorkerTest, UnknownCommandAndWrongArityAnswerInTheirPlace) {
  FakeConnection connection;
  worker_->on_open(connection);
  EXPECT_EQ(turn(connection, "PING\nNOPE\nGET\nPING\n"),
            "{\"status\": \"OK\", \"message\": \"PONG\"}\n{\"status\": \"ERROR\", \"message\": \"Unknown command\"}\n"
            "{\"status\": \"ERROR\", \"message\": \"Wrong number of arguments for 'GET'\"}\n"
            "{\"status\": \"OK\", \"message\": \"PONG\"}\n");
  worker_->on_close(connection);
}

TEST_F(WorkerTest, AClientThatDoesNotReadIsThrottledAndGoesOnWhereItStopped) {
  FakeConnection connection;
  worker_->on_open(connection);
  ASSERT_EQ(turn(connection, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4000\r\n" + std::string(4000, 'v') + "\r\n"), "+OK\r\n");
  const std::string get = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
  worker_->on_receive(connection, repeated(get, 2000));  // 8 MB of replies
  worker_->on_turn();
  EXPECT_TRUE(connection.paused);
  EXPECT_LT(connection.unsent_bytes(), std::size_t{3} << 20);

  std::string output;
  for (int i = 0; i < 100 && connection.paused; ++i) {
    output += connection.take();
    worker_->on_drained(connection);
    worker_->on_turn();
  }
  output += connection.take();
  EXPECT_FALSE(connection.paused);
  EXPECT_EQ(output, repeated("$4000\r\n" + std::string(4000, 'v') + "\r\n", 2000));
  worker_->on_close(connection);
}

TEST_F(WorkerTest, QuitAnswersAndRunsNothingAfterIt) {
  FakeConnection connection;
  worker_->on_open(connection);
  EXPECT_EQ(turn(connection, "*1\r\n$4\r\nQUIT\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"), "+OK\r\n");
  EXPECT_TRUE(connection.closing);
  EXPECT_EQ(engine_.keyspace().size(0), 0U);
  worker_->on_close(connection);
}

TEST_F(WorkerTest, AProtocolErrorAnswersAfterWhatCameBeforeItAndCloses) {
  FakeConnection connection;
  worker_->on_open(connection);
  EXPECT_EQ(turn(connection, "*1\r\n$4\r\nPING\r\n*1\r\n!4\r\nPING\r\n*1\r\n$4\r\nPING\r\n"),
            "+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n");
  EXPECT_TRUE(connection.closing);
  worker_->on_close(connection);
}

TEST_F(WorkerTest, AnHttpRequestIsClosedWithoutRunningItsBody) {
  FakeConnection connection;
  worker_->on_open(connection);
  EXPECT_EQ(turn(connection, "POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET k v\r\n"), "");
  EXPECT_TRUE(connection.closing);
  EXPECT_EQ(engine_.keyspace().size(0), 0U);
  worker_->on_close(connection);
}

TEST_F(WorkerTest, ATlsHelloIsClosed) {
  FakeConnection connection;
  worker_->on_open(connection);
  EXPECT_EQ(turn(connection, "\x16\x03\x01"), "");
  EXPECT_TRUE(connection.closing);
  worker_->on_close(connection);
}

TEST_F(WorkerTest, ProtectedModeRefusesOtherMachinesInTheirOwnProtocol) {
  FakeConnection json(/*loopback=*/false);
  FakeConnection resp(/*loopback=*/false);
  worker_->on_open(json);
  worker_->on_open(resp);
  EXPECT_EQ(turn(json, "SET k v\n").substr(0, 39), "{\"status\": \"ERROR\", \"code\": \"DENIED\", \"");
  EXPECT_EQ(turn(resp, "*1\r\n$4\r\nPING\r\n").substr(0, 8), "-DENIED ");
  EXPECT_TRUE(json.closing);
  EXPECT_TRUE(resp.closing);
  EXPECT_EQ(engine_.keyspace().size(0), 0U);
  worker_->on_close(json);
  worker_->on_close(resp);
}

TEST_F(WorkerTest, OneClientTooManyIsToldSo) {
  options_.max_clients = 1;
  FakeConnection first;
  FakeConnection second;
  worker_->on_open(first);
  worker_->on_open(second);
  EXPECT_EQ(second.take(), "-ERR max number of clients reached\r\n");
  EXPECT_TRUE(second.closing);
  worker_->on_close(second);
  worker_->on_close(first);
}

TEST_F(WorkerTest, TheSessionThatExceedsTheClientMemoryBudgetIsRefusedAlone) {
  options_.max_client_memory_bytes = 1 << 20;
  FakeConnection greedy;
  FakeConnection modest;
  worker_->on_open(greedy);
  worker_->on_open(modest);
  std::string output = turn(greedy, "*2\r\n$4\r\nECHO\r\n$100000000\r\n");
  for (int i = 0; i < 40 && !greedy.closing; ++i) output += turn(greedy, std::string(100'000, 'x'));
  EXPECT_TRUE(greedy.closing);
  EXPECT_EQ(output.substr(0, 5), "-ERR ");
  EXPECT_EQ(turn(modest, "PING\n"), "{\"status\": \"OK\", \"message\": \"PONG\"}\n");
  EXPECT_LT(registry_.memory_bytes(), 1 << 20);  // given back at once
  worker_->on_close(greedy);
  worker_->on_close(modest);
  EXPECT_EQ(registry_.memory_bytes(), 0);
}

TEST_F(WorkerTest, LargeRepliesOfOneTurnKeepWithinTheBudget) {
  options_.max_client_memory_bytes = 4 << 20;
  std::vector<std::unique_ptr<FakeConnection>> connections;
  for (int i = 0; i < 20; ++i) worker_->on_open(*connections.emplace_back(std::make_unique<FakeConnection>()));
  ASSERT_EQ(turn(*connections[0], "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$8000\r\n" + std::string(8000, 'v') + "\r\n"),
            "+OK\r\n");
  const std::string get_often = "*201\r\n$4\r\nMGET\r\n" + repeated("$1\r\nk\r\n", 200);  // 1.6 MB of reply
  for (const auto& connection : connections) worker_->on_receive(*connection, get_often);
  worker_->on_turn();
  std::size_t held = 0;
  int closed = 0;
  for (const auto& connection : connections) {
    held += connection->output().size();
    closed += connection->closed ? 1 : 0;
  }
  EXPECT_LE(held, std::size_t{6} << 20);
  EXPECT_GE(closed, 17);
  EXPECT_LT(closed, 20);  // the first ones get theirs
  for (const auto& connection : connections) worker_->on_close(*connection);
  EXPECT_EQ(registry_.memory_bytes(), 0);
}

TEST_F(WorkerTest, WhatAClientSentBeforeItLeftStillCounts) {
  FakeConnection connection;
  worker_->on_open(connection);
  worker_->on_receive(connection, "SET k v\n");
  worker_->on_close(connection);
  worker_->on_turn();
  EXPECT_EQ(engine_.keyspace().size(0), 1U);
}

TEST_F(WorkerTest, AHalfClosedClientGetsItsRepliesThenTheEnd) {
  FakeConnection connection;
  worker_->on_open(connection);
  worker_->on_receive(connection, "PING\nPI");
  worker_->on_receive_end(connection);
  worker_->on_turn();
  EXPECT_EQ(connection.take(), "{\"status\": \"OK\", \"message\": \"PONG\"}\n");  // the unfinished line is not run
  EXPECT_TRUE(connection.closing);
  worker_->on_close(connection);
}

TEST_F(WorkerTest, HelloSwitchesTheVersionForItsOwnReply) {
  FakeConnection connection;
  worker_->on_open(connection);
  EXPECT_EQ(turn(connection, "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n").substr(0, 4), "%7\r\n");
  EXPECT_EQ(turn(connection, "*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n"), "_\r\n");
  EXPECT_EQ(turn(connection, "*2\r\n$5\r\nHELLO\r\n$1\r\n2\r\n").substr(0, 5), "*14\r\n");
  EXPECT_EQ(turn(connection, "*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n"), "$-1\r\n");
  worker_->on_close(connection);
}

}  // namespace
}  // namespace kvstore::server
