// Core lists and sched_setaffinity (see cores.h).
#include "cores.h"

#include <fmt/format.h>
#include <sched.h>

#include <charconv>
#include <cstddef>
#include <set>

namespace kvstore::benchmarks {
namespace {

bool parse_number(std::string_view text, unsigned& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && number < CPU_SETSIZE;
}

}  // namespace

Result<Cores> parse_cores(std::string_view text) {
  const Status wrong(StatusCode::kInvalidArgument, fmt::format("'{}' is no list of cores, such as 0-3,6", text));
  std::set<unsigned> found;
  for (;;) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t dash = part.find('-');
    unsigned first = 0;
    unsigned last = 0;
    if (!parse_number(part.substr(0, dash), first)) return wrong;
    if (!parse_number(dash == std::string_view::npos ? part : part.substr(dash + 1), last) || last < first)
      return wrong;
    for (unsigned core = first; core <= last; ++core) found.insert(core);
    if (comma == std::string_view::npos) return Cores(found.begin(), found.end());
    text.remove_prefix(comma + 1);
  }
}

std::string cores_text(const Cores& cores) {
  std::string text;
  for (std::size_t i = 0; i < cores.size();) {
    std::size_t end = i + 1;
    while (end < cores.size() && cores[end] == cores[end - 1] + 1) ++end;
    if (!text.empty()) text += ',';
    text += std::to_string(cores[i]);
    if (end - i > 1) text += fmt::format("-{}", cores[end - 1]);
    i = end;
  }
  return text;
}

Cores allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  Cores cores;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (unsigned core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

CoreSplit split_cores(const Cores& cores) {
  if (cores.size() < 2) return {cores, cores};
  const auto middle = cores.begin() + static_cast<std::ptrdiff_t>(cores.size() / 2);
  return {Cores(cores.begin(), middle), Cores(middle, cores.end())};
}

bool pin_this_thread(const Cores& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const unsigned core : cores) CPU_SET(core, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace kvstore::benchmarks
