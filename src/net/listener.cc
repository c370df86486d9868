#include "net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

namespace kvstore::net {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

bool parse_address(const std::string& text, std::uint16_t port, Address& address) {
  sockaddr_in v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&address.storage, &v4, sizeof(v4));
    address.length = sizeof(v4);
    return true;
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&address.storage, &v6, sizeof(v6));
    address.length = sizeof(v6);
    return true;
  }
  return false;
}

Status listen_failed(const std::string& address, std::uint16_t port, int error) {
  const std::string number = std::to_string(port);
  std::string message;
  switch (error) {
    case EADDRINUSE:
      message = "Port " + number + " is already in use. To find the holder: ss -ltnp 'sport = :" + number + "'";
      break;
    case EACCES:
    case EPERM:
      message = "Not permitted to listen on port " + number +
                ". Ports below 1024 need root or the capability CAP_NET_BIND_SERVICE; choose a higher port.";
      break;
    case EADDRNOTAVAIL:
      message = "Cannot listen on " + address + ": it is not an address of this machine. To see them: ip address";
      break;
    default:
      message = "Cannot listen on " + address + " port " + number + ": " + std::strerror(error);
  }
  return Status(StatusCode::kUnavailable, std::move(message));
}

// A server that was killed keeps its port for a moment: the kernel takes down an io_uring with its accepts in the
// background, after the process is gone. Who restarts it at once must not fail for that.
bool bind_patiently(int fd, const Address& address) {
  constexpr std::chrono::milliseconds kPause{10};
  constexpr int kAttempts = 100;
  for (int attempt = 1;; ++attempt) {
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0) return true;
    if (errno != EADDRINUSE || attempt == kAttempts) return false;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

Result<int> open_listener(const std::string& address, std::uint16_t port) {
  Address parsed;
  if (!parse_address(address, port, parsed)) {
    return Status(StatusCode::kInvalidArgument,
                  "\"" + address + "\" is not an IPv4 or IPv6 address, such as 127.0.0.1, 0.0.0.0 or ::");
  }
  const int fd = socket(parsed.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return listen_failed(address, port, errno);
  // Lets a restarted server bind while old connections are in TIME_WAIT. Not SO_REUSEPORT: a second server on the same
  // port would silently take half of the clients.
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 || !bind_patiently(fd, parsed) ||
      listen(fd, SOMAXCONN) != 0) {
    const int error = errno;
    close(fd);
    return listen_failed(address, port, error);
  }
  return fd;
}

std::uint16_t listener_port(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof(v6));
    return ntohs(v6.sin6_port);
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &address, sizeof(v4));
  return ntohs(v4.sin_port);
}

}  // namespace kvstore::net
