#include "server/process.h"

#include <poll.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>

#include "base/assert.h"

namespace kvstore::server {
namespace {

sigset_t end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

std::uint64_t raise_open_file_limit(std::uint64_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < wanted) {
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return before;
  }
  return limit.rlim_cur;
}

void block_end_signals() {
  const sigset_t signals = end_signals();
  KV_ASSERT(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
  std::signal(SIGPIPE, SIG_IGN);
}

std::string wait_for_end_request(int shutdown_event, const std::function<void()>& each_second) {
  constexpr int kSecondMs = 1000;
  const sigset_t signals = end_signals();
  const int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
  KV_ASSERT(signal_fd >= 0);
  std::array<pollfd, 2> sources{pollfd{signal_fd, POLLIN, 0}, pollfd{shutdown_event, POLLIN, 0}};
  int ready = 0;
  while ((ready = poll(sources.data(), sources.size(), kSecondMs)) <= 0) {
    KV_ASSERT(ready == 0 || errno == EINTR);
    each_second();
  }
  std::string reason = "SHUTDOWN";
  if (sources[0].revents != 0) {
    signalfd_siginfo info{};
    // Also without a signal: the kernel interrupts a thread to finish work of a ring it has closed.
    while (read(signal_fd, &info, sizeof info) < 0) {
      KV_ASSERT(errno == EINTR);
    }
    reason = info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
  }
  close(signal_fd);
  KV_ASSERT(pthread_sigmask(SIG_UNBLOCK, &signals, nullptr) == 0);
  return reason;
}

bool end_signal_pending() {
  sigset_t pending;
  return sigpending(&pending) == 0 && (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

void name_this_thread(const std::string& name) { pthread_setname_np(pthread_self(), name.substr(0, 15).c_str()); }

ProcessUsage process_usage() {
  ProcessUsage usage;
  std::ifstream statm("/proc/self/statm");
  std::size_t total_pages = 0;
  std::size_t resident_pages = 0;
  if (statm >> total_pages >> resident_pages) {
    usage.resident_bytes = resident_pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  }
  rusage times{};
  if (getrusage(RUSAGE_SELF, &times) == 0) {
    usage.user_seconds = seconds(times.ru_utime);
    usage.system_seconds = seconds(times.ru_stime);
  }
  return usage;
}

std::string random_run_id() {
  std::array<unsigned char, 20> bytes;
  KV_ASSERT(getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string id;
  for (const unsigned char byte : bytes) {
    id += kDigits[byte >> 4];
    id += kDigits[byte & 15];
  }
  return id;
}

}  // namespace kvstore::server
