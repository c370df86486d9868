// ServerControl: what commands ask of the program around the engine. Implemented by server::Server.
//
// Thread rule: any worker may call any function; implementations synchronise themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/persistence.h"

namespace kvstore::commands {

class ServerControl {
 public:
  virtual ~ServerControl() = default;

  // The text of INFO for one section name in lower case ("server", "clients", ...): "# Server" and its lines, ended by
  // '\n' or CR LF, but for the last; empty when there is no such section.
  [[nodiscard]] virtual std::string info_section(std::string_view section) const = 0;
  [[nodiscard]] virtual std::vector<std::string_view> info_sections() const = 0;  // in display order
  // Every configuration value, name first.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::string>> config() const = 0;
  virtual void reset_statistics() = 0;
  // CLIENT LIST: one line a client, each ended by '\n'.
  [[nodiscard]] virtual std::string client_list() const = 0;
  [[nodiscard]] virtual std::string version() const = 0;
  // Begins an orderly end of the server.
  virtual void request_shutdown() = 0;
  // A shutdown that waits for a snapshot can be called back until it has one. begin_shutdown() counts one that waits
  // and returns how often shutdowns were called back so far; abort_shutdowns() is false when none waits.
  [[nodiscard]] virtual std::uint64_t begin_shutdown() = 0;
  virtual void end_shutdown() = 0;
  [[nodiscard]] virtual bool abort_shutdowns() = 0;
  [[nodiscard]] virtual std::uint64_t shutdowns_aborted() const = 0;

  [[nodiscard]] virtual Persistence& persistence() = 0;
};

}  // namespace kvstore::commands
