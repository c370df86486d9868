// Output that is held: nothing of it leaves before the release, everything after it, however connection and loop end.

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "net/loop_test_support.h"

namespace kvstore::net {
namespace {

class HeldOutputTest : public LoopTest {};
INSTANTIATE_TEST_SUITE_P(Backends, HeldOutputTest, testing::Values(Backend::kIoUring, Backend::kEpoll),
                         backend_test_name);

constexpr LoopTimes kShortTimes{.tick_ms = 10, .linger_ms = 50, .drain_ms = 100};
// Enough for what was to be sent to be sent: a send begins at the end of its turn.
constexpr int kTurnsLater = 5;

// Does `then` once, `turns` turns after start() was called.
class Later {
 public:
  void start(int turns, std::function<void()> then) {
    left_ = turns;
    then_ = std::move(then);
  }
  void turn() {
    if (left_ > 0 && --left_ == 0) then_();
  }

 private:
  int left_ = 0;
  std::function<void()> then_;
};

TEST_P(HeldOutputTest, NothingLeavesBeforeTheReleaseAndAllInOrderAfterIt) {
  Connection* held = nullptr;
  Later later;
  Event waited;
  std::atomic<bool> release{false};
  ScriptedHandler handler;
  handler.receive = [&](Connection& connection, std::string_view bytes) {
    connection.hold_output();
    connection.output().append(bytes);
    connection.mark_dirty();
    EXPECT_TRUE(connection.output_held());
    if (held != nullptr) return;
    held = &connection;
    later.start(kTurnsLater, [&] { waited.happen(); });
  };
  handler.turn = [&] {
    later.turn();
    if (held == nullptr) return;
    // relaxed: only says that the test is ready.
    if (release.load(std::memory_order_relaxed) && held->unsent_bytes() == 6) {
      held->release_output();
      EXPECT_FALSE(held->output_held());
      held = nullptr;
    }
  };
  RunningLoop running(GetParam(), handler, kShortTimes);
  handler.tick = [&] { running.loop().wake(); };
  running.listen();
  running.start();
  const Client client(running.port());
  ASSERT_TRUE(client.send_all("one"));
  ASSERT_TRUE(waited.wait());
  EXPECT_TRUE(client.nothing_there());
  ASSERT_TRUE(client.send_all("two"));
  release.store(true, std::memory_order_relaxed);  // relaxed: see above
  EXPECT_EQ(client.receive(6), "onetwo");
}

TEST_P(HeldOutputTest, HoldAndReleaseInOneTurnChangeNothing) {
  EchoHandler handler;
  handler.receive = [](Connection& connection, std::string_view) {
    connection.hold_output();
    connection.hold_output();
    connection.release_output();
  };
  RunningLoop running(GetParam(), handler);
  running.listen();
  running.start();
  const Client client(running.port());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.send_all("ping"));
    ASSERT_EQ(client.receive(4), "ping");
  }
}

TEST_P(HeldOutputTest, HoldDuringAPartialSendLetsTheSendFinishAndKeepsTheRest) {
  // More than the socket takes while the client does not read, so that the send is under way when the hold comes.
  const std::string reply = pattern_bytes(16 << 20, 1);
  Connection* current = nullptr;
  Later later;
  Event held;
  Event waited;
  bool holding = false;
  bool finished = false;
  int drained = 0;
  std::atomic<bool> release{false};
  std::atomic<std::size_t> unsent{0};
  ScriptedHandler handler;
  handler.open = [&](Connection& connection) {
    current = &connection;
    connection.output().append(reply);
    connection.mark_dirty();
  };
  handler.drained = [&](Connection&) { ++drained; };
  handler.turn = [&] {
    if (current == nullptr) return;
    later.turn();
    if (!holding && current->output().empty()) {  // the send has taken it
      holding = true;
      EXPECT_GT(current->unsent_bytes(), 0U);
      current->hold_output();
      current->output().append("tail");
      current->mark_dirty();
      held.happen();
    }
    // relaxed: figures and flags of their own, looked at again in later turns.
    if (holding && current->unsent_bytes() == 4 && !finished) {
      finished = true;
      later.start(kTurnsLater, [&] {
        unsent.store(current->unsent_bytes(), std::memory_order_relaxed);
        waited.happen();
      });
    }
    if (release.load(std::memory_order_relaxed)) {
      current->release_output();
      current = nullptr;
    }
  };
  RunningLoop running(GetParam(), handler, kShortTimes);
  running.listen();
  running.start();
  const Client client(running.port(), 65536);
  ASSERT_TRUE(held.wait());
  EXPECT_TRUE(client.receive(reply.size()) == reply);
  ASSERT_TRUE(waited.wait());
  EXPECT_EQ(unsent, 4U);
  EXPECT_TRUE(client.nothing_there());
  release.store(true, std::memory_order_relaxed);  // relaxed: see above
  EXPECT_EQ(client.receive(4), "tail");
  running.stop(0);
  EXPECT_EQ(drained, 1);  // by the send that was under way: four bytes are below the mark
}

TEST_P(HeldOutputTest, CloseWhileHeldClosesAtOnceAndSendsNothing) {
  Connection* current = nullptr;
  Event closed;
  ScriptedHandler handler;
  handler.open = [&](Connection& connection) {
    current = &connection;
    connection.hold_output();
    connection.output().append("not durable");
    connection.mark_dirty();
  };
  handler.tick = [&] {
    if (current != nullptr) current->close();
  };
  handler.closed = [&](Connection& connection) {
    connection.release_output();  // too late
    current = nullptr;
    closed.happen();
  };
  RunningLoop running(GetParam(), handler, kShortTimes);
  running.listen();
  running.start();
  const Client client(running.port());
  EXPECT_EQ(client.receive_rest(), "");
  EXPECT_TRUE(closed.wait());
}

TEST_P(HeldOutputTest, ResetByThePeerWhileHeldCloses) {
  Event held;
  Event closed;
  ScriptedHandler handler;
  handler.open = [&](Connection& connection) {
    connection.hold_output();
    connection.output().append("nobody will read this");
    connection.mark_dirty();
    held.happen();
  };
  handler.closed = [&](Connection&) { closed.happen(); };
  RunningLoop running(GetParam(), handler, kShortTimes);
  running.listen();
  running.start();
  Client client(running.port());
  ASSERT_TRUE(held.wait());
  client.reset();
  EXPECT_TRUE(closed.wait());
}

// close_after_send() on a held connection, with and without output, far beyond the linger time.
class HeldCloseTest : public testing::TestWithParam<std::tuple<Backend, std::string>> {};

INSTANTIATE_TEST_SUITE_P(Backends, HeldCloseTest,
                         testing::Combine(testing::Values(Backend::kIoUring, Backend::kEpoll),
                                          testing::Values(std::string(), std::string("late reply"))));

TEST_P(HeldCloseTest, CloseAfterSendWaitsForTheRelease) {
  const auto& [backend, reply] = GetParam();
  if (backend == Backend::kIoUring && !probe_io_uring().ok()) GTEST_SKIP() << probe_io_uring().message();
  Connection* current = nullptr;
  Event waited;
  Event closed;
  std::atomic<bool> release{false};
  ScriptedHandler handler;
  handler.open = [&, reply = reply](Connection& connection) {
    current = &connection;
    connection.hold_output();
    connection.output().append(reply);
    connection.close_after_send();
  };
  handler.tick = [&, ticks = 0]() mutable {
    if (current != nullptr && ++ticks == 20) waited.happen();  // four times the linger time
    // relaxed: only says that the test is ready.
    if (current != nullptr && release.load(std::memory_order_relaxed)) {
      current->release_output();
      current = nullptr;
    }
  };
  handler.closed = [&](Connection&) {
    current = nullptr;
    closed.happen();
  };
  RunningLoop running(backend, handler, kShortTimes);
  running.listen();
  running.start();
  const Client client(running.port());
  ASSERT_TRUE(waited.wait());
  EXPECT_TRUE(client.nothing_there());
  release.store(true, std::memory_order_relaxed);  // relaxed: see above
  EXPECT_EQ(client.receive(reply.size()), reply);
  EXPECT_TRUE(client.at_clean_end());
  EXPECT_TRUE(closed.wait());
}

TEST_P(HeldOutputTest, StopSendsHeldOutputThatIsReleasedInTime) {
  // The idle connection is closed as soon as the loop stops; the release comes after that.
  Connection* held = nullptr;
  Later later;
  Event both_open;
  int ready = 0;
  ScriptedHandler handler;
  handler.receive = [&](Connection& connection, std::string_view) {
    held = &connection;
    connection.hold_output();
    connection.output().append("durable in the end");
    connection.mark_dirty();
    if (++ready == 3) both_open.happen();
  };
  handler.open = [&](Connection&) {
    if (++ready == 3) both_open.happen();
  };
  handler.closed = [&](Connection& connection) {
    if (&connection != held) later.start(kTurnsLater, [&] { held->release_output(); });
  };
  handler.turn = [&] { later.turn(); };
  RunningLoop running(GetParam(), handler, LoopTimes{.tick_ms = 10});
  running.listen();
  running.start();
  const Client writer(running.port());
  const Client idle(running.port());
  ASSERT_TRUE(writer.send_all("write"));
  ASSERT_TRUE(both_open.wait());
  std::thread stopper([&] { running.stop(kHangSeconds * 1000); });
  EXPECT_EQ(writer.receive(18), "durable in the end");
  EXPECT_TRUE(writer.at_clean_end());
  stopper.join();
}

TEST_P(HeldOutputTest, StopGivesUpOnOutputThatIsNeverReleased) {
  Event held;
  std::atomic<int> closed{0};
  ScriptedHandler handler;
  handler.open = [&](Connection& connection) {
    connection.hold_output();
    connection.output().append("never durable");
    connection.mark_dirty();
    held.happen();
  };
  handler.closed = [&](Connection&) { ++closed; };
  RunningLoop running(GetParam(), handler, LoopTimes{.tick_ms = 10, .linger_ms = 1'000'000});
  running.listen();
  running.start();
  const Client client(running.port());
  ASSERT_TRUE(held.wait());
  running.stop(50);
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(client.receive_rest(), "");
}

}  // namespace
}  // namespace kvstore::net
