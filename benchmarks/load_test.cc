// A fixed rate: requests are due on time whatever the server does, and a stall shows in every request it made late.
#include "load.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "load_team.h"
#include "machine.h"
#include "pace.h"

namespace kvstore::benchmarks {
namespace {

constexpr std::uint64_t kMillisecondNs = 1'000'000;

TEST(Pace, IsCountedFromTheStartAndDoesNotDrift) {
  const Pace pace(5'000, 3);
  EXPECT_EQ(pace.due_ns(0), 5'000U);
  for (std::uint64_t second = 1; second <= 3'600; ++second) {
    const std::uint64_t expected = 5'000 + second * 1'000'000'000;
    EXPECT_NEAR(static_cast<double>(pace.due_ns(second * 3)), static_cast<double>(expected), 1.0);
  }
}

TEST(Pace, NeverGoesBackAndKeepsItsDistance) {
  const Pace pace(0, 700'000);
  for (std::uint64_t i = 1; i < 10'000; ++i) {
    const std::uint64_t distance = pace.due_ns(i) - pace.due_ns(i - 1);
    EXPECT_GE(distance, 1'428U);
    EXPECT_LE(distance, 1'429U);
  }
}

// Answers +OK to each inline "x\r\n", but the first only when `stall_ns` have passed since it arrived.
class StallingServer {
 public:
  explicit StallingServer(std::uint64_t stall_ns) : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, generic, length), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    EXPECT_EQ(getsockname(listener_, generic, &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, stall_ns] { serve(stall_ns); });
  }
  ~StallingServer() {
    shutdown(listener_, SHUT_RDWR);  // ends an accept that nobody answered
    thread_.join();
    close(listener_);
  }
  StallingServer(const StallingServer&) = delete;
  StallingServer& operator=(const StallingServer&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve(std::uint64_t stall_ns) const {
    const int fd = accept(listener_, nullptr, nullptr);
    std::string chunk(4096, ' ');
    bool stalled = false;
    for (;;) {
      const ssize_t received = recv(fd, chunk.data(), chunk.size(), 0);
      if (received <= 0) break;
      const std::uint64_t begin = now_ns();
      while (!stalled && now_ns() - begin < stall_ns) poll(nullptr, 0, 1);
      stalled = true;
      std::string replies;
      for (ssize_t i = 0; i < received; ++i) {
        if (chunk[static_cast<std::size_t>(i)] == '\n') replies += "+OK\r\n";
      }
      if (send(fd, replies.data(), replies.size(), MSG_NOSIGNAL) < 0) break;
    }
    if (fd >= 0) close(fd);
  }

  const int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

Load::AppendRequest append_x() {
  return [](std::uint64_t, std::string& out) { out += "x\r\n"; };
}

TEST(Load, AStallCountsForEveryRequestThatWasDueMeanwhile) {
  const StallingServer server(100 * kMillisecondNs);
  auto load = Load::open("127.0.0.1", server.port(), Protocol::kResp, 1);
  ASSERT_TRUE(load.ok());
  // One connection, one request at a time, so all others wait for the first. The one due after i ms has waited for at
  // least 100 - i ms when it is sent; counted from its sending it would have been quick.
  const auto outcome = load.value()->run({100, 1, 1'000, append_x()}, nullptr);
  ASSERT_TRUE(outcome.ok()) << outcome.status().message();
  EXPECT_EQ(outcome.value().latency_ns.count(), 100U);
  EXPECT_GE(outcome.value().latency_ns.percentile(50), 49 * kMillisecondNs);
  EXPECT_GE(outcome.value().latency_ns.max(), 100 * kMillisecondNs);
}

TEST(Load, AClosedLoopCountsAStallForWhatWasOnItsWay) {
  const StallingServer server(100 * kMillisecondNs);
  auto load = Load::open("127.0.0.1", server.port(), Protocol::kResp, 1);
  ASSERT_TRUE(load.ok());
  const auto outcome = load.value()->run({100, 10, 0, append_x()}, nullptr);
  ASSERT_TRUE(outcome.ok()) << outcome.status().message();
  // Only the first ten were on their way; the rest were sent after the stall.
  EXPECT_EQ(outcome.value().latency_ns.count(), 100U);
  EXPECT_GE(outcome.value().latency_ns.percentile(91), 100 * kMillisecondNs);
}

TEST(Load, SendsNothingNewAfterItsTimeAndWaitsForWhatIsOnItsWay) {
  const StallingServer server(50 * kMillisecondNs);
  auto load = Load::open("127.0.0.1", server.port(), Protocol::kResp, 1);
  ASSERT_TRUE(load.ok());
  const auto outcome = load.value()->run({1'000'000'000, 7, 0, append_x(), 0.01}, nullptr);
  ASSERT_TRUE(outcome.ok()) << outcome.status().message();
  EXPECT_EQ(outcome.value().latency_ns.count(), 7U);  // its time was over before the first replies came
}

}  // namespace
}  // namespace kvstore::benchmarks
