// How connections end, on both back ends: half-close, reset, close from any callback, replies that must arrive first.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "net/loop_test_support.h"

namespace kvstore::net {
namespace {

class ConnectionLifeTest : public LoopTest {};
INSTANTIATE_TEST_SUITE_P(Backends, ConnectionLifeTest, testing::Values(Backend::kIoUring, Backend::kEpoll),
                         backend_test_name);

// Short enough for a test to see the end of a peer that never reads.
constexpr LoopTimes kShortTimes{.tick_ms = 10, .linger_ms = 150, .drain_ms = 100};

TEST_P(ConnectionLifeTest, HalfClosedPeerStillGetsItsReply) {
  EchoHandler handler;
  Event closed;
  handler.closed = [&](Connection&) { closed.happen(); };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  Client client(running.port());
  const std::string bytes = pattern_bytes(3 << 20, 1);
  std::thread sender([&] {
    EXPECT_TRUE(client.send_all(bytes));
    client.finish_sending();
  });
  EXPECT_TRUE(client.receive_rest() == bytes);
  sender.join();
  EXPECT_TRUE(closed.wait());
}

TEST_P(ConnectionLifeTest, HalfClosedPeerMayWaitForAReplyThatComesLater) {
  Connection* waiting = nullptr;
  Event ended;
  ScriptedHandler handler;
  handler.receive_end = [&](Connection& connection) {
    waiting = &connection;
    ended.happen();
  };
  handler.tick = [&, ticks = 0]() mutable {
    if (waiting == nullptr || ++ticks < 3) return;
    waiting->output().append("late reply");
    waiting->close_after_send();
    waiting = nullptr;
  };
  RunningLoop running(GetParam(), handler, kShortTimes);
  running.listen();
  running.start();
  Client client(running.port());
  client.finish_sending();
  ASSERT_TRUE(ended.wait());
  EXPECT_EQ(client.receive(10), "late reply");
  EXPECT_TRUE(client.at_clean_end());
}

TEST_P(ConnectionLifeTest, ResetByThePeerClosesOnce) {
  EchoHandler handler;
  std::atomic<int> opened{0};
  std::atomic<int> closed{0};
  Event all_closed;
  constexpr int kClients = 50;
  handler.open = [&](Connection&) { ++opened; };
  handler.closed = [&](Connection&) {
    if (++closed == kClients) all_closed.happen();
  };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  for (int i = 0; i < kClients; ++i) {
    Client client(running.port());
    ASSERT_TRUE(client.send_all("something"));
    if (i % 2 == 0) {
      ASSERT_EQ(client.receive(9), "something");
    }
    client.reset();
  }
  EXPECT_TRUE(all_closed.wait());
  running.stop(0);
  EXPECT_EQ(opened, kClients);
  EXPECT_EQ(closed, kClients);
}

TEST_P(ConnectionLifeTest, ResetWhileASendIsBlockedCloses) {
  Event produced;
  Event closed;
  ScriptedHandler handler;
  handler.open = [&](Connection& connection) {
    connection.output().append(std::string(32 << 20, 'x'));
    connection.mark_dirty();
    produced.happen();
  };
  handler.closed = [&](Connection&) { closed.happen(); };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  Client client(running.port());
  ASSERT_TRUE(produced.wait());
  ASSERT_EQ(client.receive(1000).size(), 1000U);
  client.reset();
  EXPECT_TRUE(closed.wait());
}

// close() from every callback: the handler hears nothing more but on_close, and no sooner than the callback returned.
enum class Where { kOpen, kReceive, kReceiveEnd, kDrained, kTurn, kTick };
struct CloseCase {
  Backend backend;
  Where where;
};
class CloseFromCallbackTest : public testing::TestWithParam<CloseCase> {};

std::string close_case_name(const testing::TestParamInfo<CloseCase>& info) {
  static constexpr const char* kNames[] = {"open", "receive", "receive_end", "drained", "turn", "tick"};
  return std::string(backend_name(info.param.backend)) + "_" + kNames[static_cast<int>(info.param.where)];
}

std::vector<CloseCase> close_cases() {
  std::vector<CloseCase> cases;
  for (const Backend backend : {Backend::kIoUring, Backend::kEpoll}) {
    for (const Where where :
         {Where::kOpen, Where::kReceive, Where::kReceiveEnd, Where::kDrained, Where::kTurn, Where::kTick}) {
      cases.push_back({backend, where});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Backends, CloseFromCallbackTest, testing::ValuesIn(close_cases()), close_case_name);

TEST_P(CloseFromCallbackTest, NothingFollowsButOnClose) {
  const Backend backend = GetParam().backend;
  const Where where = GetParam().where;
  if (backend == Backend::kIoUring && !probe_io_uring().ok()) GTEST_SKIP() << probe_io_uring().message();
  Connection* current = nullptr;
  bool closing = false;
  bool in_callback = false;
  std::atomic<int> violations{0};
  Event closed;
  const auto callback = [&](Where here, Connection* connection) {
    if (connection == nullptr) return;
    if (closing) {
      if (here != Where::kTurn && here != Where::kTick) ++violations;
      return;
    }
    if (here != where) return;
    in_callback = true;
    connection->output().append("never sent after close");
    connection->mark_dirty();
    connection->close();
    connection->close();
    connection->close_after_send();
    connection->mark_dirty();
    connection->pause_receive();
    connection->resume_receive();
    closing = true;
    in_callback = false;
  };
  ScriptedHandler handler;
  handler.open = [&](Connection& connection) {
    current = &connection;
    connection.output().append(std::string(Connection::kLowWaterBytes + 1, 'o'));
    connection.mark_dirty();
    callback(Where::kOpen, current);
  };
  handler.receive = [&](Connection& connection, std::string_view) { callback(Where::kReceive, &connection); };
  handler.receive_end = [&](Connection& connection) { callback(Where::kReceiveEnd, &connection); };
  handler.drained = [&](Connection& connection) { callback(Where::kDrained, &connection); };
  handler.turn = [&] { callback(Where::kTurn, current); };
  handler.tick = [&] { callback(Where::kTick, current); };
  handler.closed = [&](Connection& connection) {
    if (in_callback || !closing || &connection != current) ++violations;
    connection.close();
    connection.mark_dirty();
    current = nullptr;
    closed.happen();
  };
  RunningLoop running(backend, handler, kShortTimes);
  running.listen();
  running.start();
  Client client(running.port());
  client.send_all("one");
  client.finish_sending();
  EXPECT_EQ(client.receive_rest().find("never"), std::string::npos);
  EXPECT_TRUE(closed.wait());
  running.stop(0);
  EXPECT_EQ(violations, 0);
}

TEST_P(ConnectionLifeTest, CloseWithASendInFlightFreesTheConnection) {
  Connection* current = nullptr;
  Event closed;
  ScriptedHandler handler;
  handler.open = [&](Connection& connection) {
    current = &connection;
    connection.output().append(std::string(64 << 20, 'x'));  // more than the socket takes
    connection.mark_dirty();
  };
  handler.tick = [&] {
    if (current != nullptr) current->close();
  };
  handler.closed = [&](Connection&) {
    current = nullptr;
    closed.happen();
  };
  RunningLoop running(GetParam(), handler, kShortTimes);
  running.listen();
  running.start();
  Client client(running.port());
  EXPECT_TRUE(closed.wait());
  // The stream ends, short of what was promised; the loop's descriptor is gone with it.
  EXPECT_LT(client.receive_rest().size(), std::size_t{64} << 20);
}

TEST_P(ConnectionLifeTest, OnCloseMayCloseAndMarkOthers) {
  std::vector<Connection*> connections;
  std::atomic<int> closed{0};
  Event all_closed;
  ScriptedHandler handler;
  handler.open = [&](Connection& connection) { connections.push_back(&connection); };
  handler.receive = [&](Connection& connection, std::string_view) { connection.close(); };
  handler.closed = [&](Connection& connection) {
    std::erase(connections, &connection);
    if (++closed == 20) all_closed.happen();
    for (Connection* other : connections) {
      other->output().append("bye");
      other->mark_dirty();
      other->pause_receive();
    }
    if (!connections.empty()) connections.front()->close();
  };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) clients.emplace_back(running.port());
  clients.back().send_all("close the lot");
  EXPECT_TRUE(all_closed.wait());
}

TEST_P(ConnectionLifeTest, CloseAfterSendDeliversAllThenFinDespiteUnreadInput) {
  // The peer goes on sending: closing at once would make the kernel answer with RST and drop the rest of the reply.
  const std::string reply = pattern_bytes(8 << 20, 7);
  std::atomic<int> received_after{0};
  bool replied = false;
  ScriptedHandler handler;
  handler.receive = [&](Connection& connection, std::string_view) {
    if (replied) {
      ++received_after;
      return;
    }
    replied = true;
    connection.output().append(reply);
    connection.close_after_send();
  };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  Client client(running.port());
  std::atomic<bool> stop_sending{false};
  ASSERT_TRUE(client.send_all("go"));
  std::thread sender([&] {
    const std::string noise(100'000, 'n');
    while (!stop_sending && client.send_all(noise)) {
    }
  });
  const std::string got = client.receive(reply.size());
  EXPECT_TRUE(got == reply);
  EXPECT_TRUE(client.at_clean_end());
  stop_sending = true;
  sender.join();
  client.close_now();
  running.stop(0);
  EXPECT_EQ(received_after, 0);
}

TEST_P(ConnectionLifeTest, CloseAfterSendWithoutOutputEndsTheStream) {
  ScriptedHandler handler;
  handler.open = [](Connection& connection) { connection.close_after_send(); };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  Client client(running.port());
  EXPECT_TRUE(client.at_clean_end());
}

TEST_P(ConnectionLifeTest, PeerThatNeverReadsIsClosedAfterTheLingerTime) {
  Event closed;
  ScriptedHandler handler;
  handler.open = [](Connection& connection) {
    connection.output().append(std::string(64 << 20, 'x'));
    connection.close_after_send();
  };
  handler.closed = [&](Connection&) { closed.happen(); };
  RunningLoop running(GetParam(), handler, kShortTimes);
  running.listen();
  running.start();
  Client client(running.port());
  EXPECT_TRUE(closed.wait());
}

TEST_P(ConnectionLifeTest, PeerThatNeverClosesIsClosedAfterTheDrainTime) {
  Event closed;
  ScriptedHandler handler;
  handler.open = [](Connection& connection) {
    connection.output().append("bye");
    connection.close_after_send();
  };
  handler.closed = [&](Connection&) { closed.happen(); };
  RunningLoop running(GetParam(), handler, kShortTimes);
  running.listen();
  running.start();
  Client client(running.port());
  EXPECT_EQ(client.receive(3), "bye");
  EXPECT_TRUE(client.at_clean_end());
  EXPECT_TRUE(closed.wait());  // although the client never closed
}

TEST_P(ConnectionLifeTest, SlowReaderThatProgressesIsNotCutOff) {
  // Reads so slowly that our kernel has no room for more within the linger time: only the peer's acknowledgements move.
  const std::string reply = pattern_bytes(8 << 20, 8);
  ScriptedHandler handler;
  handler.open = [&](Connection& connection) {
    connection.output().append(reply);
    connection.close_after_send();
  };
  std::atomic<int> ticks{0};
  handler.tick = [&] { ++ticks; };
  RunningLoop running(GetParam(), handler, LoopTimes{.tick_ms = 10, .linger_ms = 1500});
  running.listen();
  running.start();
  Client client(running.port(), 65536);
  std::string got;
  for (int piece = 0; piece < 35; ++piece) {
    const int until = ticks + 10;  // about 100 ms of the loop's own time
    while (ticks < until) std::this_thread::yield();
    got += client.receive(48 * 1024);
  }
  got += client.receive(reply.size() - got.size());
  EXPECT_TRUE(got == reply);
  EXPECT_TRUE(client.at_clean_end());
}

TEST_P(ConnectionLifeTest, ManyShortConnectionsLeakNoDescriptors) {
  EchoHandler handler;
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  const auto open_descriptors = [] {
    int count = 0;
    for (int fd = 0; fd < 2000; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  const auto one = [&](int i) {
    Client client(running.port());
    client.send_all("x");
    ASSERT_EQ(client.receive(1), "x");
    if (i % 2 == 0) client.finish_sending();
    if (i % 2 == 0) {
      ASSERT_TRUE(client.at_clean_end());
    }
  };
  for (int i = 0; i < 20; ++i) one(i);
  const int before = open_descriptors();
  for (int i = 0; i < 1000; ++i) one(i);
  // The last few may still be closing.
  EXPECT_LE(open_descriptors(), before + 20);
}

}  // namespace
}  // namespace kvstore::net
