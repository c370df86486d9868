// The blocking client (see tcp_client.h).
#include "tcp_client.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace kvstore::benchmarks {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

void append_number(std::size_t number, std::string& out) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// By hand, not with fmt: a load generator spells millions of requests a second and must not be what is measured.
void append_resp(std::span<const std::string_view> words, std::string& out) {
  out += '*';
  append_number(words.size(), out);
  out += kLineEnd;
  for (const std::string_view word : words) {
    out += '$';
    append_number(word.size(), out);
    out += kLineEnd;
    out += word;
    out += kLineEnd;
  }
}

void append_resp(std::initializer_list<std::string_view> words, std::string& out) {
  append_resp(std::span(words.begin(), words.size()), out);
}

std::optional<Reply> take_json(std::string_view input, std::size_t& consumed) {
  const std::size_t end = input.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  consumed = end + 1;
  const std::string_view line = input.substr(0, end);
  constexpr std::string_view kOk = R"({"status": "OK")";
  constexpr std::string_view kBareError = R"({"status": "ERROR"})";  // DELETE of a key that is not there
  constexpr std::string_view kNotFound = R"(' not found"})";
  if (line.substr(0, kOk.size()) == kOk) return Reply{ReplyKind::kOk, line};
  const bool not_found = line.size() >= kNotFound.size() && line.substr(line.size() - kNotFound.size()) == kNotFound;
  return Reply{line == kBareError || not_found ? ReplyKind::kMissing : ReplyKind::kError, line};
}

std::optional<Reply> take_resp(std::string_view input, std::size_t& consumed) {
  const std::size_t end = input.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view head = input.substr(1, end - 1);
  consumed = end + 2;
  switch (input[0]) {
    case '+':
    case ':':
      return Reply{ReplyKind::kOk, head};
    case '_':
      return Reply{ReplyKind::kMissing, head};
    case '$':
      break;
    default:
      return Reply{ReplyKind::kError, head};
  }
  std::int64_t length = 0;
  const auto parsed = std::from_chars(head.data(), head.data() + head.size(), length);
  if (parsed.ec != std::errc() || length < -1) return Reply{ReplyKind::kError, head};
  if (length == -1) return Reply{ReplyKind::kMissing, {}};
  const auto bytes = static_cast<std::size_t>(length);
  if (input.size() < end + 2 + bytes + 2) return std::nullopt;
  consumed = end + 2 + bytes + 2;
  return Reply{ReplyKind::kOk, input.substr(end + 2, bytes)};
}

// What follows the line "VALUE <key> <flags> <bytes>", which ends at `end`: the data and the line "END".
std::optional<Reply> take_memcached_value(std::string_view input, std::size_t end, std::size_t& consumed) {
  constexpr std::string_view kAfterData = "\r\nEND\r\n";
  const std::string_view line = input.substr(0, end);
  const std::size_t digits = line.rfind(' ') + 1;
  std::size_t length = 0;
  const auto parsed = std::from_chars(line.data() + digits, line.data() + line.size(), length);
  if (parsed.ec != std::errc() || parsed.ptr != line.data() + line.size()) return Reply{ReplyKind::kError, line};
  const std::size_t data = end + kLineEnd.size();
  if (input.size() < data + length + kAfterData.size()) return std::nullopt;
  consumed = data + length + kAfterData.size();
  if (input.substr(data + length, kAfterData.size()) != kAfterData) return Reply{ReplyKind::kError, line};
  return Reply{ReplyKind::kOk, input.substr(data, length)};
}

std::optional<Reply> take_memcached(std::string_view input, std::size_t& consumed) {
  const std::size_t end = input.find(kLineEnd);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = input.substr(0, end);
  consumed = end + kLineEnd.size();
  if (line.starts_with("VALUE ")) return take_memcached_value(input, end, consumed);
  if (line == "END" || line == "NOT_FOUND") return Reply{ReplyKind::kMissing, line};
  const bool good = line == "STORED" || line == "DELETED" || line.starts_with("VERSION ");
  return Reply{good ? ReplyKind::kOk : ReplyKind::kError, line};
}

}  // namespace

void append_set(Protocol protocol, std::string_view key, std::string_view value, std::string& out) {
  if (protocol == Protocol::kResp) return append_resp({"SET", key, value}, out);
  if (protocol == Protocol::kMemcached) {
    out.append("set ").append(key).append(" 0 0 ");
    append_number(value.size(), out);
    out.append(kLineEnd).append(value).append(kLineEnd);
    return;
  }
  fmt::format_to(std::back_inserter(out), "SET {} \"{}\"\n", key, value);
}

void append_get(Protocol protocol, std::string_view key, std::string& out) {
  if (protocol == Protocol::kResp) return append_resp({"GET", key}, out);
  if (protocol == Protocol::kMemcached) {
    out.append("get ").append(key).append(kLineEnd);
    return;
  }
  fmt::format_to(std::back_inserter(out), "GET {}\n", key);
}

void append_delete(Protocol protocol, std::string_view key, std::string& out) {
  if (protocol == Protocol::kResp) return append_resp({"DEL", key}, out);
  if (protocol == Protocol::kMemcached) {
    out.append("delete ").append(key).append(kLineEnd);
    return;
  }
  fmt::format_to(std::back_inserter(out), "DELETE {}\n", key);
}

void append_words(Protocol protocol, std::string_view words, std::string& out) {
  if (protocol != Protocol::kResp) {
    out += words;
    out += protocol == Protocol::kJson ? "\n" : kLineEnd;
    return;
  }
  std::vector<std::string_view> split;
  while (!words.empty()) {
    const std::size_t space = words.find(' ');
    split.push_back(words.substr(0, space));
    words.remove_prefix(space == std::string_view::npos ? words.size() : space + 1);
  }
  append_resp(split, out);
}

std::optional<Reply> take_reply(Protocol protocol, std::string_view input, std::size_t& consumed) {
  switch (protocol) {
    case Protocol::kJson:
      return take_json(input, consumed);
    case Protocol::kResp:
      return take_resp(input, consumed);
    case Protocol::kMemcached:
      return take_memcached(input, consumed);
  }
  return std::nullopt;
}

Result<int> connect_to(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int lookup = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (lookup != 0) return Status(StatusCode::kUnavailable, gai_strerror(lookup));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  int reason = ECONNREFUSED;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0) {
      reason = errno;
      continue;
    }
    if (::connect(fd, address->ai_addr, address->ai_addrlen) == 0) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return fd;
    }
    reason = errno;
    close(fd);
  }
  return Status(StatusCode::kUnavailable, std::strerror(reason));
}

Result<TcpClient> TcpClient::connect(const std::string& host, std::uint16_t port, Protocol protocol) {
  const Result<int> fd = connect_to(host, port);
  if (!fd.ok()) return fd.status();
  const timeval patience{30, 0};
  setsockopt(fd.value(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return TcpClient(fd.value(), protocol);
}

TcpClient::TcpClient(TcpClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      protocol_(other.protocol_),
      input_(std::move(other.input_)),
      consumed_(other.consumed_) {}

TcpClient::~TcpClient() {
  if (fd_ >= 0) close(fd_);
}

Status TcpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return {StatusCode::kIoError, std::strerror(errno)};
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<Reply> TcpClient::receive() {
  input_.erase(0, std::exchange(consumed_, 0));
  for (;;) {
    if (const std::optional<Reply> reply = take_reply(protocol_, input_, consumed_)) return *reply;
    char chunk[16 * 1024];
    const ssize_t received = recv(fd_, chunk, sizeof chunk, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == EAGAIN) return Status(StatusCode::kUnavailable, "no reply for 30 seconds");
    if (received < 0) return Status(StatusCode::kIoError, std::strerror(errno));
    if (received == 0) return Status(StatusCode::kIoError, "the server closed the connection");
    input_.append(chunk, static_cast<std::size_t>(received));
  }
}

Result<Reply> TcpClient::call(std::string_view words) {
  std::string request;
  append_words(protocol_, words, request);
  const Status sent = send(request);
  if (!sent.ok()) return sent;
  return receive();
}

}  // namespace kvstore::benchmarks
