// Ring and BufferRing against the running kernel; skipped where it allows no io_uring.

#include "env/ring.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <thread>

#include "env/buffer_ring.h"

namespace kvstore::env {
namespace {

class RingTest : public testing::Test {
 protected:
  void SetUp() override {
    auto created = Ring::create(8, 16);
    if (!created.ok()) GTEST_SKIP() << created.status().message();
    ring_ = std::move(created).value();
  }
  // Hands every completion to `visit` until `count` came.
  template <typename Visit>
  void collect(unsigned count, Visit visit) {
    while (count > 0) {
      std::array<io_uring_cqe*, 4> completions{};
      const unsigned got = ring_->peek(completions.data(), std::min<unsigned>(count, completions.size()));
      if (got == 0) {
        ring_->submit_and_wait(1);
        continue;
      }
      for (unsigned i = 0; i < got; ++i) visit(*completions[i]);
      ring_->advance(got);
      count -= got;
    }
  }
  std::unique_ptr<BufferRing> buffers_;
  std::unique_ptr<Ring> ring_;
};

TEST_F(RingTest, MoreEntriesThanTheQueueHoldsAreAllSubmitted) {
  ASSERT_TRUE(ring_->start().ok());
  constexpr unsigned kCount = 100;  // of a submission queue of 8 and a completion queue of 16
  for (unsigned i = 0; i < kCount; ++i) {
    io_uring_sqe& entry = ring_->next();
    io_uring_prep_nop(&entry);
    entry.user_data = i;
  }
  std::array<int, kCount> seen{};
  collect(kCount, [&](const io_uring_cqe& completion) { ++seen.at(completion.user_data); });
  for (const int times : seen) EXPECT_EQ(times, 1);
  ring_->finish();
}

TEST_F(RingTest, RingMadeOnOneThreadBelongsToTheThreadThatStartsIt) {
  int result = -1;
  std::thread owner([&] {
    ASSERT_TRUE(ring_->start().ok());
    io_uring_sqe& entry = ring_->next();
    io_uring_prep_nop(&entry);
    entry.user_data = 1;
    collect(1, [&](const io_uring_cqe& completion) { result = completion.res; });
    ring_->finish();
  });
  owner.join();
  EXPECT_EQ(result, 0);
}

TEST_F(RingTest, BufferRingDeliversEveryByteThroughManyRounds) {
  auto created = BufferRing::create(*ring_, 3, 64, 128);
  ASSERT_TRUE(created.ok()) << created.status().message();
  buffers_ = std::move(created).value();
  ASSERT_TRUE(ring_->start().ok());
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  std::string sent;
  std::string received;
  bool armed = false;
  // More bytes than all buffers hold, several times over, with a shortage in each round.
  for (int round = 0; round < 50; ++round) {
    const std::string piece(1 + static_cast<std::size_t>(round) * 397 % 16'384, static_cast<char>('a' + round % 26));
    sent += piece;
    ASSERT_EQ(write(ends[1], piece.data(), piece.size()), static_cast<ssize_t>(piece.size()));
    while (received.size() < sent.size()) {
      if (!armed) {
        io_uring_sqe& entry = ring_->next();
        io_uring_prep_recv_multishot(&entry, ends[0], nullptr, 0, 0);
        entry.flags |= IOSQE_BUFFER_SELECT;
        entry.buf_group = buffers_->group();
        entry.user_data = 1;
        armed = true;
      }
      collect(1, [&](const io_uring_cqe& completion) {
        armed = (completion.flags & IORING_CQE_F_MORE) != 0;
        if (completion.res == -ENOBUFS) buffers_->note_shortage();
        if (completion.res > 0) {
          received += buffers_->take(completion.flags, static_cast<std::size_t>(completion.res));
        }
        if (!armed) buffers_->recycle();
      });
    }
    buffers_->recycle();
  }
  EXPECT_TRUE(received == sent);
  close(ends[1]);
  if (armed) {
    collect(1, [](const io_uring_cqe& completion) { EXPECT_EQ(completion.res, 0); });
  }
  close(ends[0]);
  ring_->finish();
}

}  // namespace
}  // namespace kvstore::env
