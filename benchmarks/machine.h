// What the operating system knows about this machine and its processes: time, memory, processor use; and the build.
//
// Thread rule: any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvstore::benchmarks {

[[nodiscard]] std::uint64_t now_ns();                   // monotonic
[[nodiscard]] std::uint64_t thread_processor_ns();      // processor time this thread used so far
[[nodiscard]] double clock_reading_ns();                // what one now_ns() costs here, measured
[[nodiscard]] std::uint64_t resident_bytes();           // memory of this process that is in RAM
[[nodiscard]] std::uint64_t resident_bytes(pid_t pid);  // of another; 0 when there is no such process
[[nodiscard]] std::uint64_t available_bytes();          // memory of the machine that programs may still take
[[nodiscard]] unsigned processor_count();               // cores this process may use
[[nodiscard]] std::string processor_name();             // as /proc/cpuinfo names it
// User and kernel time of all threads of a process, from the scheduler's own count; nullopt when it is not there.
[[nodiscard]] std::optional<std::uint64_t> process_processor_ns(pid_t pid);
[[nodiscard]] std::string process_name(pid_t pid);  // empty when there is no such process
// The directory this program was started from, without a slash at the end.
[[nodiscard]] std::string program_directory();

[[nodiscard]] std::string_view build_commit();  // of the source tree, "-dirty" behind it when files differed
[[nodiscard]] std::string_view build_type();
[[nodiscard]] std::string_view build_compiler();

}  // namespace kvstore::benchmarks
