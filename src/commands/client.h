// Client: what commands may know and change about the connection that sent them. Implemented by server::Session.
//
// Thread rule: used by the worker that owns the connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "commands/waiter.h"

namespace kvstore::commands {

enum class Protocol : std::uint8_t { kResp2 = 2, kResp3 = 3, kJson = 0 };

class Client {
 public:
  virtual ~Client() = default;

  [[nodiscard]] virtual std::uint64_t id() const = 0;
  [[nodiscard]] virtual Protocol protocol() const = 0;
  [[nodiscard]] virtual int database() const = 0;
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual std::string info_line() const = 0;  // as CLIENT INFO prints it, without a line end

  virtual void select(int db) = 0;
  // From the next reply on; the running command's goes on in the old one. Only between RESP2 and RESP3.
  virtual void switch_protocol(Protocol protocol) = 0;
  virtual void set_name(std::string_view name) = 0;
  virtual void set_library_name(std::string_view name) = 0;
  virtual void set_library_version(std::string_view version) = 0;
  virtual void close_after_reply() = 0;
  // The command's reply comes from `waiter`, later. Only for rows with kMayWait.
  virtual void wait_for(std::unique_ptr<Waiter> waiter) = 0;
  virtual void reset() = 0;  // RESET: database 0, RESP2 (a RESP connection), no name
};

}  // namespace kvstore::commands
