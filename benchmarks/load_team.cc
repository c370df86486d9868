// LoadTeam: splits the work, runs the threads, joins the results (see load_team.h).
#include "load_team.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

namespace kvstore::benchmarks {
namespace {

// The share of `total` that falls to the one of `members` with this number.
std::uint64_t share(std::uint64_t total, std::uint64_t members, std::uint64_t member) {
  return total / members + static_cast<std::uint64_t>(member < total % members);
}

}  // namespace

Result<std::unique_ptr<LoadTeam>> LoadTeam::open(std::uint16_t port, Protocol protocol, unsigned connections,
                                                 unsigned threads) {
  auto team = std::make_unique<LoadTeam>();
  const unsigned members = std::clamp(threads, 1U, connections);
  for (unsigned i = 0; i < members; ++i) {
    auto load = Load::open("127.0.0.1", port, protocol, static_cast<unsigned>(share(connections, members, i)));
    if (!load.ok()) return load.status();
    team->members_.push_back(std::move(load).value());
  }
  return team;
}

Result<Load::Outcome> LoadTeam::run(const Work& work) {
  const std::uint64_t members = members_.size();
  std::vector<std::optional<Result<Load::Outcome>>> outcomes(members);
  const auto run_member = [&](std::uint64_t member) {
    Load::Work part;
    part.count = share(work.count, members, member);
    part.pipeline = work.pipeline;
    part.rate = work.rate / static_cast<double>(members);
    part.seconds = work.seconds;
    part.append_request = [requests = work.make_requests(), members, member](std::uint64_t index, std::string& out) {
      requests(index * members + member, out);
    };
    outcomes[member].emplace(members_[member]->run(part, nullptr));
  };
  std::vector<std::thread> threads;
  for (std::uint64_t member = 1; member < members; ++member) threads.emplace_back(run_member, member);
  run_member(0);
  for (std::thread& thread : threads) thread.join();

  Load::Outcome all;
  for (const auto& outcome : outcomes) {
    if (!outcome->ok()) return outcome->status();
    const Load::Outcome& part = outcome->value();
    all.latency_ns.merge(part.latency_ns);
    all.seconds = std::max(all.seconds, part.seconds);
    all.missing += part.missing;
    all.processor_ns += part.processor_ns;
  }
  return all;
}

}  // namespace kvstore::benchmarks
