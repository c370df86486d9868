// DurabilityClients: the writing threads and the reading back (see durability_clients.h).
#include "durability_clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>

#include "machine.h"
#include "progress.h"
#include "workload.h"

namespace kvstore::benchmarks {
namespace {

constexpr std::size_t kPaddingMax = 20'000;

// The value inside {"status": "OK", "value": "..."}. Ours need no decoding; anything else comes back as it is, which
// is no value that was sent.
std::string_view value_of(std::string_view line) {
  constexpr std::string_view kBefore = R"({"status": "OK", "value": ")";
  constexpr std::string_view kAfter = R"("})";
  if (line.size() < kBefore.size() + kAfter.size() || line.substr(0, kBefore.size()) != kBefore ||
      line.substr(line.size() - kAfter.size()) != kAfter) {
    return line;
  }
  return line.substr(kBefore.size(), line.size() - kBefore.size() - kAfter.size());
}

}  // namespace

DurabilityClients::DurabilityClients(const Options& options)
    : options_(options), clients_(options.clients), padding_(kPaddingMax) {
  // Two writes a key on average, so that overwriting is tested as much as creating.
  const std::uint64_t keys_per_client = std::max<std::uint64_t>(options.writes / options.clients / 2, 1);
  for (std::size_t client = 0; client < clients_.size(); ++client) {
    for (std::uint64_t key = 0; key < keys_per_client; ++key) {
      clients_[client].keys.push_back({fmt::format("bench:{}:{}", client, key), {}});
    }
  }
}

std::string DurabilityClients::make_value(std::size_t client, std::uint64_t write) const {
  std::string value = fmt::format("test{}-client{}-write{}-", options_.test, client, write);
  // Mostly short, now and then longer than a page: records of all alignments, and some that cross pages.
  const std::uint64_t random = mix(mix(options_.test) + write);
  const std::uint64_t padding = random % 32 == 0 ? 4'000 + (random >> 8) % (kPaddingMax - 4'000) : (random >> 8) % 300;
  value += padding_.value(write).substr(0, padding);
  return value;
}

DurabilityClients::Key* DurabilityClients::send_next(std::size_t number, TcpClient& client, Status& status) {
  const std::uint64_t write = next_write_.fetch_add(1, std::memory_order_relaxed);
  if (write >= options_.writes) return nullptr;
  std::vector<Key>& keys = clients_[number].keys;
  Key& key = keys[mix(write) % keys.size()];
  const std::string value = make_value(number, write);
  std::string request;
  append_set(Protocol::kJson, key.name, value, request);
  key.history.sent(value);
  status = client.send(request);
  return &key;
}

void DurabilityClients::run_client(std::size_t number, ServerProcess& server) {
  Status& status = clients_[number].status;
  Result<TcpClient> client = TcpClient::connect("127.0.0.1", server.port(), Protocol::kJson);
  if (!client.ok()) {
    if (!killed_.load(std::memory_order_acquire)) status = client.status();
    return;
  }
  Key* waiting = send_next(number, *client, status);
  while (waiting != nullptr && status.ok()) {
    const Result<Reply> reply = client->receive();
    status = reply.status();
    if (!status.ok()) break;
    if (reply.value().kind != ReplyKind::kOk) {
      status = Status(StatusCode::kInvalidArgument, fmt::format("the server refused a write: {}", reply.value().text));
      return;
    }
    waiting->history.acknowledged();
    const std::uint64_t acknowledged = acknowledged_.fetch_add(1, std::memory_order_relaxed) + 1;
    // Nothing new goes to a server that is known to be dead: the write would count as sent and never arrive.
    if (killed_.load(std::memory_order_acquire)) break;
    waiting = send_next(number, *client, status);  // also before the kill, so that it meets a write on its way
    if (acknowledged == options_.kill_after) {
      killed_.store(true, std::memory_order_release);
      server.signal_kill();
    }
  }
  if (killed_.load(std::memory_order_acquire)) status = {};  // the connection broke because we broke it
}

Result<DurabilityClients::Sent> DurabilityClients::send_and_kill(ServerProcess& server) {
  Step step("Sending writes", options_.kill_after);
  began_ns_ = now_ns();
  running_.store(options_.clients, std::memory_order_relaxed);
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < clients_.size(); ++number) {
    threads.emplace_back([this, number, &server] {
      run_client(number, server);
      running_.fetch_sub(1, std::memory_order_relaxed);
    });
  }
  while (running_.load(std::memory_order_relaxed) > 0) {
    step.advance_to(acknowledged_.load(std::memory_order_relaxed));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (std::thread& thread : threads) thread.join();
  Sent sent;
  sent.seconds = static_cast<double>(now_ns() - began_ns_) / 1e9;
  sent.acknowledged = acknowledged_.load(std::memory_order_relaxed);
  sent.acknowledged_at_kill = options_.kill_after;
  server.kill();
  for (const Client& client : clients_) {
    if (client.status.ok()) continue;
    step.finish("Failed");
    return client.status;
  }
  step.finish(fmt::format("[KILL] Done ({:.3f}s)", sent.seconds));
  return sent;
}

Status DurabilityClients::read_back(TcpClient& client, const Visit& visit) const {
  constexpr std::size_t kPipeline = 256;
  std::vector<const Key*> keys;
  for (const Client& writer : clients_) {
    for (const Key& key : writer.keys) keys.push_back(&key);
  }
  for (std::size_t first = 0; first < keys.size(); first += kPipeline) {
    const std::size_t end = std::min(first + kPipeline, keys.size());
    std::string requests;
    for (std::size_t i = first; i < end; ++i) append_get(Protocol::kJson, keys[i]->name, requests);
    const Status sent = client.send(requests);
    if (!sent.ok()) return sent;
    for (std::size_t i = first; i < end; ++i) {
      const Result<Reply> reply = client.receive();
      if (!reply.ok()) return reply.status();
      if (reply.value().kind == ReplyKind::kError) {
        return {StatusCode::kIoError, fmt::format("the server answered: {}", reply.value().text)};
      }
      const bool there = reply.value().kind == ReplyKind::kOk;
      visit(keys[i]->history, there ? std::optional(value_of(reply.value().text)) : std::nullopt);
    }
  }
  return {};
}

Result<std::uint64_t> key_count(TcpClient& client) {
  const Result<Reply> reply = client.call("DBSIZE");
  if (!reply.ok()) return reply.status();
  constexpr std::string_view kBefore = R"({"status": "OK", "value": )";
  const std::string_view line = reply.value().text;
  std::uint64_t count = 0;
  if (line.substr(0, kBefore.size()) != kBefore ||
      std::from_chars(line.data() + kBefore.size(), line.data() + line.size(), count).ec != std::errc()) {
    return Status(StatusCode::kIoError, fmt::format("the server answered DBSIZE with: {}", line));
  }
  return count;
}

}  // namespace kvstore::benchmarks
