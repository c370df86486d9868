// ServerProcess: a server under test, and CleanUp: what makes sure that no server and no directory is left behind.
//
// A server dies with the benchmark in every case: the destructors on an orderly end, CleanUp's thread on SIGINT,
// SIGTERM and SIGHUP, and the kernel (parent-death signal) when the benchmark itself is killed.
// Thread rule: start servers from the main thread only (the parent-death signal belongs to the thread that forks);
// signal_kill() and CleanUp may be used from any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "cores.h"
#include "kvstore/status.h"

namespace kvstore::benchmarks {

// Make one first thing in main(), before any thread: it takes over the signals for all threads that follow.
class CleanUp {
 public:
  CleanUp();
  ~CleanUp();
  CleanUp(const CleanUp&) = delete;
  CleanUp& operator=(const CleanUp&) = delete;

  void add_process(pid_t pid);
  // Kills the process now if it is still ours to kill.
  void kill_process(pid_t pid);
  void forget_process(pid_t pid);
  void add_directory(const std::string& path);
  void remove_directory(const std::string& path);

 private:
  void wait_for_signal();

  base::Mutex mutex_;
  std::set<pid_t> processes_ KV_GUARDED_BY(mutex_);
  std::set<std::string> directories_ KV_GUARDED_BY(mutex_);
  std::thread waiter_;
};

// A fresh directory, removed with all that is in it.
class TempDirectory {
 public:
  [[nodiscard]] static Result<std::unique_ptr<TempDirectory>> create(CleanUp& clean_up);
  ~TempDirectory() { clean_up_.remove_directory(path_); }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  TempDirectory(CleanUp& clean_up, std::string path);

  CleanUp& clean_up_;
  const std::string path_;
};

// How to start a server.
struct Launch {
  std::string program;
  std::vector<std::string> arguments;
  std::string directory;   // its working directory; its output goes to server.log there
  Cores cores = {};        // where it may run; empty: anywhere
  std::uint16_t port = 0;  // what its arguments say; 0: it takes a free one and says which
};

// A port of 127.0.0.1 that nobody listens on at the moment; 0 when there is none.
[[nodiscard]] std::uint16_t free_port();

class ServerProcess {
 public:
  // Waits until the server says on which port it listens or, with a port given, until it answers there. kUnavailable
  // with the end of its output when it ends before that or is not ready within a minute.
  [[nodiscard]] static Result<std::unique_ptr<ServerProcess>> start(CleanUp& clean_up, const Launch& launch);
  // A server of ours, anywhere, on a free port.
  [[nodiscard]] static Result<std::unique_ptr<ServerProcess>> start(CleanUp& clean_up, const std::string& program,
                                                                    const std::vector<std::string>& arguments,
                                                                    const std::string& directory);
  ~ServerProcess() { kill(); }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  // SIGKILL, without waiting for the end. Any thread.
  void signal_kill() { clean_up_.kill_process(pid_); }
  // SIGKILL and wait. Main thread.
  void kill();

 private:
  ServerProcess(CleanUp& clean_up, pid_t pid) : clean_up_(clean_up), pid_(pid) {}

  CleanUp& clean_up_;
  const pid_t pid_;
  std::uint16_t port_ = 0;
  bool reaped_ = false;
};

}  // namespace kvstore::benchmarks
