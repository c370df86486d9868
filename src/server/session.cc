#include "server/session.h"

#include <fmt/format.h>

#include "server/client_registry.h"

namespace kvstore::server {

Session::Session(net::Connection& connection, std::uint64_t id, ClientRegistry& registry, std::int64_t now_us)
    : connection_(connection),
      registry_(registry),
      id_(id),
      fd_(connection.fd()),
      opened_us_(now_us),
      last_active_us_(now_us) {
  registry_.add(*this);
}

Session::~Session() {
  registry_.remove(*this);
  registry_.add_memory(-static_cast<std::int64_t>(memory_bytes()));
}

void Session::decide(commands::Protocol protocol, std::unique_ptr<protocol::RequestParser> parser) {
  switch_protocol(protocol);
  parser_ = std::move(parser);
}

std::int64_t Session::measure_memory() {
  // In coarse steps, so that the shared sum is left alone while a connection's buffers stay small.
  constexpr std::size_t kStepBytes = 16 * 1024;
  const std::size_t unsent = connection_.unsent_bytes();
  const std::size_t before = memory_bytes();
  const std::size_t now = (input_.capacity() + unsent) / kStepBytes * kStepBytes;
  memory_bytes_.store(now, std::memory_order_relaxed);
  input_bytes_.store(input_.view().size(), std::memory_order_relaxed);
  input_capacity_.store(input_.capacity(), std::memory_order_relaxed);
  unsent_bytes_.store(unsent, std::memory_order_relaxed);
  return static_cast<std::int64_t>(now) - static_cast<std::int64_t>(before);
}

std::string Session::name() const {
  base::MutexLock lock(registry_.mutex());
  return name_;
}

void Session::set_name(std::string_view name) {
  base::MutexLock lock(registry_.mutex());
  name_ = name;
}

void Session::set_library_name(std::string_view name) {
  base::MutexLock lock(registry_.mutex());
  library_name_ = name;
}

void Session::set_library_version(std::string_view version) {
  base::MutexLock lock(registry_.mutex());
  library_version_ = version;
}

void Session::reset() {
  set_name("");
  select(0);
  if (protocol() == commands::Protocol::kResp3) switch_protocol(commands::Protocol::kResp2);
}

std::string Session::info_line() const { return registry_.describe(*this); }

std::string Session::describe(std::int64_t now_us) const {
  const commands::Command* last = last_command_.load(std::memory_order_relaxed);
  const commands::Protocol spoken = protocol();
  const std::size_t input = input_bytes_.load(std::memory_order_relaxed);
  const std::size_t capacity = input_capacity_.load(std::memory_order_relaxed);  // of another moment than `input`
  // Every field of Redis 7.0, because clients look for them by name; what we do not have is 0.
  return fmt::format(
      "id={} addr={} laddr={} fd={} name={} age={} idle={} flags=N db={} sub=0 psub=0 ssub=0 multi=-1 qbuf={} "
      "qbuf-free={} argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem={} tot-mem={} events=r cmd={} user=default "
      "redir=-1 resp={} lib-name={} lib-ver={}",
      id_, connection_.peer_address(), connection_.local_address(), fd_, name_, (now_us - opened_us_) / 1'000'000,
      (now_us - last_active_us_.load(std::memory_order_relaxed)) / 1'000'000, database(), input,
      capacity > input ? capacity - input : 0, unsent_bytes_.load(std::memory_order_relaxed), memory_bytes(),
      last == nullptr ? std::string_view("NULL") : last->name,
      spoken == commands::Protocol::kJson ? std::string("json") : std::to_string(static_cast<int>(spoken)),
      library_name_, library_version_);
}

}  // namespace kvstore::server
