// run_forked: fork, a pipe for the result, and the child's exit status (see forked.h).
#include "forked.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

namespace kvstore::benchmarks {
namespace {

bool write_all(int fd, const void* data, std::size_t size) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(fd, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    next += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool read_all(int fd, void* data, std::size_t size) {
  char* next = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t received = ::read(fd, next, size);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return false;
    next += received;
    size -= static_cast<std::size_t>(received);
  }
  return true;
}

}  // namespace

bool run_forked_raw(const std::function<bool(void*)>& work, void* result, std::size_t size) {
  int ends[2];
  if (pipe(ends) != 0) {
    std::perror("pipe");
    return false;
  }
  std::fflush(stdout);  // or the child would print what is still in the buffer a second time
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) {
    std::perror("fork");
    close(ends[0]);
    close(ends[1]);
    return false;
  }
  if (child == 0) {
    close(ends[0]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);  // it died before the line above took effect
    const bool good = work(result) && write_all(ends[1], result, size);
    std::fflush(stdout);
    _exit(good ? 0 : 1);
  }
  close(ends[1]);
  const bool complete = read_all(ends[0], result, size);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return complete && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace kvstore::benchmarks
