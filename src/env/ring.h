// Ring: one io_uring, owned by one thread, set up for a server loop.
//
// Flags: SUBMIT_ALL (one bad entry does not stop the rest), SINGLE_ISSUER and DEFER_TASKRUN (completions are worked off
// only when the owner asks, so they never interrupt it). The ring starts disabled: it may be created on any thread, and
// belongs to the thread that calls start(). Needs Linux 6.1.
//
// Thread rule: create() and the destructor on any thread; everything else on the owner, from start() to finish().
// Invariants:
//   1. next() always returns an entry: a full submission queue is handed to the kernel first.
//   2. Nothing is in flight when the ring is destroyed: the owner waits for its operations before finish().
#pragma once

#include <liburing.h>

#include <memory>

#include "kvstore/status.h"

namespace kvstore::env {

class Ring {
 public:
  // kUnavailable, with the reason in words, when this kernel or this process may not have such a ring.
  [[nodiscard]] static Result<std::unique_ptr<Ring>> create(unsigned entries, unsigned completion_entries);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Makes the calling thread the owner.
  [[nodiscard]] Status start();
  // The owner's last call.
  void finish();

  // Whether the kernel knows an IORING_OP_*. Any thread.
  [[nodiscard]] bool supports(int operation) const;

  // A submission entry to fill in with io_uring_prep_*(), and then user_data.
  [[nodiscard]] io_uring_sqe& next();
  // Submits all entries; what completes is worked off later.
  void submit();
  // Submits all entries and waits for at least `completions`; returns earlier when a signal arrives.
  void submit_and_wait(unsigned completions);
  // Submits all entries and works off what has completed, without waiting.
  void submit_and_poll();
  // Up to `max` completions, in order; they stay valid until advance() drops the first `count`.
  [[nodiscard]] unsigned peek(io_uring_cqe** completions, unsigned max);
  void advance(unsigned count);

  // For registrations this class does not know.
  [[nodiscard]] io_uring* raw() { return &ring_; }

 private:
  Ring() = default;
  void submit_until_room();

  io_uring ring_{};
  bool created_ = false;
  bool descriptor_registered_ = false;
};

}  // namespace kvstore::env
