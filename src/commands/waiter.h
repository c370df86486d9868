// Waiter: the rest of a command that cannot answer yet. The client's later requests are not run before it has.
//
// Thread rule: used by the worker that owns the client.
#pragma once

#include <cstdint>

#include "protocol/reply_writer.h"

namespace kvstore::commands {

class Waiter {
 public:
  virtual ~Waiter() = default;
  // Asked again and again, at least ten times a second. True: it has written its reply. `now_us` is the wall clock.
  [[nodiscard]] virtual bool answer(protocol::ReplyWriter& reply, std::int64_t now_us) = 0;
};

}  // namespace kvstore::commands
