// Shared by the loop tests: a loop on a thread of its own, handlers made of functions, blocking client sockets.
//
// Every wait is for an event (bytes, end of stream, a latch); the timeouts only turn a hang into a failure.
// The end of a ring interrupts system calls of the thread that made it (with EINTR, although no signal came), so the
// client retries.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "net/connection.h"
#include "net/connection_handler.h"
#include "net/event_loop.h"
#include "net/event_loop_base.h"
#include "net/listener.h"

namespace kvstore::net {

inline constexpr int kHangSeconds = 60;

// A handler whose callbacks are the functions set; the others do nothing.
class ScriptedHandler : public ConnectionHandler {
 public:
  void on_open(Connection& connection) override {
    if (open) open(connection);
  }
  void on_receive(Connection& connection, std::string_view bytes) override {
    if (receive) receive(connection, bytes);
  }
  void on_receive_end(Connection& connection) override {
    if (receive_end) receive_end(connection);
  }
  void on_drained(Connection& connection) override {
    if (drained) drained(connection);
  }
  void on_close(Connection& connection) override {
    if (closed) closed(connection);
  }
  void on_turn() override {
    if (turn) turn();
  }
  void on_tick() override {
    if (tick) tick();
  }

  std::function<void(Connection&)> open;
  std::function<void(Connection&, std::string_view)> receive;
  std::function<void(Connection&)> receive_end;
  std::function<void(Connection&)> drained;
  std::function<void(Connection&)> closed;
  std::function<void()> turn;
  std::function<void()> tick;
};

// Echoes in on_turn, so it also checks that received bytes stay until then.
class EchoHandler : public ScriptedHandler {
 public:
  void on_receive(Connection& connection, std::string_view bytes) override {
    ScriptedHandler::on_receive(connection, bytes);
    pending_.emplace_back(&connection, bytes);
  }
  void on_close(Connection& connection) override {
    std::erase_if(pending_, [&](const auto& entry) { return entry.first == &connection; });
    ScriptedHandler::on_close(connection);
  }
  void on_receive_end(Connection& connection) override {
    ScriptedHandler::on_receive_end(connection);
    ended_.push_back(&connection);
  }
  void on_turn() override {
    for (auto& [connection, bytes] : pending_) {
      connection->output().append(bytes);
      connection->mark_dirty();
    }
    pending_.clear();
    for (Connection* connection : ended_) connection->close_after_send();
    ended_.clear();
    ScriptedHandler::on_turn();
  }

 private:
  std::vector<std::pair<Connection*, std::string_view>> pending_;
  std::vector<Connection*> ended_;
};

// A blocking client socket.
class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer_bytes = 0) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer_bytes > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
    }
    const timeval hang{kHangSeconds, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &hang, sizeof(hang));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &hang, sizeof(hang));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    if (!connected_ && errno == EINTR) connected_ = finish_connecting();
  }
  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(std::exchange(other.connected_, false)) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close_now(); }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int fd() const { return fd_; }

  // False when the peer no longer takes it.
  bool send_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Up to `length` bytes; fewer only at the end of the stream or on an error.
  [[nodiscard]] std::string receive(std::size_t length) const {
    std::string bytes(length, '\0');
    std::size_t have = 0;
    while (have < length) {
      const ssize_t got = receive_some(bytes.data() + have, length - have);
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }
  // Whether nothing has arrived yet: no bytes, no end.
  [[nodiscard]] bool nothing_there() const {
    char byte;
    return recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }
  [[nodiscard]] std::string receive_rest() const {
    std::string bytes;
    while (true) {
      std::array<char, 65536> part;
      const ssize_t got = receive_some(part.data(), part.size());
      if (got <= 0) return bytes;
      bytes.append(part.data(), static_cast<std::size_t>(got));
    }
  }
  // True when the stream ends with FIN, false on an error (a reset) or on bytes.
  [[nodiscard]] bool at_clean_end() const {
    char byte;
    return receive_some(&byte, 1) == 0;
  }
  void finish_sending() const { shutdown(fd_, SHUT_WR); }
  void reset() {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close_now();
  }
  void close_now() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  // An interrupted connect() goes on without us.
  [[nodiscard]] bool finish_connecting() const {
    pollfd ready{fd_, POLLOUT, 0};
    while (poll(&ready, 1, kHangSeconds * 1000) < 0 && errno == EINTR) {
    }
    int error = 0;
    socklen_t length = sizeof(error);
    return ready.revents != 0 && getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0;
  }
  ssize_t receive_some(char* bytes, std::size_t length) const {
    ssize_t got;
    do {
      got = recv(fd_, bytes, length, 0);
    } while (got < 0 && errno == EINTR);
    return got;
  }

  int fd_;
  bool connected_ = false;
};

// A loop that runs on a thread of its own; the destructor stops it at once.
class RunningLoop {
 public:
  RunningLoop(Backend backend, ConnectionHandler& handler, const LoopTimes& times = {}) {
    auto created = create_event_loop(backend, handler, times);
    EXPECT_TRUE(created.ok()) << created.status().message();
    loop_ = std::move(created).value();
  }
  ~RunningLoop() { stop(0); }
  RunningLoop(const RunningLoop&) = delete;
  RunningLoop& operator=(const RunningLoop&) = delete;

  // Listens on a free port. Before start().
  void listen() {
    listen([this]() -> EventLoop& { return *loop_; });
  }
  void listen(std::function<EventLoop&()> next) {
    auto opened = open_listener("127.0.0.1", 0);
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    port_ = listener_port(*opened);
    loop_->listen(*opened, std::move(next));
  }
  void start() {
    thread_ = std::thread([this] { loop_->run(); });
  }
  void stop(int linger_ms) {
    if (!thread_.joinable()) return;
    loop_->stop(linger_ms);
    thread_.join();
  }
  [[nodiscard]] EventLoop& loop() { return *loop_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  std::unique_ptr<EventLoop> loop_;
  std::thread thread_;
  std::uint16_t port_ = 0;
};

// Something that happens once on the loop's thread and is waited for on the test's.
class Event {
 public:
  void happen() {
    if (!std::exchange(happened_, true)) promise_.set_value();
  }
  [[nodiscard]] bool wait() {
    return future_.wait_for(std::chrono::seconds(kHangSeconds)) == std::future_status::ready;
  }

 private:
  std::promise<void> promise_;
  std::future<void> future_ = promise_.get_future();
  bool happened_ = false;  // the loop's thread only
};

class LoopTest : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (GetParam() != Backend::kIoUring) return;
    const Status probed = probe_io_uring();
    if (!probed.ok()) GTEST_SKIP() << probed.message();
  }
};

inline std::string backend_test_name(const testing::TestParamInfo<Backend>& info) {
  return std::string(backend_name(info.param));
}

// Bytes that repeat only after a long time, so that a lost or doubled piece shows.
inline std::string pattern_bytes(std::size_t length, std::uint64_t seed) {
  std::string bytes(length, '\0');
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
  for (char& byte : bytes) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

}  // namespace kvstore::net
