#include "server/server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "base/assert.h"
#include "net/listener.h"
#include "server/process.h"
#include "server/version.h"

namespace kvstore::server {
namespace {

ServerOptions resolved(ServerOptions options) {
  resolve_defaults(options);
  return options;
}

store::Keyspace::Options keyspace_options(const ServerOptions& options) {
  store::Keyspace::Options keyspace;
  keyspace.shards = static_cast<unsigned>(options.shards);
  return keyspace;
}

}  // namespace

Server::Server(ServerOptions options, const env::Clock& clock)
    : options_(resolved(std::move(options))),
      clock_(clock),
      engine_(keyspace_options(options_)),
      persistence_(options_, engine_, clock, [this] { wake_waiting_workers(); }),
      registry_(clock),
      started_us_(clock.monotonic_us()),
      run_id_(random_run_id()),
      shutdown_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  KV_ASSERT(shutdown_event_ >= 0);
}

Server::~Server() {
  stop();
  close(shutdown_event_);
}

Result<net::Backend> Server::choose_backend() const {
  if (options_.io == "epoll") return net::Backend::kEpoll;
  Status probe = net::probe_io_uring();
  if (probe.ok()) return net::Backend::kIoUring;
  if (options_.io == "io_uring") return probe;
  spdlog::info("io_uring is not available ({}); using epoll", probe.message());
  return net::Backend::kEpoll;
}

Status Server::start() {
  Result<net::Backend> backend = choose_backend();
  if (!backend.ok()) return backend.status();
  backend_ = backend.value();

  const std::uint64_t files = raise_open_file_limit(options_.max_clients + kFilesForOurselves);
  if (files < options_.max_clients + kFilesForOurselves) {
    // Clients must not take the files that the log needs to go on.
    options_.max_clients = files > kFilesForOurselves ? files - kFilesForOurselves : 1;
    spdlog::warn("the limit of open files is {}: at most {} clients can connect (raise it with ulimit -n)", files,
                 options_.max_clients);
  }

  Result<int> listener = net::open_listener(options_.bind, static_cast<std::uint16_t>(options_.port));
  if (!listener.ok()) return listener.status();
  port_ = net::listener_port(listener.value());
  if (Status status = start_workers(listener.value()); !status.ok()) return status;
  if (Status status = persistence_.open(); !status.ok()) return status;
  loading_.store(false, std::memory_order_relaxed);
  spdlog::info("kvstore {} ready: {} worker threads, {}, {} shards, durability {}, pid {}", kVersion, threads_.size(),
               net::backend_name(backend_), options_.shards, options_.durability, getpid());
  return {};
}

Status Server::start_workers(int listen_fd) {
  const Worker::Shared shared{engine_, *this, registry_, options_, clock_, persistence_.storage(), loading_};
  for (std::uint64_t i = 0; i < options_.threads; ++i) {
    Thread thread;
    thread.worker = std::make_unique<Worker>(shared, /*maintains_store=*/i == 0);
    Result<std::unique_ptr<net::EventLoop>> loop = net::EventLoop::create(backend_, *thread.worker);
    if (!loop.ok()) {
      close(listen_fd);
      return loop.status();
    }
    thread.loop = std::move(loop).value();
    thread.worker->attach_loop(*thread.loop);
    threads_.push_back(std::move(thread));
  }
  // One loop accepts and deals connections out in turn, so every worker gets the same number.
  threads_.front().loop->listen(listen_fd,
                                [this]() -> net::EventLoop& { return *threads_[next_loop_++ % threads_.size()].loop; });
  workers_started_.store(true, std::memory_order_release);
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    Thread& thread = threads_[i];
    thread.thread = std::thread([loop = thread.loop.get(), i] {
      name_this_thread(fmt::format("kv-worker-{}", i));
      loop->run();
    });
  }
  return {};
}

int Server::run() {
  const std::string reason = wait_for_end_request(shutdown_event_, [this] { persistence_.tell_progress(); });
  spdlog::info("{}: shutting down", reason);
  stop();
  if (const Status status = persistence_.close(); !status.ok()) {
    spdlog::critical("{}", status.message());
    return ServerPersistence::kExitDiskFailed;
  }
  spdlog::info("bye");
  return 0;
}

void Server::stop() {
  if (threads_.empty() || std::exchange(stopped_, true)) return;
  threads_.front().loop->stop_listening();
  for (Thread& thread : threads_) thread.loop->stop(kLingerMs);
  for (Thread& thread : threads_) {
    if (thread.thread.joinable()) thread.thread.join();
  }
  workers_started_.store(false, std::memory_order_release);
}

void Server::wake_waiting_workers() {
  if (!workers_started_.load(std::memory_order_acquire)) return;
  for (const Thread& thread : threads_) {
    // The worker whose commit it was looks by itself.
    if (thread.worker->awaits_progress() && thread.thread.get_id() != std::this_thread::get_id()) thread.loop->wake();
  }
}

std::uint64_t Server::begin_shutdown() {
  shutdowns_waiting_.fetch_add(1, std::memory_order_seq_cst);
  return shutdowns_aborted();
}

void Server::end_shutdown() { shutdowns_waiting_.fetch_sub(1, std::memory_order_seq_cst); }

bool Server::abort_shutdowns() {
  if (shutdowns_waiting_.load(std::memory_order_seq_cst) == 0) return false;
  shutdowns_aborted_.fetch_add(1, std::memory_order_seq_cst);
  wake_waiting_workers();
  return true;
}

std::uint64_t Server::shutdowns_aborted() const { return shutdowns_aborted_.load(std::memory_order_seq_cst); }

void Server::request_shutdown() {
  const std::uint64_t one = 1;
  // The counter cannot overflow in practice, and a full one would wake the main thread just the same.
  [[maybe_unused]] const ssize_t written = write(shutdown_event_, &one, sizeof one);
}

std::vector<std::pair<std::string, std::string>> Server::config() const { return config_values(options_); }

void Server::reset_statistics() {
  for (Thread& thread : threads_) thread.worker->reset_metrics();
}

std::string Server::version() const { return kVersion; }

}  // namespace kvstore::server
