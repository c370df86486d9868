// What a Worker needs around it when there is no network and no disk: connections whose peer reads everything, a loop
// whose disk has written everything by the next turn, a clock that stands still.
//
// Nothing here does work that would be counted as the product's.
//
// Thread rule: one thread.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/fake_persistence.h"
#include "commands/server_control.h"
#include "env/clock.h"
#include "net/connection.h"
#include "net/event_loop.h"

namespace kvstore::budget {

class StoppedClock final : public env::Clock {
 public:
  [[nodiscard]] std::int64_t wall_us() const override { return 1'700'000'000'000'000; }
  [[nodiscard]] std::int64_t monotonic_us() const override { return 1'000'000; }
};

class ReadingConnection final : public net::Connection {
 public:
  ReadingConnection() { peer_is_loopback_ = true; }
  void mark_dirty() override {}
  [[nodiscard]] std::size_t unsent_bytes() const override { return output_.size(); }
  void release_output() override { output_held_ = false; }
  void pause_receive() override {}
  void resume_receive() override {}
  void close_after_send() override {}
  void close() override {}
  [[nodiscard]] int fd() const override { return -1; }

  // The peer reads all that may leave; returns how many bytes that was.
  std::size_t read() {
    if (output_held()) return 0;
    const std::size_t bytes = output().size();
    output().clear();
    return bytes;
  }
  // The same as text, for small replies.
  [[nodiscard]] std::string read_text() {
    iovec piece{};
    if (output_held() || output().empty() || output().fill(&piece, 1) != 1) return {};
    std::string text(static_cast<const char*>(piece.iov_base), piece.iov_len);
    output().clear();
    return text;
  }
};

// Its writes end when end_writes() says so: where a loop would, before on_turn.
class InstantLoop final : public net::EventLoop {
 public:
  void listen(int /*listen_fd*/, std::function<net::EventLoop&()> /*next*/) override {}
  void stop_listening() override {}
  void adopt(int /*fd*/) override {}
  [[nodiscard]] bool write_durably(const net::DurableWrite& write) override {
    write_ = write;
    return true;
  }
  void run() override {}
  void stop(int /*linger_ms*/) override {}
  void turn_again() override {}
  void wake() override {}

  void end_writes() {
    while (write_) {
      const net::DurableWrite write = *std::exchange(write_, std::nullopt);
      write.completion->on_write_done(static_cast<int>(write.length));
    }
  }

 private:
  std::optional<net::DurableWrite> write_;
};

class QuietControl final : public commands::ServerControl {
 public:
  [[nodiscard]] std::string info_section(std::string_view /*section*/) const override { return {}; }
  [[nodiscard]] std::vector<std::string_view> info_sections() const override { return {}; }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> config() const override { return {}; }
  void reset_statistics() override {}
  [[nodiscard]] std::string client_list() const override { return {}; }
  [[nodiscard]] std::string version() const override { return {}; }
  void request_shutdown() override {}
  [[nodiscard]] std::uint64_t begin_shutdown() override { return 0; }
  void end_shutdown() override {}
  [[nodiscard]] bool abort_shutdowns() override { return false; }
  [[nodiscard]] std::uint64_t shutdowns_aborted() const override { return 0; }
  [[nodiscard]] commands::Persistence& persistence() override { return persistence_; }

 private:
  commands::FakePersistence persistence_;
};

}  // namespace kvstore::budget
