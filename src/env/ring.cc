#include "env/ring.h"

#include <sched.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/assert.h"

namespace kvstore::env {
namespace {

Status refused(int error) {
  std::string reason = "io_uring is not available: ";
  switch (error) {
    case ENOSYS:
      reason += "this kernel has none";
      break;
    case EPERM:
    case EACCES:
      reason += "this process may not use it (a seccomp filter, or sysctl kernel.io_uring_disabled)";
      break;
    case EINVAL:
      reason += "the kernel lacks SINGLE_ISSUER or DEFER_TASKRUN (Linux 6.1 or newer has them)";
      break;
    case ENOMEM:
      reason += "not enough memory, or the limit on locked memory (ulimit -l) is too low";
      break;
    case EMFILE:
    case ENFILE:
      reason += "too many open files";
      break;
    default:
      reason += std::strerror(error);
  }
  return Status(StatusCode::kUnavailable, std::move(reason));
}

}  // namespace

Result<std::unique_ptr<Ring>> Ring::create(unsigned entries, unsigned completion_entries) {
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
                     IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED;
  parameters.cq_entries = completion_entries;
  std::unique_ptr<Ring> ring(new Ring);
  const int result = io_uring_queue_init_params(entries, &ring->ring_, &parameters);
  if (result < 0) return refused(-result);
  ring->created_ = true;
  return ring;
}

Ring::~Ring() {
  KV_ASSERT(!descriptor_registered_);
  if (created_) io_uring_queue_exit(&ring_);
}

Status Ring::start() {
  // liburing 2.3 declares io_uring_enable_rings() but does not export it.
  const int enabled = io_uring_register(static_cast<unsigned>(ring_.ring_fd), IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  if (enabled < 0) return refused(-enabled);
  // Saves a descriptor look-up on every system call; everything works without it.
  descriptor_registered_ = io_uring_register_ring_fd(&ring_) == 1;
  return {};
}

void Ring::finish() {
  // The registration belongs to this thread, not to the ring, so the destructor may be too late.
  if (descriptor_registered_) io_uring_unregister_ring_fd(&ring_);
  descriptor_registered_ = false;
}

bool Ring::supports(int operation) const {
  // io_uring_get_probe() makes a small ring of its own, which works on any thread.
  io_uring_probe* probe = io_uring_get_probe();
  if (probe == nullptr) return false;
  const bool supported = io_uring_opcode_supported(probe, operation) != 0;
  io_uring_free_probe(probe);
  return supported;
}

io_uring_sqe& Ring::next() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (__builtin_expect(entry == nullptr, false)) {
    submit_until_room();
    entry = io_uring_get_sqe(&ring_);
    KV_ASSERT(entry != nullptr);
  }
  return *entry;
}

// EAGAIN: the kernel is short of memory for requests; EBUSY: completions overflowed and wait to be worked off. Both
// pass, and giving up would lose operations that the caller believes to be under way.
void Ring::submit_until_room() {
  while (io_uring_sq_space_left(&ring_) == 0) {
    const int result = io_uring_submit(&ring_);
    if (result >= 0 || result == -EINTR) continue;
    KV_ASSERT(result == -EAGAIN || result == -EBUSY);
    io_uring_get_events(&ring_);
    sched_yield();
  }
}

void Ring::submit() {
  const int result = io_uring_submit(&ring_);
  KV_ASSERT(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
}

void Ring::submit_and_wait(unsigned completions) {
  const int result = io_uring_submit_and_wait(&ring_, completions);
  KV_ASSERT(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
}

void Ring::submit_and_poll() {
  const int result = io_uring_submit_and_get_events(&ring_);
  KV_ASSERT(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
}

unsigned Ring::peek(io_uring_cqe** completions, unsigned max) {
  return io_uring_peek_batch_cqe(&ring_, completions, max);
}

void Ring::advance(unsigned count) { io_uring_cq_advance(&ring_, count); }

}  // namespace kvstore::env
