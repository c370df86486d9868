// Peers: the servers that benchmark_peers measures, where their programs are, and how each is told to run.
//
// Every server gets what a careful user would give it: as many threads as it has cores, memory enough to keep all keys,
// and the same promise about the disk. What would make one of them do other work in the middle of a measurement
// (rewriting its log, taking a snapshot) is off for all.
//
// Thread rule: plain values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kvstore/status.h"
#include "tcp_client.h"

namespace kvstore::benchmarks {

enum class Durability { kOff, kEverySecond, kAlways };
[[nodiscard]] std::string_view durability_name(Durability durability);  // off, everysec, always

enum class PeerKind { kOurs, kRedis, kMemcached, kFloor, kNamed };

struct Peer {
  PeerKind kind = PeerKind::kOurs;
  std::string name;
  std::string program;                      // empty: not on this machine
  std::vector<std::string> arguments = {};  // kNamed: with {port}, {dir} and {threads} in them

  [[nodiscard]] Protocol protocol() const {
    return kind == PeerKind::kMemcached ? Protocol::kMemcached : Protocol::kResp;
  }
  [[nodiscard]] bool has(Durability durability) const {
    return durability == Durability::kOff || kind == PeerKind::kOurs || kind == PeerKind::kRedis;
  }
  [[nodiscard]] bool stores() const { return kind != PeerKind::kFloor; }
  // Ours and the floor take a free port and say which; the others must be told one.
  [[nodiscard]] bool finds_port() const { return kind == PeerKind::kOurs || kind == PeerKind::kFloor; }
};

struct PeerSetting {
  Durability durability = Durability::kOff;
  std::uint16_t port = 0;
  std::string directory;
  unsigned threads = 1;
  std::uint64_t memory_mib = 64;  // what all keys and values need, generously
  std::size_t request_bytes = 0;  // floor: the length of every request of the run
  std::size_t value_bytes = 0;    // floor: of the replies; with `replies_ok` it says OK instead
  bool replies_ok = false;
};
[[nodiscard]] std::vector<std::string> peer_arguments(const Peer& peer, const PeerSetting& setting);

// Where the shell would find it; empty when it would not. A name with a slash is taken as it is.
[[nodiscard]] std::string find_program(const std::string& name);
// This server, redis-server, valkey-server, memcached and the floor, in this order, found or not. `ours` is the path of
// the server.
[[nodiscard]] std::vector<Peer> known_peers(const std::string& ours);
// "name=program argument ... {port} ...".
[[nodiscard]] Result<Peer> parse_peer(const std::string& text);

}  // namespace kvstore::benchmarks
