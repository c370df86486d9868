// ConnectionHandler: what an event loop asks of the program above it, in phases, once a turn.
//
// A turn: on_receive for everything that arrived on any connection -> on_turn once -> the loop sends the output of
// every connection marked dirty. That is how parsing, memory latency and sends are batched over all ready connections.
//
// Thread rule: every call comes from the loop's own thread.
#pragma once

#include <string_view>

namespace kvstore::net {

class Connection;

class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;

  // A new connection. May fill its output, close it, or set connection.user_data.
  virtual void on_open(Connection& connection) = 0;
  // Bytes from the peer; they stay valid until on_turn returns. Not called while receiving is paused, except for bytes
  // that were already on their way (at most the loop's receive buffers).
  virtual void on_receive(Connection& connection, std::string_view bytes) = 0;
  // The peer will send nothing more; it may still read.
  virtual void on_receive_end(Connection& connection) = 0;
  // The unsent output fell to low_water or below after it had been above (see Connection).
  virtual void on_drained(Connection& connection) = 0;
  // The last call for a connection: closed by the peer, an error, or ourselves. Never during another callback of the
  // same connection.
  virtual void on_close(Connection& connection) = 0;
  // All that arrived this turn was delivered.
  virtual void on_turn() = 0;
  // About ten times a second, also when nothing arrives.
  virtual void on_tick() = 0;
};

}  // namespace kvstore::net
