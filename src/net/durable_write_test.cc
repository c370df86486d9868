// Durable writes: told of once, in the turn that sends the replies which waited for them, and never left behind.
//
// Where the back end cannot write, the test's log writes on a thread and wakes the loop: what callers do there.

#include "net/durable_write.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "net/loop_test_support.h"

namespace kvstore::net {
namespace {

class DurableWriteTest : public LoopTest {};
INSTANTIATE_TEST_SUITE_P(Backends, DurableWriteTest, testing::Values(Backend::kIoUring, Backend::kEpoll),
                         backend_test_name);

constexpr std::size_t kBlock = 4096;
// No turn but those that the test causes.
constexpr LoopTimes kNoTicks{.tick_ms = 1'000'000};

// A file without a name, past the page cache where the file system can.
class ScratchFile {
 public:
  ScratchFile() {
    std::string name = testing::TempDir() + "durable_write_XXXXXX";
    fd_ = mkostemp(name.data(), O_CLOEXEC);
    EXPECT_GE(fd_, 0);
    read_only_fd_ = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
    unlink(name.c_str());
    fcntl(fd_, F_SETFL, O_DIRECT);
  }
  ~ScratchFile() {
    close(fd_);
    close(read_only_fd_);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] int read_only_fd() const { return read_only_fd_; }
  [[nodiscard]] std::string content() const {
    std::string bytes(static_cast<std::size_t>(lseek(read_only_fd_, 0, SEEK_END)), '\0');
    const ssize_t got = pread(read_only_fd_, bytes.data(), bytes.size(), 0);
    EXPECT_EQ(got, static_cast<ssize_t>(bytes.size()));
    return bytes;
  }

 private:
  int fd_ = -1;
  int read_only_fd_ = -1;
};

// A buffer that O_DIRECT accepts.
class Block {
 public:
  explicit Block(std::size_t bytes) : bytes_(new (std::align_val_t{kBlock}) char[bytes]) {}
  ~Block() { operator delete[](bytes_, std::align_val_t{kBlock}); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  [[nodiscard]] char* data() const { return bytes_; }

 private:
  char* bytes_;
};

class OnDone : public WriteCompletion {
 public:
  explicit OnDone(std::function<void(int)> done) : done_(std::move(done)) {}
  void on_write_done(int result) override { done_(result); }

 private:
  std::function<void(int)> done_;
};

TEST_P(DurableWriteTest, BackEndWithoutItSaysSo) {
  const ScratchFile file;
  const Block block(kBlock);
  std::fill_n(block.data(), kBlock, 'a');
  Event done;
  OnDone completion([&](int result) {
    EXPECT_EQ(result, static_cast<int>(kBlock));
    done.happen();
  });
  ScriptedHandler handler;
  EventLoop* loop = nullptr;
  bool asked = false;
  bool taken = false;
  handler.turn = [&] {
    if (std::exchange(asked, true)) return;
    taken = loop->write_durably({file.fd(), block.data(), kBlock, 0, SyncBy::kWrite, &completion});
    if (!taken) done.happen();
  };
  RunningLoop running(GetParam(), handler, kNoTicks);
  loop = &running.loop();
  running.start();
  running.loop().wake();
  ASSERT_TRUE(done.wait());
  running.stop(0);
  EXPECT_EQ(taken, GetParam() == Backend::kIoUring);
  EXPECT_EQ(file.content(), taken ? std::string(kBlock, 'a') : std::string());
}

// Starts one write from the first turn and records the order of what the handler hears.
struct OneWrite {
  std::string heard;  // 'd' done, 't' turn; the loop's thread until it has ended
  int result = 0;
};

OneWrite run_one_write(const DurableWrite& write) {
  OneWrite outcome;
  Event done;
  OnDone completion([&](int result) {
    outcome.heard += 'd';
    outcome.result = result;
  });
  ScriptedHandler handler;
  EventLoop* loop = nullptr;
  handler.turn = [&, asked = false]() mutable {
    outcome.heard += 't';
    if (outcome.heard.find('d') != std::string::npos) done.happen();
    if (std::exchange(asked, true)) return;
    DurableWrite with_completion = write;
    with_completion.completion = &completion;
    EXPECT_TRUE(loop->write_durably(with_completion));
  };
  RunningLoop running(Backend::kIoUring, handler, kNoTicks);
  loop = &running.loop();
  running.start();
  running.loop().wake();
  EXPECT_TRUE(done.wait());
  running.stop(0);
  return outcome;
}

class RingWriteTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const Status probed = probe_io_uring(); !probed.ok()) GTEST_SKIP() << probed.message();
  }
};

TEST_F(RingWriteTest, DoneComesOnceAndBeforeOnTurn) {
  const ScratchFile file;
  const Block block(2 * kBlock);
  const std::string bytes = pattern_bytes(2 * kBlock, 1);
  std::copy(bytes.begin(), bytes.end(), block.data());
  for (const SyncBy sync : {SyncBy::kWrite, SyncBy::kFlush, SyncBy::kNothing}) {
    const OneWrite outcome = run_one_write({file.fd(), block.data(), 2 * kBlock, kBlock, sync, nullptr});
    EXPECT_EQ(outcome.result, static_cast<int>(2 * kBlock));
    // Other turns may come before it and at the end of the loop. Nothing but the write causes the one that follows.
    EXPECT_NE(outcome.heard.find("dt"), std::string::npos) << outcome.heard;
    EXPECT_EQ(std::count(outcome.heard.begin(), outcome.heard.end(), 'd'), 1);
    EXPECT_EQ(file.content(), std::string(kBlock, '\0') + bytes);
  }
}

TEST_F(RingWriteTest, FailureIsToldAsItIs) {
  const ScratchFile file;
  const Block block(kBlock);
  for (const SyncBy sync : {SyncBy::kWrite, SyncBy::kFlush})
    EXPECT_EQ(run_one_write({file.read_only_fd(), block.data(), kBlock, 0, sync, nullptr}).result, -EBADF);
}

TEST_F(RingWriteTest, ShortWriteIsToldAsItIs) {
  const ScratchFile file;
  const Block block(4 * kBlock);
  std::fill_n(block.data(), 4 * kBlock, 's');
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit limit = before;
  limit.rlim_cur = 3 * kBlock;
  setrlimit(RLIMIT_FSIZE, &limit);
  for (const SyncBy sync : {SyncBy::kWrite, SyncBy::kFlush}) {
    const OneWrite outcome = run_one_write({file.fd(), block.data(), 4 * kBlock, 0, sync, nullptr});
    EXPECT_EQ(outcome.result, static_cast<int>(3 * kBlock));
    EXPECT_EQ(std::count(outcome.heard.begin(), outcome.heard.end(), 'd'), 1);
  }
  setrlimit(RLIMIT_FSIZE, &before);
}

TEST_F(RingWriteTest, FailedFlushIsToldAsItIs) {
  // A pipe takes the bytes, and nothing can be flushed there.
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe2(pipe_ends.data(), O_CLOEXEC), 0);
  const std::string bytes = "lost";
  EXPECT_EQ(run_one_write({pipe_ends[1], bytes.data(), bytes.size(), 0, SyncBy::kFlush, nullptr}).result, -EINVAL);
  for (const int end : pipe_ends) close(end);
}

TEST_F(RingWriteTest, AnotherWriteMayStartWhenOneIsDone) {
  constexpr std::size_t kWrites = 50;
  const ScratchFile file;
  const Block block(kBlock);
  Event done;
  EventLoop* loop = nullptr;
  std::size_t written = 0;
  std::unique_ptr<OnDone> completion;
  const auto write_next = [&] {
    std::fill_n(block.data(), kBlock, static_cast<char>('A' + written));
    EXPECT_TRUE(loop->write_durably({file.fd(), block.data(), kBlock, written * kBlock,
                                     written % 2 == 0 ? SyncBy::kFlush : SyncBy::kWrite, completion.get()}));
  };
  completion = std::make_unique<OnDone>([&](int result) {
    EXPECT_EQ(result, static_cast<int>(kBlock));
    if (++written == kWrites) {
      done.happen();
    } else {
      write_next();
    }
  });
  ScriptedHandler handler;
  handler.turn = [&, started = false]() mutable {
    if (!std::exchange(started, true)) write_next();
  };
  RunningLoop running(Backend::kIoUring, handler, kNoTicks);
  loop = &running.loop();
  running.start();
  running.loop().wake();
  ASSERT_TRUE(done.wait());
  running.stop(0);
  const std::string content = file.content();
  ASSERT_EQ(content.size(), kWrites * kBlock);
  for (std::size_t i = 0; i < kWrites; ++i) EXPECT_EQ(content[i * kBlock + kBlock - 1], static_cast<char>('A' + i));
}

TEST_F(RingWriteTest, RunWaitsForAnOutstandingWrite) {
  // A full pipe: the write is under way until the test reads. The client's connection ends when the loop stops.
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe2(pipe_ends.data(), O_CLOEXEC), 0);
  fcntl(pipe_ends[1], F_SETFL, O_NONBLOCK);
  const std::string filler(kBlock, 'f');
  std::size_t filled = 0;
  for (ssize_t put; (put = write(pipe_ends[1], filler.data(), filler.size())) > 0;)
    filled += static_cast<std::size_t>(put);
  fcntl(pipe_ends[1], F_SETFL, 0);

  const std::string bytes = "late";
  bool done = false;
  OnDone completion([&](int result) {
    EXPECT_EQ(result, 4);
    done = true;
  });
  ScriptedHandler handler;
  EventLoop* loop = nullptr;
  Event started;
  handler.open = [&](Connection&) {
    EXPECT_TRUE(loop->write_durably({pipe_ends[1], bytes.data(), bytes.size(), 0, SyncBy::kNothing, &completion}));
    started.happen();
  };
  RunningLoop running(Backend::kIoUring, handler, LoopTimes{.tick_ms = 10});
  loop = &running.loop();
  running.listen();
  running.start();
  const Client client(running.port());
  ASSERT_TRUE(started.wait());
  std::thread stopper([&] { running.stop(0); });
  (void)client.receive_rest();
  std::string drained(filled + bytes.size(), '\0');
  std::size_t got = 0;
  while (got < drained.size()) {
    const ssize_t part = read(pipe_ends[0], drained.data() + got, drained.size() - got);
    ASSERT_GT(part, 0);
    got += static_cast<std::size_t>(part);
  }
  stopper.join();
  EXPECT_TRUE(done);
  EXPECT_EQ(drained.substr(filled), "late");
  for (const int end : pipe_ends) close(end);
}

// An echo server as a durable store would be one: what arrived in a turn goes to the log in one write, replies wait.
class LoggingHandler : public ScriptedHandler, public WriteCompletion {
 public:
  LoggingHandler(int fd, SyncBy sync) : fd_(fd), sync_(sync), block_(kBatchMax) {}
  ~LoggingHandler() override {
    if (thread_.joinable()) thread_.join();
  }
  void set_loop(EventLoop& loop) { loop_ = &loop; }

  void on_receive(Connection& connection, std::string_view bytes) override {
    connection.hold_output();
    connection.output().append(bytes);
    connection.mark_dirty();
    waiting_.push_back(&connection);
    pending_.append(bytes);
  }
  void on_write_done(int result) override {
    EXPECT_EQ(result, static_cast<int>(writing_bytes_));
    written_ += writing_bytes_;
    writing_bytes_ = 0;
    // A connection that has received more since waits for the next write.
    for (Connection* connection : being_written_) {
      if (std::find(waiting_.begin(), waiting_.end(), connection) == waiting_.end()) connection->release_output();
    }
    being_written_.clear();
  }
  void on_turn() override {
    // relaxed: wake() publishes what the thread did before it.
    if (thread_done_.exchange(false, std::memory_order_relaxed)) {
      thread_.join();
      on_write_done(thread_result_);
    }
    if (writing_bytes_ == 0 && !pending_.empty()) start();
  }
  void on_close(Connection& connection) override {
    std::erase(waiting_, &connection);
    std::erase(being_written_, &connection);
  }

 private:
  static constexpr std::size_t kBatchMax = 1 << 20;

  void start() {
    writing_bytes_ = (pending_.size() + kBlock - 1) / kBlock * kBlock;
    ASSERT_LE(writing_bytes_, kBatchMax);
    std::fill_n(block_.data(), writing_bytes_, '\0');
    std::copy(pending_.begin(), pending_.end(), block_.data());
    pending_.clear();
    being_written_.swap(waiting_);
    if (loop_->write_durably({fd_, block_.data(), writing_bytes_, written_, sync_, this})) return;
    thread_ = std::thread([this] {
      thread_result_ = static_cast<int>(pwrite(fd_, block_.data(), writing_bytes_, static_cast<off_t>(written_)));
      thread_done_.store(true, std::memory_order_relaxed);  // relaxed: see on_turn()
      loop_->wake();
    });
  }

  const int fd_;
  const SyncBy sync_;
  const Block block_;
  EventLoop* loop_ = nullptr;
  std::string pending_;
  std::vector<Connection*> waiting_;
  std::vector<Connection*> being_written_;
  std::size_t writing_bytes_ = 0;
  std::size_t written_ = 0;
  std::thread thread_;
  int thread_result_ = 0;
  std::atomic<bool> thread_done_{false};
};

TEST_P(DurableWriteTest, RepliesThatWaitForAWriteGoOutWithItsEnd) {
  // Without ticks, so that nothing but the end of the write can make the turn that sends.
  constexpr int kRounds = 100;
  constexpr std::size_t kClients = 16;
  const ScratchFile file;
  LoggingHandler handler(file.fd(), SyncBy::kFlush);
  RunningLoop running(GetParam(), handler, kNoTicks);
  handler.set_loop(running.loop());
  running.listen();
  running.start();
  std::vector<Client> clients;
  for (std::size_t i = 0; i < kClients; ++i) clients.emplace_back(running.port());
  for (int round = 0; round < kRounds; ++round) {
    const std::string bytes = "round " + std::to_string(round) + ";";
    for (const Client& client : clients) ASSERT_TRUE(client.send_all(bytes));
    for (const Client& client : clients) {
      ASSERT_EQ(client.receive(bytes.size()), bytes);
      // What a client has read is in the file.
      if (round % 10 == 0) ASSERT_NE(file.content().find(bytes), std::string::npos);
    }
  }
  running.stop(0);
}

TEST_P(DurableWriteTest, OrderlyStopSendsRepliesWhoseWriteEndsInTime) {
  const ScratchFile file;
  LoggingHandler handler(file.fd(), SyncBy::kWrite);
  RunningLoop running(GetParam(), handler, LoopTimes{.tick_ms = 10});
  handler.set_loop(running.loop());
  running.listen();
  running.start();
  const Client client(running.port());
  std::thread sender([&] {
    while (client.send_all("x")) {
    }
  });
  // Some replies first, so that writes are under way at any moment; then the stop, then every reply to the end.
  std::string got = client.receive(1000);
  std::thread stopper([&] { running.stop(kHangSeconds * 1000); });
  got += client.receive_rest();
  stopper.join();
  sender.join();
  // Every reply is in the file; what was received before the stop and logged was answered.
  const std::string content = file.content();
  EXPECT_EQ(static_cast<std::size_t>(std::count(content.begin(), content.end(), 'x')), got.size());
}

}  // namespace
}  // namespace kvstore::net
