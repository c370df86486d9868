// Load: the loop that sends what is due, waits, and books replies (see load.h).
#include "load.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <deque>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "machine.h"
#include "pace.h"

namespace kvstore::benchmarks {

struct Load::Connection {
  explicit Connection(int socket) : fd(socket) {}
  ~Connection() { close(fd); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const int fd;
  std::string output;                   // not yet taken by the kernel
  std::string input;                    // the beginning of an incomplete reply
  std::deque<std::uint64_t> in_flight;  // when each request without a reply was sent, or due
};

// One call of Load::run.
class Load::Run {
 public:
  Run(Load& load, const Work& work, Step* step)
      : load_(load), work_(work), step_(step), started_ns_(now_ns()), pace_(started_ns_, work.rate), end_(work.count) {
    KV_ASSERT(work.seconds <= 0 || work.rate <= 0);
    if (work.seconds > 0) deadline_ns_ = started_ns_ + static_cast<std::uint64_t>(work.seconds * 1e9);
  }

  Result<Outcome> run() {
    const std::uint64_t processor_before_ns = thread_processor_ns();
    for (;;) {
      issue();
      if (replies_ >= end_) break;  // looked at here because issue() may find that the time is over
      Status status = flush_all();
      if (status.ok()) status = wait();
      if (status.ok()) status = receive_all();
      if (!status.ok()) return status;
      if (step_ != nullptr) step_->advance_to(replies_);
    }
    outcome_.seconds = static_cast<double>(now_ns() - started_ns_) / 1e9;
    outcome_.processor_ns = thread_processor_ns() - processor_before_ns;
    return std::move(outcome_);
  }

 private:
  static constexpr std::uint64_t kPatienceNs = 30'000'000'000;

  void issue() { work_.rate > 0 ? issue_due() : issue_batches(); }

  void issue_batches() {
    if (now_ns() >= deadline_ns_) end_ = issued_;
    for (const auto& connection : load_.connections_) {
      if (!connection->in_flight.empty()) continue;
      const std::uint64_t end = std::min(end_, issued_ + work_.pipeline);
      const std::uint64_t first = issued_;
      for (; issued_ < end; ++issued_) work_.append_request(issued_, connection->output);
      const std::uint64_t now = now_ns();
      connection->in_flight.insert(connection->in_flight.end(), end - first, now);
    }
  }

  void issue_due() {
    const std::uint64_t now = now_ns();
    std::size_t full = 0;  // connections in a row that could not take a request
    while (issued_ < end_ && pace_.due_ns(issued_) <= now && full < load_.connections_.size()) {
      Connection& connection = *load_.connections_[next_connection_];
      next_connection_ = (next_connection_ + 1) % load_.connections_.size();
      if (connection.in_flight.size() >= work_.pipeline) {
        ++full;
        continue;
      }
      full = 0;
      connection.in_flight.push_back(pace_.due_ns(issued_));
      work_.append_request(issued_, connection.output);
      ++issued_;
    }
  }

  [[nodiscard]] Status flush_all() {
    for (const auto& connection : load_.connections_) {
      while (!connection->output.empty()) {
        const ssize_t sent =
            send(connection->fd, connection->output.data(), connection->output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) break;
        if (sent < 0) return {StatusCode::kIoError, std::strerror(errno)};
        connection->output.erase(0, static_cast<std::size_t>(sent));
      }
    }
    return {};
  }

  // A single connection that waits for nothing but its replies may block in recv: one system call less a round trip.
  [[nodiscard]] bool may_block() const {
    return load_.connections_.size() == 1 && work_.rate <= 0 && load_.connections_.front()->output.empty();
  }

  [[nodiscard]] Status wait() {
    if (may_block()) return {};
    polled_.clear();
    for (const auto& connection : load_.connections_) {
      const auto events = static_cast<short>(connection->output.empty() ? POLLIN : POLLIN | POLLOUT);
      polled_.push_back({connection->fd, events, 0});
    }
    const std::uint64_t now = now_ns();
    std::uint64_t wait_ns = kPatienceNs;
    const bool awaits_due = work_.rate > 0 && issued_ < end_ && any_free();
    if (awaits_due) wait_ns = std::min(wait_ns, std::max(pace_.due_ns(issued_), now) - now);
    const timespec timeout{static_cast<std::time_t>(wait_ns / 1'000'000'000),
                           static_cast<long>(wait_ns % 1'000'000'000)};
    const int ready = ppoll(polled_.data(), polled_.size(), &timeout, nullptr);
    if (ready < 0 && errno != EINTR) return {StatusCode::kIoError, std::strerror(errno)};
    if (ready == 0 && !awaits_due) return {StatusCode::kUnavailable, "no reply for 30 seconds"};
    return {};
  }

  [[nodiscard]] bool any_free() const {
    return std::any_of(load_.connections_.begin(), load_.connections_.end(),
                       [&](const auto& connection) { return connection->in_flight.size() < work_.pipeline; });
  }

  [[nodiscard]] Status receive_all() {
    if (may_block()) return receive(*load_.connections_.front(), 0);
    for (std::size_t i = 0; i < polled_.size(); ++i) {
      if ((polled_[i].revents & ~POLLOUT) == 0) continue;
      const Status status = receive(*load_.connections_[i], MSG_DONTWAIT);
      if (!status.ok()) return status;
    }
    return {};
  }

  [[nodiscard]] Status receive(Connection& connection, int flags) {
    char chunk[64 * 1024];
    const ssize_t received = recv(connection.fd, chunk, sizeof chunk, flags);
    if (received < 0 && errno == EAGAIN && flags == 0) {
      return {StatusCode::kUnavailable, "no reply for 30 seconds"};  // SO_RCVTIMEO
    }
    if (received < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (received < 0) return {StatusCode::kIoError, std::strerror(errno)};
    if (received == 0) return {StatusCode::kIoError, "the server closed the connection"};
    return book(connection, std::string_view(chunk, static_cast<std::size_t>(received)), now_ns());
  }

  // Books the complete replies at the front of what arrived and keeps the rest.
  [[nodiscard]] Status book(Connection& connection, std::string_view arrived, std::uint64_t now) {
    const bool joined = !connection.input.empty();  // as a rule nothing is left over, and nothing need be copied
    if (joined) connection.input += arrived;
    std::string_view rest = joined ? std::string_view(connection.input) : arrived;
    std::size_t consumed = 0;
    while (const std::optional<Reply> reply = take_reply(load_.protocol_, rest, consumed)) {
      if (reply->kind == ReplyKind::kError) {
        return {StatusCode::kInvalidArgument, fmt::format("the server answered: {}", reply->text)};
      }
      if (connection.in_flight.empty()) return {StatusCode::kIoError, "the server sent a reply nobody asked for"};
      outcome_.missing += static_cast<std::uint64_t>(reply->kind == ReplyKind::kMissing);
      outcome_.latency_ns.record(now - connection.in_flight.front());
      connection.in_flight.pop_front();
      ++replies_;
      rest.remove_prefix(consumed);
    }
    if (joined) {
      connection.input.erase(0, connection.input.size() - rest.size());
    } else {
      connection.input = rest;
    }
    return {};
  }

  Load& load_;
  const Work& work_;
  Step* step_;
  const std::uint64_t started_ns_;
  const Pace pace_;
  std::uint64_t end_;  // requests to send in all
  std::uint64_t deadline_ns_ = std::numeric_limits<std::uint64_t>::max();
  Outcome outcome_;
  std::uint64_t issued_ = 0;
  std::uint64_t replies_ = 0;
  std::size_t next_connection_ = 0;
  std::vector<pollfd> polled_;
};

Result<std::unique_ptr<Load>> Load::open(const std::string& host, std::uint16_t port, Protocol protocol,
                                         unsigned connections) {
  // The kernel may otherwise wake us 50 us after a request was due.
  prctl(PR_SET_TIMERSLACK, 1UL);
  std::unique_ptr<Load> load(new Load(protocol));
  for (unsigned i = 0; i < connections; ++i) {
    const Result<int> fd = connect_to(host, port);
    if (!fd.ok()) return fd.status();
    load->connections_.push_back(std::make_unique<Connection>(fd.value()));
    const timeval patience{30, 0};
    setsockopt(fd.value(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  return load;
}

Load::Load(Protocol protocol) : protocol_(protocol) {}

Load::~Load() = default;

Result<Load::Outcome> Load::run(const Work& work, Step* step) { return Run(*this, work, step).run(); }

}  // namespace kvstore::benchmarks
