// Machine and process facts from clock_gettime and /proc (see machine.h).
#include "machine.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace kvstore::benchmarks {
namespace {

std::uint64_t read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

std::uint64_t now_ns() { return read_clock(CLOCK_MONOTONIC); }

std::uint64_t thread_processor_ns() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

double clock_reading_ns() {
  constexpr int kReadings = 10'000;
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {  // the fastest round is the one nothing interrupted
    const std::uint64_t begin = now_ns();
    for (int i = 0; i < kReadings; ++i) static_cast<void>(now_ns());
    best = std::min(best, static_cast<double>(now_ns() - begin) / kReadings);
  }
  return best;
}

std::uint64_t resident_bytes() { return resident_bytes(getpid()); }

std::uint64_t resident_bytes(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  std::uint64_t total_pages = 0;
  std::uint64_t resident_pages = 0;
  file >> total_pages >> resident_pages;
  return resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t available_bytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string name; file >> name; file.ignore(256, '\n')) {
    std::uint64_t kib = 0;
    if (name == "MemAvailable:" && file >> kib) return kib * 1024;
  }
  return 0;
}

unsigned processor_count() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&allowed)));
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::optional<std::uint64_t> process_processor_ns(pid_t pid) {
  std::error_code error;
  std::uint64_t total = 0;
  bool any = false;
  // Each thread's schedstat begins with the nanoseconds it ran; the file of the process counts its first thread only.
  std::filesystem::directory_iterator entry(fmt::format("/proc/{}/task", pid), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::ifstream file(entry->path() / "schedstat");
    std::uint64_t ran_ns = 0;
    if (!(file >> ran_ns)) continue;
    total += ran_ns;
    any = true;
  }
  if (!any) return std::nullopt;
  return total;
}

std::string process_name(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/comm", pid));
  std::string name;
  std::getline(file, name);
  return name;
}

std::string program_directory() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string(".") : program.parent_path().string();
}

std::string_view build_type() { return KVSTORE_BENCHMARK_BUILD_TYPE; }

std::string_view build_compiler() {
#if defined(__clang__)
  return "clang++ " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

}  // namespace kvstore::benchmarks
