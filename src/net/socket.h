// Small helpers around sockets: names of both ends, options, closing.
//
// Thread rule: any thread.
#pragma once

#include <cstddef>
#include <string>

namespace kvstore::net {

struct SocketNames {
  std::string peer;  // "127.0.0.1:40000", "[::1]:40000", "unix"; "?" when the peer has gone already
  std::string local;
  bool peer_is_loopback = false;
};

[[nodiscard]] SocketNames socket_names(int fd);
// Replies go out at once instead of waiting for the peer's acknowledgement. Does nothing on sockets other than TCP.
void disable_nagle(int fd);
// Bytes that the kernel has taken and the peer's has not acknowledged; with 0, nothing can be lost by closing now.
[[nodiscard]] std::size_t unacknowledged_bytes(int fd);
// Whether an accept() that failed with `error` says something about the machine (too many open files, no memory)
// rather than about that one connection. Trying again at once would only burn the processor.
[[nodiscard]] bool accept_should_pause(int error);

}  // namespace kvstore::net
