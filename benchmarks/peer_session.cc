// PeerSession: start, fill, measure (see peer_session.h).
#include "peer_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "machine.h"
#include "workload.h"

namespace kvstore::benchmarks {
namespace {

constexpr unsigned kFillPipeline = 64;
constexpr double kWarmingSeconds = 0.25;
constexpr std::chrono::seconds kLoadingMax(60);

double us(std::uint64_t ns) { return static_cast<double>(ns) / 1e3; }

// Any two requests of one operation have the same length; this is it.
std::size_t request_bytes(const Peer& peer, const PeerConditions& conditions, const PeerWorkload& workload, bool set) {
  std::string request;
  const std::string key(conditions.key_bytes, 'k');
  if (set) {
    append_set(peer.protocol(), key, std::string(workload.value_bytes, 'v'), request);
  } else {
    append_get(peer.protocol(), key, request);
  }
  return request.size();
}

// Room for keys, values and what a server needs beside them, and half as much again: nothing may be evicted.
std::uint64_t memory_mib(const PeerConditions& conditions, const PeerWorkload& workload) {
  const std::uint64_t a_key = conditions.key_bytes + workload.value_bytes + 128;
  return 256 + workload.keys * a_key * 3 / 2 / (1U << 20);
}

// Maps 64 mixed bits to [0, count) evenly, without a division.
std::uint64_t index_below(std::uint64_t bits, std::uint64_t count) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(bits) * count) >> 64U);
}

}  // namespace

Result<std::unique_ptr<PeerSession>> PeerSession::start(CleanUp& clean_up, const Peer& peer,
                                                        const PeerConditions& conditions, const PeerWorkload& workload,
                                                        bool set) {
  std::unique_ptr<PeerSession> session(new PeerSession(peer, conditions, workload));
  auto directory = TempDirectory::create(clean_up);
  if (!directory.ok()) return directory.status();
  session->directory_ = std::move(directory).value();

  PeerSetting setting;
  setting.durability = workload.durability;
  setting.port = peer.finds_port() ? std::uint16_t{0} : free_port();
  setting.directory = session->directory_->path();
  setting.threads = static_cast<unsigned>(conditions.cores.server.size());
  setting.memory_mib = memory_mib(conditions, workload);
  setting.request_bytes = request_bytes(peer, conditions, workload, set);
  setting.value_bytes = workload.value_bytes;
  setting.replies_ok = set;
  const Launch launch{peer.program, peer_arguments(peer, setting), setting.directory, conditions.cores.server,
                      setting.port};
  auto server = ServerProcess::start(clean_up, launch);
  if (!server.ok()) return session->explained(server.status());
  session->server_ = std::move(server).value();
  if (Status status = session->wait_until_loaded(); !status.ok()) return session->explained(status);
  auto load = LoadTeam::open(session->server_->port(), peer.protocol(), conditions.clients, conditions.load_threads);
  if (!load.ok()) return session->explained(load.status());
  session->load_ = std::move(load).value();
  return session;
}

// A server that listens may still be busy with the data of an earlier start, if only to find that there is none.
Status PeerSession::wait_until_loaded() const {
  if (!peer_.stores() || peer_.protocol() == Protocol::kMemcached) return {};
  Result<TcpClient> client = TcpClient::connect("127.0.0.1", server_->port(), peer_.protocol());
  if (!client.ok()) return client.status();
  const auto deadline = std::chrono::steady_clock::now() + kLoadingMax;
  for (;;) {
    const Result<Reply> reply = client->call("GET loaded");
    if (!reply.ok()) return reply.status();
    if (reply.value().kind != ReplyKind::kError || !reply.value().text.starts_with("LOADING")) return {};
    if (std::chrono::steady_clock::now() > deadline) return {StatusCode::kUnavailable, "still loading after a minute"};
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Status PeerSession::explained(const Status& status) const {
  return {status.code(), fmt::format("{}: {}", peer_.name, status.message())};
}

std::string PeerSession::version() {
  if (!peer_.stores()) return {};
  Result<TcpClient> client = TcpClient::connect("127.0.0.1", server_->port(), peer_.protocol());
  if (!client.ok()) return {};
  const Result<Reply> reply = client->call(peer_.protocol() == Protocol::kMemcached ? "version" : "INFO server");
  if (!reply.ok() || reply.value().kind != ReplyKind::kOk) return {};
  const std::string_view text = reply.value().text;
  // Valkey calls itself redis, too, for the sake of clients: its own name comes first here.
  for (const std::string_view field : {"VERSION ", "valkey_version:", "kvstore_version:", "redis_version:"}) {
    const std::size_t at = text.find(field);
    if (at == std::string_view::npos) continue;
    const std::string_view value = text.substr(at + field.size());
    return std::string(value.substr(0, value.find_first_of("\r\n")));
  }
  return {};
}

Result<double> PeerSession::fill() {
  const std::uint64_t before = resident_bytes(server_->pid());
  LoadTeam::Work work;
  work.count = workload_.keys;
  work.pipeline = kFillPipeline;
  work.make_requests = [this]() -> Load::AppendRequest {
    return [protocol = peer_.protocol(), keys = KeyMaker(conditions_.key_bytes),
            values = ValuePool(workload_.value_bytes)](std::uint64_t index, std::string& out) mutable {
      append_set(protocol, keys.key(index), values.value(index), out);
    };
  };
  const Result<Load::Outcome> outcome = load_->run(work);
  if (!outcome.ok()) return explained(outcome.status());
  const std::uint64_t after = resident_bytes(server_->pid());
  return static_cast<double>(after - std::min(before, after)) / static_cast<double>(workload_.keys);
}

LoadTeam::Work PeerSession::work_for(const PeerOperation& operation, double rate, double seconds) {
  LoadTeam::Work work;
  work.pipeline = operation.pipeline;
  work.rate = rate;
  // At a fixed rate the number of requests sets the end, so that none that was due is left out.
  work.count =
      rate > 0 ? std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rate * seconds)) : ~std::uint64_t{0} / 2;
  work.seconds = rate > 0 ? 0 : seconds;
  work.make_requests = [this, set = operation.set, draw = mix(++draws_)]() -> Load::AppendRequest {
    return [protocol = peer_.protocol(), count = workload_.keys, set, draw, keys = KeyMaker(conditions_.key_bytes),
            values = ValuePool(workload_.value_bytes)](std::uint64_t index, std::string& out) mutable {
      const std::string_view key = keys.key(index_below(mix(draw + index), count));
      if (set) {
        append_set(protocol, key, values.value(index), out);
      } else {
        append_get(protocol, key, out);
      }
    };
  };
  return work;
}

Result<PeerFigures> PeerSession::measure(const PeerOperation& operation, double rate) {
  const double warming_seconds = std::min(kWarmingSeconds, conditions_.seconds);
  const Result<Load::Outcome> warming = load_->run(work_for(operation, rate, warming_seconds));
  if (!warming.ok()) return explained(warming.status());

  const LoadTeam::Work work = work_for(operation, rate, conditions_.seconds);
  const std::uint64_t before_ns = process_processor_ns(server_->pid()).value_or(0);
  const Result<Load::Outcome> outcome = load_->run(work);
  const std::uint64_t after_ns = process_processor_ns(server_->pid()).value_or(0);
  if (!outcome.ok()) return explained(outcome.status());
  const Load::Outcome& done = outcome.value();
  if (done.missing > 0) {
    return explained(
        {StatusCode::kNotFound, fmt::format("{} of {} reads found no value", done.missing, done.latency_ns.count())});
  }
  const auto requests = static_cast<double>(done.latency_ns.count());
  PeerFigures figures;
  figures.per_second = requests / done.seconds;
  figures.server_us = us(after_ns - std::min(before_ns, after_ns)) / requests;
  figures.p50_us = us(done.latency_ns.percentile(50));
  figures.p99_us = us(done.latency_ns.percentile(99));
  figures.p999_us = us(done.latency_ns.percentile(99.9));
  figures.load_share = static_cast<double>(done.processor_ns) / 1e9 / (done.seconds * load_->threads());
  return figures;
}

}  // namespace kvstore::benchmarks
