// Starting, watching and ending a server under test (see server_process.h).
#include "server_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "machine.h"
#include "tcp_client.h"

namespace kvstore::benchmarks {
namespace {

constexpr int kStopSignal = SIGUSR1;  // ends CleanUp's thread

sigset_t handled_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, kStopSignal}) sigaddset(&signals, number);
  return signals;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What runs in the child between fork and exec.
[[noreturn]] void become(const Launch& launch, const std::string& program, const std::string& output_path,
                         pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above took effect
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);  // CleanUp had blocked the signals that end a server
  const int output = open(output_path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  const int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  std::vector<char*> argv;
  argv.push_back(const_cast<char*>(program.c_str()));
  for (const std::string& argument : launch.arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const bool pinned = launch.cores.empty() || pin_this_thread(launch.cores);
  if (pinned && chdir(launch.directory.c_str()) == 0) execv(program.c_str(), argv.data());
  dprintf(STDERR_FILENO, "cannot run %s: %s\n", program.c_str(), std::strerror(errno));
  _exit(127);
}

[[nodiscard]] Result<pid_t> spawn(CleanUp& clean_up, const Launch& launch, const std::string& output_path) {
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(launch.program, error).string();
  if (error || access(absolute.c_str(), X_OK) != 0) {
    return Status(StatusCode::kUnavailable, fmt::format("cannot run {}: {}", launch.program, std::strerror(errno)));
  }
  std::filesystem::remove(output_path, error);  // what an earlier run said must not be taken for this one's
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return Status(StatusCode::kUnavailable, fmt::format("cannot fork: {}", std::strerror(errno)));
  if (pid == 0) become(launch, absolute, output_path, parent);
  clean_up.add_process(pid);
  return pid;
}

// The port of "TCP Server listening on ADDRESS:PORT", once the whole line is there.
std::optional<std::uint16_t> listening_port(const std::string& output) {
  constexpr std::string_view kReady = "TCP Server listening on ";
  const std::size_t begin = output.find(kReady);
  if (begin == std::string::npos) return std::nullopt;
  const std::size_t end = output.find('\n', begin);
  if (end == std::string::npos) return std::nullopt;
  const std::size_t colon = output.rfind(':', end);
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(output.data() + colon + 1, output.data() + end, port);
  if (parsed.ec != std::errc()) return std::nullopt;
  return port;
}

bool answers(std::uint16_t port) {
  const Result<int> fd = connect_to("127.0.0.1", port);
  if (fd.ok()) close(fd.value());
  return fd.ok();
}

}  // namespace

CleanUp::CleanUp() {
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  waiter_ = std::thread([this] { wait_for_signal(); });
}

CleanUp::~CleanUp() {
  pthread_kill(waiter_.native_handle(), kStopSignal);
  waiter_.join();
}

void CleanUp::wait_for_signal() {
  const sigset_t signals = handled_signals();
  int number = 0;
  while (sigwait(&signals, &number) != 0) {
  }
  if (number == kStopSignal) return;
  const base::MutexLock lock(mutex_);
  for (const pid_t pid : processes_) ::kill(pid, SIGKILL);
  std::error_code ignored;
  for (const std::string& path : directories_) std::filesystem::remove_all(path, ignored);
  _exit(128 + number);
}

void CleanUp::add_process(pid_t pid) {
  const base::MutexLock lock(mutex_);
  processes_.insert(pid);
}

void CleanUp::kill_process(pid_t pid) {
  const base::MutexLock lock(mutex_);
  if (processes_.count(pid) > 0) ::kill(pid, SIGKILL);
}

void CleanUp::forget_process(pid_t pid) {
  const base::MutexLock lock(mutex_);
  processes_.erase(pid);
}

void CleanUp::add_directory(const std::string& path) {
  const base::MutexLock lock(mutex_);
  directories_.insert(path);
}

void CleanUp::remove_directory(const std::string& path) {
  const base::MutexLock lock(mutex_);
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
  directories_.erase(path);
}

TempDirectory::TempDirectory(CleanUp& clean_up, std::string path) : clean_up_(clean_up), path_(std::move(path)) {
  clean_up_.add_directory(path_);
}

Result<std::unique_ptr<TempDirectory>> TempDirectory::create(CleanUp& clean_up) {
  std::error_code error;
  std::string path = std::filesystem::temp_directory_path(error).string() + "/kvstore-benchmark-XXXXXX";
  if (error || mkdtemp(path.data()) == nullptr) {
    return Status(StatusCode::kIoError, fmt::format("cannot make a temporary directory: {}", std::strerror(errno)));
  }
  return std::unique_ptr<TempDirectory>(new TempDirectory(clean_up, path));
}

std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound = fd >= 0 && bind(fd, generic, length) == 0 && getsockname(fd, generic, &length) == 0;
  if (fd >= 0) close(fd);
  return bound ? ntohs(address.sin_port) : std::uint16_t{0};
}

Result<std::unique_ptr<ServerProcess>> ServerProcess::start(CleanUp& clean_up, const std::string& program,
                                                            const std::vector<std::string>& arguments,
                                                            const std::string& directory) {
  return start(clean_up, Launch{program, arguments, directory});
}

Result<std::unique_ptr<ServerProcess>> ServerProcess::start(CleanUp& clean_up, const Launch& launch) {
  constexpr std::uint64_t kPatienceNs = 60'000'000'000;
  const std::string output_path = launch.directory + "/server.log";
  const Result<pid_t> pid = spawn(clean_up, launch, output_path);
  if (!pid.ok()) return pid.status();
  std::unique_ptr<ServerProcess> server(new ServerProcess(clean_up, pid.value()));
  const std::uint64_t begin = now_ns();
  for (;;) {
    // Looked at before the output: what a server wrote before its end is then seen for certain.
    siginfo_t end{};
    const bool ended =
        waitid(P_PID, static_cast<id_t>(server->pid_), &end, WEXITED | WNOHANG | WNOWAIT) != 0 || end.si_pid != 0;
    const std::string output = read_file(output_path);
    std::optional<std::uint16_t> port;
    if (launch.port == 0) {
      port = listening_port(output);
    } else if (!ended && answers(launch.port)) {
      port = launch.port;
    }
    if (port && !ended) {
      server->port_ = *port;
      return server;
    }
    const char* reason = ended ? "ended before it was ready" : "was not ready within a minute";
    if (ended || now_ns() - begin > kPatienceNs) {
      const std::string tail = output.size() > 2'000 ? output.substr(output.size() - 2'000) : output;
      return Status(StatusCode::kUnavailable, fmt::format("the server {}; it said:\n{}", reason, tail));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void ServerProcess::kill() {
  if (reaped_) return;
  reaped_ = true;
  clean_up_.kill_process(pid_);
  // Forgotten while it is still a zombie: nobody can be given its number before that.
  siginfo_t end{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  clean_up_.forget_process(pid_);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace kvstore::benchmarks
