// A blocking client for both protocols of the server and for memcached's, and the bytes of the few requests that
// benchmarks send.
//
// Thread rule: a TcpClient belongs to one thread; the functions are pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kvstore/status.h"

namespace kvstore::benchmarks {

enum class Protocol { kJson, kResp, kMemcached };  // the last: memcached's text protocol

// Appends one request. Keys and values hold no spaces, quotes or line ends (workload.h makes such).
void append_set(Protocol protocol, std::string_view key, std::string_view value, std::string& out);
void append_get(Protocol protocol, std::string_view key, std::string& out);
void append_delete(Protocol protocol, std::string_view key, std::string& out);
// Any other command, as space-separated words.
void append_words(Protocol protocol, std::string_view words, std::string& out);

enum class ReplyKind { kOk, kMissing, kError };

struct Reply {
  ReplyKind kind = ReplyKind::kOk;
  // JSON: the line; the others: what the reply holds. Lives as long as the input it was taken from.
  std::string_view text;
};

// The first complete reply of `input` and the bytes it took; nullopt when more bytes are needed. RESP arrays and maps
// are not understood (no request above has one for an answer) and count as an error.
[[nodiscard]] std::optional<Reply> take_reply(Protocol protocol, std::string_view input, std::size_t& consumed);

// A connected socket with Nagle's delay off; kUnavailable with the reason when nobody answers.
[[nodiscard]] Result<int> connect_to(const std::string& host, std::uint16_t port);

class TcpClient {
 public:
  [[nodiscard]] static Result<TcpClient> connect(const std::string& host, std::uint16_t port, Protocol protocol);
  TcpClient(TcpClient&& other) noexcept;
  TcpClient& operator=(TcpClient&&) = delete;
  TcpClient(const TcpClient&) = delete;
  TcpClient& operator=(const TcpClient&) = delete;
  ~TcpClient();

  [[nodiscard]] Status send(std::string_view bytes);
  // Waits for the next reply, 30 seconds at most. Its text is valid until the next call.
  [[nodiscard]] Result<Reply> receive();
  // Sends one command and waits for its reply.
  [[nodiscard]] Result<Reply> call(std::string_view words);

 private:
  TcpClient(int fd, Protocol protocol) : fd_(fd), protocol_(protocol) {}

  int fd_;
  Protocol protocol_;
  std::string input_;
  std::size_t consumed_ = 0;
};

}  // namespace kvstore::benchmarks
