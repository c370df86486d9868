// What a loop owes its handler and its peers, on both back ends: every byte once and in order, back-pressure, ticks.

#include "net/event_loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/shared_bytes.h"
#include "net/loop_test_support.h"

namespace kvstore::net {
namespace {

INSTANTIATE_TEST_SUITE_P(Backends, LoopTest, testing::Values(Backend::kIoUring, Backend::kEpoll), backend_test_name);

TEST_P(LoopTest, EchoesOnManyConnectionsAtOnce) {
  EchoHandler handler;
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  std::vector<Client> clients;
  for (int i = 0; i < 200; ++i) clients.emplace_back(running.port());
  for (int round = 0; round < 20; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      ASSERT_TRUE(clients[i].send_all("request " + std::to_string(i) + " of round " + std::to_string(round)));
    }
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const std::string expected = "request " + std::to_string(i) + " of round " + std::to_string(round);
      ASSERT_EQ(clients[i].receive(expected.size()), expected);
    }
  }
}

TEST_P(LoopTest, PipelinedBytesInPiecesArriveInOrder) {
  EchoHandler handler;
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  Client client(running.port());
  const std::string bytes = pattern_bytes(200'000, 1);
  std::thread sender([&] {
    std::size_t position = 0;
    std::size_t length = 1;
    while (position < bytes.size()) {
      const std::size_t piece = std::min(length, bytes.size() - position);
      if (!client.send_all(std::string_view(bytes).substr(position, piece))) return;
      position += piece;
      length = length * 7 % 4093 + 1;
    }
  });
  EXPECT_TRUE(client.receive(bytes.size()) == bytes);
  sender.join();
}

TEST_P(LoopTest, TurnAgainMakesOneTurnWithoutAnEvent) {
  // Without ticks and clients nothing else makes a turn, until the stop.
  Event turned;
  EventLoop* loop = nullptr;
  int turns = 0;
  ScriptedHandler handler;
  handler.turn = [&] {
    if (++turns <= 3) loop->turn_again();
    if (turns == 4) turned.happen();
  };
  RunningLoop running(GetParam(), handler, LoopTimes{.tick_ms = 1'000'000});
  loop = &running.loop();
  running.start();
  running.loop().wake();
  ASSERT_TRUE(turned.wait());
  running.stop(0);
}

TEST_P(LoopTest, LargeTransfersInBothDirectionsLoseNothing) {
  // Bounded as a server would: the peer that does not read is not read from.
  EchoHandler handler;
  handler.receive = [](Connection& connection, std::string_view) {
    if (connection.unsent_bytes() > (1U << 20)) connection.pause_receive();
  };
  handler.drained = [](Connection& connection) { connection.resume_receive(); };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  Client client(running.port());
  const std::string bytes = pattern_bytes(64 << 20, 2);
  std::thread sender([&] {
    EXPECT_TRUE(client.send_all(bytes));
    client.finish_sending();
  });
  const std::string echoed = client.receive_rest();
  sender.join();
  EXPECT_EQ(echoed.size(), bytes.size());
  EXPECT_TRUE(echoed == bytes);
}

TEST_P(LoopTest, SharedBlocksAndCopiedBytesGoOutInOrder) {
  // More pieces than one sendmsg takes, with a large one among them.
  std::string expected;
  std::vector<std::string> blocks;
  for (std::size_t i = 0; i < 300; ++i) blocks.push_back(pattern_bytes(i == 150 ? 5'000'000 : 100 + i, i));
  for (const std::string& block : blocks) expected += "header:" + block;
  ScriptedHandler handler;
  handler.receive = [&](Connection& connection, std::string_view) {
    for (const std::string& block : blocks) {
      connection.output().append("header:");
      connection.output().append_shared(base::SharedBytesRef::copy_of(block), 0, block.size());
    }
    connection.mark_dirty();
  };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  Client client(running.port());
  client.send_all("go");
  EXPECT_TRUE(client.receive(expected.size()) == expected);
}

TEST_P(LoopTest, SlowReaderIsHeldBackAndDrainedIsCalled) {
  // The handler produces whenever the output is low; it must never be asked for more than the bound, nor forgotten.
  constexpr std::size_t kTotal = 8 << 20;
  constexpr std::size_t kBound = 256 * 1024;
  const std::string bytes = pattern_bytes(kTotal, 3);
  std::size_t position = 0;
  std::size_t most_unsent = 0;
  std::atomic<int> drained{0};
  const auto produce = [&](Connection& connection) {
    while (connection.unsent_bytes() < kBound && position < kTotal) {
      const std::size_t piece = std::min<std::size_t>(10'000, kTotal - position);
      connection.output().append(std::string_view(bytes).substr(position, piece));
      position += piece;
    }
    most_unsent = std::max(most_unsent, connection.unsent_bytes());
    connection.mark_dirty();
    if (position == kTotal) connection.close_after_send();
  };
  ScriptedHandler handler;
  handler.open = produce;
  handler.drained = [&](Connection& connection) {
    ++drained;
    EXPECT_LE(connection.unsent_bytes(), Connection::kLowWaterBytes);
    produce(connection);
  };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  Client client(running.port(), 4096);
  EXPECT_TRUE(client.receive_rest() == bytes);
  running.stop(0);
  EXPECT_GE(drained, static_cast<int>(kTotal / kBound / 2));
  EXPECT_LT(most_unsent, kBound + 10'000);
}

TEST_P(LoopTest, PausedConnectionReceivesNothingUntilResumed) {
  Event resumed_later;
  bool paused = false;
  std::size_t while_paused = 0;
  std::string received;
  Connection* held = nullptr;
  std::atomic<int> ticks{0};
  Event all;
  const std::string bytes = pattern_bytes(8 << 20, 4);
  ScriptedHandler handler;
  handler.receive = [&](Connection& connection, std::string_view piece) {
    if (paused) while_paused += piece.size();
    received.append(piece);
    if (received.size() == bytes.size()) all.happen();
    if (held == nullptr) {
      held = &connection;
      connection.pause_receive();
      paused = true;
    }
  };
  handler.tick = [&] {
    // Three ticks: time enough for everything to arrive if the pause did not work.
    if (held != nullptr && ++ticks == 3) {
      paused = false;
      held->resume_receive();
      resumed_later.happen();
    }
  };
  RunningLoop running(GetParam(), handler, LoopTimes{.tick_ms = 20});
  running.listen();
  running.start();
  Client client(running.port());
  std::thread sender([&] { EXPECT_TRUE(client.send_all(bytes)); });
  EXPECT_TRUE(resumed_later.wait());
  EXPECT_TRUE(all.wait());
  sender.join();
  running.stop(0);
  EXPECT_TRUE(received == bytes);
  // At most what was on its way: the receive buffers of one turn.
  EXPECT_LE(while_paused, std::size_t{4} << 20);
}

TEST_P(LoopTest, PauseAndResumeInOneCallbackChangeNothing) {
  EchoHandler handler;
  handler.receive = [](Connection& connection, std::string_view) {
    connection.pause_receive();
    connection.resume_receive();
    connection.pause_receive();
    connection.resume_receive();
  };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  Client client(running.port());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.send_all("ping"));
    ASSERT_EQ(client.receive(4), "ping");
  }
}

TEST_P(LoopTest, PauseEachTurnAndResumeInTheNextLosesNothing) {
  // The cancel of a receive and new bytes cross each other all the time.
  EchoHandler handler;
  std::vector<Connection*> paused;
  EventLoop* loop = nullptr;
  handler.receive = [&](Connection& connection, std::string_view) {
    connection.pause_receive();
    if (paused.empty()) paused.push_back(&connection);
    loop->wake();
  };
  handler.turn = [&, skip = false]() mutable {
    if (paused.empty()) return;
    skip = !skip;
    if (skip) return;
    paused.front()->resume_receive();
    paused.clear();
  };
  RunningLoop running(GetParam(), handler);
  loop = &running.loop();
  running.listen();
  running.start();
  Client client(running.port());
  const std::string bytes = pattern_bytes(4 << 20, 5);
  std::thread sender([&] { EXPECT_TRUE(client.send_all(bytes)); });
  std::thread waker([&] {
    for (int i = 0; i < 100'000; ++i) running.loop().wake();
  });
  EXPECT_TRUE(client.receive(bytes.size()) == bytes);
  sender.join();
  waker.join();
}

TEST_P(LoopTest, TicksComeWithoutTraffic) {
  Event ticked;
  int count = 0;
  ScriptedHandler handler;
  handler.tick = [&] {
    if (++count == 3) ticked.happen();
  };
  RunningLoop running(GetParam(), handler, LoopTimes{.tick_ms = 10});
  running.start();
  EXPECT_TRUE(ticked.wait());
}

TEST_P(LoopTest, NamesOfBothEndsAreKnown) {
  Event opened;
  std::string peer;
  std::string local;
  bool loopback = false;
  ScriptedHandler handler;
  handler.open = [&](Connection& connection) {
    peer = connection.peer_address();
    local = connection.local_address();
    loopback = connection.peer_is_loopback();
    opened.happen();
  };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  Client client(running.port());
  ASSERT_TRUE(opened.wait());
  EXPECT_EQ(peer, "127.0.0.1:" + std::to_string(listener_port(client.fd())));
  EXPECT_EQ(local, "127.0.0.1:" + std::to_string(running.port()));
  EXPECT_TRUE(loopback);
}

}  // namespace
}  // namespace kvstore::net
