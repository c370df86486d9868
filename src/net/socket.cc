#include "net/socket.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace kvstore::net {
namespace {

struct NamedAddress {
  std::string text = "?";
  bool loopback = false;
};

NamedAddress describe(const sockaddr_storage& address) {
  NamedAddress named;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof(v4));
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    named.text = std::string(text.data()) + ":" + std::to_string(ntohs(v4.sin_port));
    named.loopback = (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  } else if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof(v6));
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    named.text = "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(v6.sin6_port));
    named.loopback =
        IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) || (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127);
  } else if (address.ss_family == AF_UNIX) {
    named.text = "unix";
    named.loopback = true;
  }
  return named;
}

}  // namespace

SocketNames socket_names(int fd) {
  SocketNames names;
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  NamedAddress peer;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0) peer = describe(address);
  names.peer = peer.text;
  names.peer_is_loopback = peer.loopback;
  length = sizeof(address);
  NamedAddress local;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0) local = describe(address);
  names.local = local.text;
  return names;
}

void disable_nagle(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

std::size_t unacknowledged_bytes(int fd) {
  int queued = 0;
  return ioctl(fd, SIOCOUTQ, &queued) == 0 && queued > 0 ? static_cast<std::size_t>(queued) : 0;
}

bool accept_should_pause(int error) {
  switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EAGAIN:
    case EPROTO:
    case EPERM:  // a firewall rule refused this one
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return false;
    default:
      return true;
  }
}

}  // namespace kvstore::net
