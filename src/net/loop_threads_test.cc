// Loops and threads: sockets handed from one loop to another, wake-ups, the orderly end, running out of descriptors.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/loop_test_support.h"

namespace kvstore::net {
namespace {

class LoopThreadsTest : public LoopTest {};
INSTANTIATE_TEST_SUITE_P(Backends, LoopThreadsTest, testing::Values(Backend::kIoUring, Backend::kEpoll),
                         backend_test_name);

TEST_P(LoopThreadsTest, AcceptedSocketsGoToTheLoopsInTurn) {
  constexpr std::size_t kLoops = 3;
  constexpr std::size_t kClients = 30;
  std::vector<EchoHandler> handlers(kLoops);
  std::vector<std::atomic<std::size_t>> opened(kLoops);
  std::vector<std::unique_ptr<RunningLoop>> loops;
  for (std::size_t i = 0; i < kLoops; ++i) {
    handlers[i].open = [&opened, i](Connection&) { ++opened[i]; };
    loops.push_back(std::make_unique<RunningLoop>(GetParam(), handlers[i]));
  }
  loops[0]->listen([&loops, next = std::size_t{0}]() mutable -> EventLoop& { return loops[next++ % kLoops]->loop(); });
  for (const auto& loop : loops) loop->start();
  std::vector<Client> clients;
  for (std::size_t i = 0; i < kClients; ++i) clients.emplace_back(loops[0]->port());
  for (int round = 0; round < 10; ++round) {
    for (const Client& client : clients) ASSERT_TRUE(client.send_all("over here"));
    for (const Client& client : clients) ASSERT_EQ(client.receive(9), "over here");
  }
  for (std::size_t i = 0; i < kLoops; ++i) EXPECT_EQ(opened[i], kClients / kLoops);
  // The acceptor ends last, so it never hands over to a loop that is gone.
  for (std::size_t i = kLoops; i > 0; --i) loops[i - 1]->stop(0);
}

TEST_P(LoopThreadsTest, SocketsAreAdoptedFromAnyThread) {
  EchoHandler handler;
  RunningLoop running(GetParam(), handler);
  running.start();
  auto listener = open_listener("127.0.0.1", 0);
  ASSERT_TRUE(listener.ok());
  fcntl(*listener, F_SETFL, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, port = listener_port(*listener)] {
      for (int i = 0; i < 25; ++i) {
        Client client(port);
        running.loop().adopt(accept4(*listener, nullptr, nullptr, SOCK_CLOEXEC));
        EXPECT_TRUE(client.send_all("hello"));
        EXPECT_EQ(client.receive(5), "hello");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  close(*listener);
}

TEST_P(LoopThreadsTest, WakeFromManyThreadsIsNeverLost) {
  // Each thread raises its number and wakes the loop; the loop must see every last number without other events.
  constexpr int kThreads = 4;
  constexpr int kWakes = 20'000;
  std::vector<std::atomic<int>> posted(kThreads);
  Event all_seen;
  ScriptedHandler handler;
  handler.turn = [&] {
    for (const auto& number : posted) {
      // relaxed: wake() publishes what was stored before it.
      if (number.load(std::memory_order_relaxed) != kWakes) return;
    }
    all_seen.happen();
  };
  RunningLoop running(GetParam(), handler, LoopTimes{.tick_ms = 1'000'000});
  running.start();
  std::vector<std::thread> threads;
  for (auto& number : posted) {
    threads.emplace_back([&] {
      for (int i = 1; i <= kWakes; ++i) {
        number.store(i, std::memory_order_relaxed);
        running.loop().wake();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(all_seen.wait());
}

TEST_P(LoopThreadsTest, StopSendsWhatWasWrittenAndClosesAll) {
  constexpr int kClients = 20;
  const std::string reply = pattern_bytes(4 << 20, 1);
  std::atomic<int> received{0};
  std::atomic<int> closed{0};
  ScriptedHandler handler;
  handler.receive = [&](Connection& connection, std::string_view) {
    connection.output().append(reply);
    connection.mark_dirty();
    ++received;
  };
  handler.closed = [&](Connection&) { ++closed; };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  std::vector<Client> clients;
  for (int i = 0; i < kClients; ++i) clients.emplace_back(running.port());
  for (const Client& client : clients) client.send_all("go");
  while (received < kClients) std::this_thread::yield();
  std::thread stopper([&] { running.stop(kHangSeconds * 1000); });
  for (const Client& client : clients) {
    const std::string got = client.receive(reply.size());
    EXPECT_TRUE(got == reply);
    EXPECT_TRUE(client.at_clean_end());
  }
  stopper.join();
  EXPECT_EQ(closed, kClients);
  EXPECT_FALSE(Client(running.port()).connected());
}

TEST_P(LoopThreadsTest, StopDoesNotWaitForIdleClients) {
  // With a linger time far longer than the test may take: idle clients have nothing to lose.
  std::atomic<int> closed{0};
  EchoHandler handler;
  handler.closed = [&](Connection&) { ++closed; };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  std::vector<Client> clients;
  for (int i = 0; i < 50; ++i) clients.emplace_back(running.port());
  for (const Client& client : clients) client.send_all("x");
  for (const Client& client : clients) ASSERT_EQ(client.receive(1), "x");
  running.stop(1'000'000);
  EXPECT_EQ(closed, 50);
  for (const Client& client : clients) EXPECT_TRUE(client.at_clean_end());
}

TEST_P(LoopThreadsTest, StopGivesUpOnPeersThatDoNotRead) {
  std::atomic<int> closed{0};
  Event opened;
  ScriptedHandler handler;
  handler.open = [&](Connection& connection) {
    connection.output().append(std::string(64 << 20, 'x'));
    connection.mark_dirty();
    opened.happen();
  };
  handler.closed = [&](Connection&) { ++closed; };
  RunningLoop running(GetParam(), handler, LoopTimes{.tick_ms = 10, .linger_ms = 1'000'000});
  running.listen();
  running.start();
  Client client(running.port());
  ASSERT_TRUE(opened.wait());
  running.stop(50);
  EXPECT_EQ(closed, 1);
}

TEST_P(LoopThreadsTest, StopBeforeRunEndsRunAtOnce) {
  EchoHandler handler;
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.loop().stop(1000);
  running.start();
  running.stop(1000);
  EXPECT_FALSE(Client(running.port()).connected());
}

TEST_P(LoopThreadsTest, SocketAdoptedAfterTheEndIsClosed) {
  EchoHandler handler;
  RunningLoop running(GetParam(), handler);
  running.start();
  running.stop(0);
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  running.loop().adopt(ends[0]);
  char byte;
  EXPECT_EQ(read(ends[1], &byte, 1), 0);
  close(ends[1]);
}

TEST_P(LoopThreadsTest, StopListeningRefusesNewAndKeepsOldClients) {
  EchoHandler handler;
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  Client client(running.port());
  ASSERT_TRUE(client.send_all("a"));
  ASSERT_EQ(client.receive(1), "a");
  running.loop().stop_listening();
  // The port is free again once the loop has closed the listener.
  Result<int> reopened = open_listener("127.0.0.1", running.port());
  while (!reopened.ok()) reopened = open_listener("127.0.0.1", running.port());
  close(*reopened);
  EXPECT_FALSE(Client(running.port()).connected());
  ASSERT_TRUE(client.send_all("b"));
  EXPECT_EQ(client.receive(1), "b");
}

TEST_P(LoopThreadsTest, TwoThousandIdleConnectionsStayAndAnswer) {
  constexpr int kClients = 2000;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 2 * kClients + 100) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 2 * kClients + 100);
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur < 2 * kClients + 100) GTEST_SKIP() << "too few descriptors allowed: " << limit.rlim_cur;
  EchoHandler handler;
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  std::vector<Client> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back(running.port());
    ASSERT_TRUE(clients.back().connected());
  }
  for (int i = 0; i < kClients; ++i) {
    const std::string bytes = "client " + std::to_string(i);
    const Client& client = clients[static_cast<std::size_t>(i)];
    ASSERT_TRUE(client.send_all(bytes));
    ASSERT_EQ(client.receive(bytes.size()), bytes);
  }
}

TEST_P(LoopThreadsTest, RunningOutOfDescriptorsPausesAcceptingAndRecovers) {
  EchoHandler handler;
  RunningLoop running(GetParam(), handler, LoopTimes{.tick_ms = 10, .accept_pause_ms = 10});
  running.listen();
  running.start();
  std::vector<Client> waiting;
  for (int i = 0; i < 3; ++i) waiting.emplace_back(running.port());
  for (const Client& client : waiting) {
    ASSERT_TRUE(client.send_all("x"));
    ASSERT_EQ(client.receive(1), "x");
  }
  const int late_fd = socket(AF_INET, SOCK_STREAM, 0);
  std::vector<int> hoard;
  while (true) {
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) break;
    hoard.push_back(fd);
  }
  ASSERT_EQ(errno, EMFILE);
  // Completes in the kernel's backlog; the loop cannot accept it yet.
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(running.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(late_fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(send(late_fd, "late", 4, 0), 4);
  // The others are served meanwhile.
  for (int round = 0; round < 50; ++round) {
    for (const Client& client : waiting) {
      ASSERT_TRUE(client.send_all("y"));
      ASSERT_EQ(client.receive(1), "y");
    }
  }
  for (const int fd : hoard) close(fd);
  std::array<char, 4> reply{};
  const timeval hang{kHangSeconds, 0};
  setsockopt(late_fd, SOL_SOCKET, SO_RCVTIMEO, &hang, sizeof(hang));
  ssize_t got;
  do {
    got = recv(late_fd, reply.data(), reply.size(), MSG_WAITALL);
  } while (got < 0 && errno == EINTR);
  EXPECT_EQ(got, 4);
  EXPECT_EQ(std::string_view(reply.data(), 4), "late");
  close(late_fd);
}

}  // namespace
}  // namespace kvstore::net
