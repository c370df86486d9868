// The table of servers and their command lines (see peers.h).
#include "peers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <utility>

#include "machine.h"

namespace kvstore::benchmarks {
namespace {

using Arguments = std::vector<std::string>;

Arguments our_arguments(const PeerSetting& setting) {
  const std::string mode =
      setting.durability == Durability::kOff ? "none" : std::string(durability_name(setting.durability));
  return {"--port",
          "0",
          "--bind",
          "127.0.0.1",
          "--threads",
          std::to_string(setting.threads),
          "--durability",
          mode,
          "--data-dir",
          setting.directory + "/data",
          "--snapshot-log-mib",
          "0"};
}

// Redis, Valkey and what took over their options.
Arguments redis_arguments(const PeerSetting& setting) {
  Arguments arguments = {"--port",
                         std::to_string(setting.port),
                         "--bind",
                         "127.0.0.1",
                         "--daemonize",
                         "no",
                         "--dir",
                         setting.directory,
                         "--save",
                         "",
                         "--auto-aof-rewrite-percentage",
                         "0"};
  if (setting.durability == Durability::kOff) {
    arguments.insert(arguments.end(), {"--appendonly", "no"});
  } else {
    arguments.insert(arguments.end(),
                     {"--appendonly", "yes", "--appendfsync", std::string(durability_name(setting.durability))});
  }
  if (setting.threads > 1) arguments.insert(arguments.end(), {"--io-threads", std::to_string(setting.threads)});
  return arguments;
}

Arguments memcached_arguments(const PeerSetting& setting) {
  Arguments arguments = {
      "-l", "127.0.0.1", "-p", std::to_string(setting.port),    "-U", "0",
      "-c", "10000",     "-t", std::to_string(setting.threads), "-m", std::to_string(setting.memory_mib)};
  if (geteuid() == 0) arguments.insert(arguments.end(), {"-u", "root"});  // it refuses to run as root unsaid
  return arguments;
}

Arguments floor_arguments(const PeerSetting& setting) {
  Arguments arguments = {"--port", "0", "--request-bytes", std::to_string(setting.request_bytes)};
  if (!setting.replies_ok) arguments.insert(arguments.end(), {"--value-bytes", std::to_string(setting.value_bytes)});
  return arguments;
}

void replace_all(std::string& text, std::string_view what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

Arguments named_arguments(const Peer& peer, const PeerSetting& setting) {
  Arguments arguments = peer.arguments;
  for (std::string& argument : arguments) {
    replace_all(argument, "{port}", std::to_string(setting.port));
    replace_all(argument, "{dir}", setting.directory);
    replace_all(argument, "{threads}", std::to_string(setting.threads));
  }
  return arguments;
}

}  // namespace

std::string_view durability_name(Durability durability) {
  switch (durability) {
    case Durability::kOff:
      return "off";
    case Durability::kEverySecond:
      return "everysec";
    case Durability::kAlways:
      return "always";
  }
  return "";
}

std::vector<std::string> peer_arguments(const Peer& peer, const PeerSetting& setting) {
  switch (peer.kind) {
    case PeerKind::kOurs:
      return our_arguments(setting);
    case PeerKind::kRedis:
      return redis_arguments(setting);
    case PeerKind::kMemcached:
      return memcached_arguments(setting);
    case PeerKind::kFloor:
      return floor_arguments(setting);
    case PeerKind::kNamed:
      return named_arguments(peer, setting);
  }
  return {};
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return access(name.c_str(), X_OK) == 0 ? name : std::string();
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + name;
    if (!folder.empty() && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

std::vector<Peer> known_peers(const std::string& ours) {
  return {{PeerKind::kOurs, "kvstore", find_program(ours)},
          {PeerKind::kRedis, "redis", find_program("redis-server")},
          {PeerKind::kRedis, "valkey", find_program("valkey-server")},
          {PeerKind::kMemcached, "memcached", find_program("memcached")},
          {PeerKind::kFloor, "floor", find_program(program_directory() + "/floor")}};
}

Result<Peer> parse_peer(const std::string& text) {
  const std::size_t equals = text.find('=');
  Peer peer{PeerKind::kNamed, text.substr(0, equals), ""};
  std::istringstream words(equals == std::string::npos ? "" : text.substr(equals + 1));
  std::string program;
  words >> program;
  for (std::string word; words >> word;) peer.arguments.push_back(word);
  if (peer.name.empty() || program.empty() || text.find("{port}") == std::string::npos) {
    return Status(StatusCode::kInvalidArgument,
                  fmt::format("'{}' is not of the form 'name=program arguments', with {{port}} among them", text));
  }
  peer.program = find_program(program);
  return peer;
}

}  // namespace kvstore::benchmarks
