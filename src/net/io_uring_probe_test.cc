// probe_io_uring() must say why, instead of failing later, where io_uring is forbidden.

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "net/event_loop.h"
#include "net/loop_test_support.h"

namespace kvstore::net {
namespace {

// Makes a system call fail with `error` for the rest of this process's life, as container runtimes do.
bool forbid_system_call(long number, int error) {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// In a child, where `number` fails: 0 when probe and loop both refuse with a message that holds `word`.
int refusal_in_child(long number, int error, const char* word) {
  const pid_t child = fork();
  if (child == 0) {
    if (!forbid_system_call(number, error)) _exit(10);
    const Status probed = probe_io_uring();
    if (probed.ok() || probed.code() != StatusCode::kUnavailable) _exit(1);
    if (probed.message().find(word) == std::string::npos) _exit(2);
    ScriptedHandler handler;
    auto loop = EventLoop::create(Backend::kIoUring, handler);
    if (loop.ok() || loop.status().code() != StatusCode::kUnavailable) _exit(3);
    // The way out must work.
    if (!EventLoop::create(Backend::kEpoll, handler).ok()) _exit(4);
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

TEST(IoUringProbeTest, SeccompThatForbidsItIsNamed) {
  EXPECT_EQ(refusal_in_child(__NR_io_uring_setup, EPERM, "seccomp"), 0);
}

TEST(IoUringProbeTest, KernelWithoutIoUringIsNamed) {
  EXPECT_EQ(refusal_in_child(__NR_io_uring_setup, ENOSYS, "this kernel has none"), 0);
}

TEST(IoUringProbeTest, KernelThatDoesNotKnowTheFlagsIsNamed) {
  EXPECT_EQ(refusal_in_child(__NR_io_uring_setup, EINVAL, "6.1"), 0);
}

TEST(IoUringProbeTest, KernelThatRefusesTheBufferRingIsNamed) {
  if (const Status probed = probe_io_uring(); !probed.ok()) GTEST_SKIP() << probed.message();
  EXPECT_EQ(refusal_in_child(__NR_io_uring_register, EINVAL, "not available"), 0);
}

TEST(IoUringProbeTest, ProbeThatSucceedsMeansALoopCanBeMade) {
  if (const Status probed = probe_io_uring(); !probed.ok()) GTEST_SKIP() << probed.message();
  ScriptedHandler handler;
  EXPECT_TRUE(EventLoop::create(Backend::kIoUring, handler).ok());
}

}  // namespace
}  // namespace kvstore::net
