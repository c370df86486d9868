// Opens the listening socket.
#pragma once

#include <cstdint>
#include <string>

#include "kvstore/status.h"

namespace kvstore::net {

// A listening TCP socket on an IPv4 or IPv6 address ("0.0.0.0", "::", "127.0.0.1"); port 0 takes a free one.
// kUnavailable with one clear line when the port is taken, for a second (it says how to find the holder), or not
// permitted.
[[nodiscard]] Result<int> open_listener(const std::string& address, std::uint16_t port);
// The port a listening socket got.
[[nodiscard]] std::uint16_t listener_port(int fd);

}  // namespace kvstore::net
