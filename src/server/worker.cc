#include "server/worker.h"

#include <algorithm>

#include "protocol/json_line_parser.h"
#include "protocol/protocol_detector.h"
#include "protocol/resp_parser.h"

namespace kvstore::server {
namespace {

constexpr commands::Command kNoCommand{};  // stands in a batch for an answer that runs nothing

Session& session_of(net::Connection& connection) { return *static_cast<Session*>(connection.user_data); }

}  // namespace

Worker::Worker(const Shared& shared, bool maintains_store)
    : shared_(shared),
      maintains_store_(maintains_store),
      executor_(shared.engine, shared.control),
      now_us_(shared.clock.wall_us()),
      metrics_(shared.engine.table().all().size()) {
  limits_.line_bytes_max = shared.options.max_request_bytes;
}

Worker::~Worker() = default;

// --- connections --------------------------------------------------------------------------------------------------

void Worker::on_open(net::Connection& connection) {
  if (shared_.registry.size() >= shared_.options.max_clients) {
    metrics_.connections_rejected.add();
    connection.output().append("-ERR max number of clients reached\r\n");
    connection.close_after_send();
    return;
  }
  metrics_.connections_accepted.add();
  connection.user_data = new Session(connection, shared_.registry.next_id(), shared_.registry, shared_.clock.wall_us());
}

void Worker::on_close(net::Connection& connection) {
  if (connection.user_data == nullptr) return;
  Session& session = session_of(connection);
  if (session.pending_calls > 0) run_batch();  // what a client sent before it left still counts
  std::replace(touched_.begin(), touched_.end(), &session, static_cast<Session*>(nullptr));
  forget(session);
  connection.user_data = nullptr;
  delete &session;
}

void Worker::on_receive_end(net::Connection& connection) {
  if (connection.user_data == nullptr) return;
  session_of(connection).peer_finished = true;
  touch(session_of(connection));
}

void Worker::on_drained(net::Connection& connection) {
  if (connection.user_data == nullptr) return;
  Session& session = session_of(connection);
  account_memory(session);
  if (session.throttled && session.waiter() == nullptr) resumed_.push_back(&session);
}

// --- input --------------------------------------------------------------------------------------------------------

void Worker::on_receive(net::Connection& connection, std::string_view bytes) {
  if (connection.user_data == nullptr) return;
  Session& session = session_of(connection);
  if (session.closing()) return;
  metrics_.input_bytes.add(bytes.size());
  touch(session);
  if (!session.decided()) decide_protocol(session, bytes);
  if (session.closing()) return;

  if (session.throttled || !session.input().empty()) {
    if (session.pending_calls > 0) run_batch();  // invariant 1: the input is about to move
    keep_input(session, bytes);
    if (!session.throttled) parse_kept_input(session);
    return;
  }
  const std::size_t used = parse(session, bytes);
  if (used < bytes.size() && !session.closing()) keep_input(session, bytes.substr(used));
}

void Worker::decide_protocol(Session& session, std::string_view first_bytes) {
  switch (protocol::detect_protocol(first_bytes)) {
    case protocol::WireProtocol::kTls:  // no certificate is configured, and a TLS client cannot read our words
      session.close_after_reply();
      return;
    case protocol::WireProtocol::kResp:
      session.decide(commands::Protocol::kResp2, std::make_unique<protocol::RespParser>(limits_));
      break;
    case protocol::WireProtocol::kJsonLines:
      session.decide(commands::Protocol::kJson, std::make_unique<protocol::JsonLineParser>(limits_));
      break;
  }
  if (shared_.options.protected_mode && !session.connection().peer_is_loopback()) {
    refuse(session, "DENIED",
           "kvstore is running in protected mode: it answers only clients on its own machine, because no password is "
           "set. To let others in, start it with --protected-mode no, on a network you trust.");
  }
}

void Worker::refuse(Session& session, std::string_view code, std::string_view text) {
  protocol::ReplyWriter& writer = writer_of(session);
  writer.begin(session.connection().output());
  writer.error(code, text);
  writer.end();
  session.close_after_reply();
}

std::size_t Worker::parse(Session& session, std::string_view input) {
  std::size_t used = 0;
  while (used < input.size() && !session.closing()) {
    if (batch_size_ == kBatchCallsMax) {
      run_batch();
      if (session.connection().unsent_bytes() > kOutputHighWaterBytes) {
        throttle(session);
        break;
      }
      if (session.closing()) break;
    }
    if (!log_has_room()) {
      throttle(session);
      if (std::find(stalled_.begin(), stalled_.end(), &session) == stalled_.end()) stalled_.push_back(&session);
      break;
    }
    const std::size_t first_word = words_.size();
    const protocol::ParseResult result = session.parser().parse(input.substr(used), words_, scratch_);
    used += result.consumed;
    switch (result.status) {
      case protocol::ParseStatus::kRequest:
        if (add_request(session, first_word)) break;
        // What follows is for the time after the answer.
        run_batch();
        if (session.waiter() == nullptr) break;
        throttle(session);
        blocked_.push_back(&session);
        return used;
      case protocol::ParseStatus::kNothing:
        break;
      case protocol::ParseStatus::kIncomplete:
        return used;
      case protocol::ParseStatus::kError:
        add_answer(session, Answer::kProtocolError, session.parser().error());
        return input.size();
      case protocol::ParseStatus::kClose:
        add_answer(session, Answer::kClose, {});
        return input.size();
    }
  }
  return used;
}

bool Worker::add_request(Session& session, std::size_t first_word) {
  const commands::Command* command = shared_.engine.table().find(words_[first_word]);
  Answer answer = Answer::kRun;
  if (command == nullptr) {
    command = &kNoCommand;
    answer = Answer::kUnknownCommand;
  } else if (!command->accepts(words_.size() - first_word)) {
    answer = Answer::kWrongArity;
  }
  Request& request = add(session, answer, *command, first_word);
  if (answer == Answer::kRun) executor_.prepare(request.call);
  if (batch_size_ > kBucketHeadStart) prefetch(batch_size_ - 1 - kBucketHeadStart);
  return (command->flags & commands::kMayWait) == 0;
}

void Worker::add_answer(Session& session, Answer answer, std::string error) {
  add(session, answer, kNoCommand, words_.size()).error = errors_.size();
  if (!error.empty()) errors_.push_back(std::move(error));
}

Worker::Request& Worker::add(Session& session, Answer answer, const commands::Command& command,
                             std::size_t first_word) {
  Request& request = batch_[batch_size_++];
  request.call.command = &command;
  request.call.args = protocol::Args(words_).subspan(first_word);
  request.call.client = &session;
  request.call.output = &session.connection().output();
  request.call.first_key = {};
  request.call.wait_lsn = 0;
  request.session = &session;
  request.answer = answer;
  request.first_word = first_word;
  ++session.pending_calls;
  return request;
}

void Worker::parse_kept_input(Session& session) { session.input().consume(parse(session, session.input().view())); }

void Worker::keep_input(Session& session, std::string_view bytes) {
  session.input().append(bytes);
  account_memory(session);
  if (!over_budget(session)) return;
  metrics_.client_memory_refusals.add();
  if (session.pending_calls > 0) run_batch();
  refuse(session, "ERR", "the memory for client requests is used up (see --max-client-memory-bytes)");
  session.input().clear();
  account_memory(session);
}

// --- the turn -----------------------------------------------------------------------------------------------------

void Worker::on_turn() {
  now_us_ = shared_.clock.wall_us();
  metrics_.turns.add();
  release_parked();
  answer_waiters();
  // Sessions whose replies were read go on where they stopped; parsing may throttle them again.
  std::vector<Session*> resumed;
  resumed.swap(resumed_);
  for (Session* session : resumed) {
    if (session->closing() || !session->throttled || session->waiter() != nullptr) continue;
    session->throttled = false;
    touch(*session);
    parse_kept_input(*session);
    if (!session->throttled) session->connection().resume_receive();
  }
  run_batch();
  // After the batch: what ran in it may have been the first to find the log.
  if (log_ == nullptr && shared_.engine.log() != nullptr) attach_log();
  if (commits_) commits_->advance(releases_left_);
  for (Session* session : touched_) {
    if (session != nullptr) settle(*session);
  }
  touched_.clear();
  count_waiting();
}

void Worker::run_batch() {
  if (batch_size_ == 0) return;
  for (std::size_t i = batch_size_ - std::min(batch_size_, kBucketHeadStart); i < batch_size_; ++i) prefetch(i);
  for (std::size_t i = 0; i < batch_size_; ++i) {
    Session& session = *batch_[i].session;
    --session.pending_calls;
    if (!session.closing()) answer(batch_[i]);
  }
  const commands::Lookups lookups = executor_.take_lookups();
  metrics_.keyspace_hits.add(lookups.hits);
  metrics_.keyspace_misses.add(lookups.misses);
  batch_size_ = 0;
  words_.clear();
  errors_.clear();
  scratch_.reset();
}

void Worker::answer(Request& request) {
  Session& session = *request.session;
  engine::Call& call = request.call;
  call.args = {words_.data() + request.first_word, call.args.size()};
  const std::size_t before = call.output->size();
  protocol::ReplyWriter& writer = writer_of(session);
  switch (request.answer) {
    case Answer::kRun:
      if (shared_.loading.load(std::memory_order_relaxed) && (call.command->flags & commands::kLoading) == 0) {
        writer.begin(*call.output);
        writer.error("LOADING", "kvstore is loading the dataset in memory");
        writer.end();
        break;
      }
      call.reply = &writer;
      session.note_command(*call.command, now_us_);
      metrics_.commands_processed.add();
      metrics_.calls[shared_.engine.table().index_of(*call.command)].add();
      executor_.run(call, now_us_);
      session.wait_lsn = std::max(session.wait_lsn, call.wait_lsn);
      break;
    case Answer::kUnknownCommand:
      writer.begin(*call.output);
      writer.unknown_command(call.args);
      writer.end();
      break;
    case Answer::kWrongArity:
      writer.begin(*call.output);
      writer.wrong_arity(call.command->name);
      writer.end();
      break;
    case Answer::kProtocolError: {
      metrics_.protocol_errors.add();
      const std::string_view error = errors_[request.error];
      const std::size_t space = error.find(' ');
      refuse(session, error.substr(0, space), error.substr(space + 1));
      break;
    }
    case Answer::kClose:
      session.close_after_reply();
      break;
  }
  const std::size_t written = call.output->size() - before;
  metrics_.output_bytes.add(written);
  // A batch of large replies must not exceed the budget before anything is sent.
  if (written > kGuaranteedSessionBytes) drop_if_over_budget(session);
}

void Worker::touch(Session& session) {
  if (session.touched) return;
  session.touched = true;
  touched_.push_back(&session);
}

void Worker::throttle(Session& session) {
  session.throttled = true;
  session.connection().pause_receive();
}

void Worker::settle(Session& session) {
  session.touched = false;
  net::Connection& connection = session.connection();
  session.input().shrink();
  if (log_ != nullptr) park(session);
  if (!connection.output().empty()) connection.mark_dirty();
  if (session.closing() || (session.peer_finished && !session.throttled)) {
    account_memory(session);
    connection.close_after_send();
  } else if (drop_if_over_budget(session)) {
    return;
  } else if (!session.throttled && connection.unsent_bytes() > kOutputHighWaterBytes) {
    throttle(session);
  }
}

void Worker::account_memory(Session& session) {
  const std::int64_t change = session.measure_memory();
  if (change != 0) shared_.registry.add_memory(change);
}

// Its replies are what fills the budget, so it cannot be told.
bool Worker::drop_if_over_budget(Session& session) {
  account_memory(session);
  if (!over_budget(session)) return false;
  metrics_.client_memory_refusals.add();
  session.close_after_reply();
  session.connection().output().clear();
  session.connection().close();
  account_memory(session);
  return true;
}

bool Worker::over_budget(const Session& session) const {
  return session.memory_bytes() > kGuaranteedSessionBytes &&
         shared_.registry.memory_bytes() > static_cast<std::int64_t>(shared_.options.max_client_memory_bytes);
}

protocol::ReplyWriter& Worker::writer_of(const Session& session) {
  switch (session.protocol()) {
    case commands::Protocol::kResp2:
      return resp2_;
    case commands::Protocol::kResp3:
      return resp3_;
    case commands::Protocol::kJson:
      break;
  }
  return json_;
}

void Worker::on_tick() {
  if (!maintains_store_) return;
  // A tenth of the time at most: slices until a hundredth of a second is used or nothing is left to do.
  constexpr std::int64_t kSliceUs = 10'000;
  const std::int64_t end_us = shared_.clock.monotonic_us() + kSliceUs;
  while (shared_.engine.keyspace().maintain() && shared_.clock.monotonic_us() < end_us) {
  }
}

}  // namespace kvstore::server
