// Connection: one accepted socket, as its handler sees it.
//
// Thread rule: the loop's own thread.
// Invariants:
//   1. At most one send is in flight; output added meanwhile waits behind it.
//   2. After close() no byte is sent or delivered; on_close comes later in the same turn or in a later one.
//   3. close_after_send() delivers nothing more and closes once the output so far was handed to the kernel and the peer
//      has ended its side (bounded by a linger time, so that a peer that never reads or never closes cannot keep it).
//   4. While the output is held, no byte appended to output() reaches the kernel: replies wait there for the disk. What
//      was in flight before goes on. Holding delays close_after_send() and an orderly stop (for its linger time at
//      most), not close().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/output_buffer.h"

namespace kvstore::net {

class Connection {
 public:
  static constexpr std::size_t kLowWaterBytes = 64 * 1024;

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  // Replies are appended here; mark_dirty() has them sent at the end of the turn.
  [[nodiscard]] base::OutputBuffer& output() { return output_; }
  virtual void mark_dirty() = 0;
  // Bytes not yet accepted by the kernel: in flight and in output().
  [[nodiscard]] virtual std::size_t unsent_bytes() const = 0;

  // No send begins until the release, which marks the connection dirty when it has output. Not counted: one release
  // ends any number of holds.
  void hold_output() { output_held_ = true; }
  virtual void release_output() = 0;
  [[nodiscard]] bool output_held() const { return output_held_; }

  // While paused, the peer's end or reset may go unnoticed until the next send or resume_receive().
  virtual void pause_receive() = 0;
  virtual void resume_receive() = 0;
  virtual void close_after_send() = 0;
  virtual void close() = 0;

  [[nodiscard]] virtual int fd() const = 0;
  [[nodiscard]] const std::string& peer_address() const { return peer_address_; }    // "127.0.0.1:40000"
  [[nodiscard]] const std::string& local_address() const { return local_address_; }  // "127.0.0.1:6379"
  [[nodiscard]] bool peer_is_loopback() const { return peer_is_loopback_; }

  void* user_data = nullptr;  // the handler's own

 protected:
  base::OutputBuffer output_;
  std::string peer_address_;
  std::string local_address_;
  bool peer_is_loopback_ = false;
  bool output_held_ = false;
};

}  // namespace kvstore::net
