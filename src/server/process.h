// What the server asks of its own process: limits, signals, thread names, figures of memory and CPU.
//
// Thread rule: block_end_signals() on the main thread before any other thread exists; the rest from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace kvstore::server {

// Files the server needs besides one a client: rings, events, listener, log.
inline constexpr std::uint64_t kFilesForOurselves = 64;

// Raises the soft limit of open files to `wanted` or as near as allowed; returns the limit now in force.
std::uint64_t raise_open_file_limit(std::uint64_t wanted);

// SIGTERM and SIGINT are to be received by wait_for_end_request() alone; SIGPIPE is ignored.
void block_end_signals();
// Sleeps until SIGTERM, SIGINT, or the eventfd `shutdown_event` is signalled, calling `each_second` about so often;
// returns which, in words. Afterwards a further signal ends the process in the usual way.
[[nodiscard]] std::string wait_for_end_request(int shutdown_event, const std::function<void()>& each_second);

// Whether one of them has come already, for work before wait_for_end_request() that can be broken off.
[[nodiscard]] bool end_signal_pending();

void name_this_thread(const std::string& name);

struct ProcessUsage {
  std::size_t resident_bytes = 0;
  double user_seconds = 0;
  double system_seconds = 0;
};
[[nodiscard]] ProcessUsage process_usage();

// 40 random hexadecimal digits that name this run of the server.
[[nodiscard]] std::string random_run_id();

}  // namespace kvstore::server
