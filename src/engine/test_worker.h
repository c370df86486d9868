// What the engine's tests need around an Executor: a client, a server, a reply writer, and a worker that holds them.
//
// Thread rule: one Worker a thread.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/fake_persistence.h"
#include "engine/engine.h"

namespace kvstore::engine {

class FakeClient : public commands::Client {
 public:
  std::uint64_t id() const override { return 1; }
  commands::Protocol protocol() const override { return commands::Protocol::kResp2; }
  int database() const override { return db_; }
  std::string name() const override { return {}; }
  std::string info_line() const override { return {}; }
  void select(int db) override { db_ = db; }
  void switch_protocol(commands::Protocol) override {}
  void set_name(std::string_view) override {}
  void set_library_name(std::string_view) override {}
  void set_library_version(std::string_view) override {}
  void close_after_reply() override {}
  void wait_for(std::unique_ptr<commands::Waiter> waiter) override { waiter_ = std::move(waiter); }
  void reset() override {}

 private:
  int db_ = 0;
  std::unique_ptr<commands::Waiter> waiter_;
};

class FakeServer : public commands::ServerControl {
 public:
  std::string info_section(std::string_view) const override { return {}; }
  std::vector<std::string_view> info_sections() const override { return {}; }
  std::vector<std::pair<std::string, std::string>> config() const override { return {}; }
  void reset_statistics() override {}
  std::string client_list() const override { return {}; }
  std::string version() const override { return {}; }
  void request_shutdown() override {}
  std::uint64_t begin_shutdown() override {
    ++shutdowns_waiting_;
    return aborted_;
  }
  void end_shutdown() override { --shutdowns_waiting_; }
  bool abort_shutdowns() override {
    if (shutdowns_waiting_ == 0) return false;
    ++aborted_;
    return true;
  }
  std::uint64_t shutdowns_aborted() const override { return aborted_; }
  commands::Persistence& persistence() override { return persistence_; }

 private:
  int shutdowns_waiting_ = 0;
  std::uint64_t aborted_ = 0;
  commands::FakePersistence persistence_;
};

// Writes every value as its bytes and a line end. Takes and gives back `must_be_free` at begin() and end(): that hangs
// if the engine holds this shard then.
class FakeReply : public protocol::ReplyWriter {
 public:
  explicit FakeReply(store::Keyspace& keyspace) : keyspace_(keyspace) {}
  void begin(base::OutputBuffer& output) override {
    output_ = &output;
    ++begun;
    check_free();
  }
  void end() override {
    ++ended;
    check_free();
  }
  void null() override { line("(null)"); }
  void null_array() override { line("(null)"); }
  void integer(std::int64_t value) override { line(std::to_string(value)); }
  void real(double value) override { line(std::to_string(value)); }
  void boolean(bool value) override { line(value ? "true" : "false"); }
  void simple(std::string_view text) override { line(text); }
  void bulk(std::string_view bytes) override { line(bytes); }
  void bulk(base::SharedBytesRef block) override { line(block->view()); }
  void verbatim(std::string_view text) override { line(text); }
  void array(std::size_t) override {}
  void map(std::size_t) override {}
  void set(std::size_t) override {}
  using ReplyWriter::error;
  void error(std::string_view code, std::string_view text) override {
    line(std::string(code) + " " + std::string(text));
  }
  void message(std::string_view text) override { line(text); }
  void key_set(std::string_view) override { line("OK"); }
  void key_not_found(std::string_view) override { line("(null)"); }
  void deleted(bool was_there) override { integer(was_there ? 1 : 0); }
  void unknown_command(protocol::Args) override { line("unknown"); }
  void wrong_arity(std::string_view) override { line("arity"); }

  int begun = 0;
  int ended = 0;
  std::vector<unsigned> must_be_free;

 private:
  void line(std::string_view text) {
    output_->append(text);
    output_->append('\n');
  }
  void check_free() {
    for (unsigned shard : must_be_free) {
      keyspace_.lock(shard);
      keyspace_.unlock(shard);
    }
  }

  store::Keyspace& keyspace_;
  base::OutputBuffer* output_ = nullptr;
};

inline commands::Command row(commands::Handler handler, commands::KeySpec keys, std::uint32_t flags) {
  commands::Command command;
  command.name = "test";
  command.arity = -1;
  command.flags = flags;
  command.keys = keys;
  command.handler = handler;
  return command;
}

// A worker: an executor with the client, reply and output it needs.
class Worker {
 public:
  FakeClient client;
  FakeReply reply;

  explicit Worker(Engine& engine) : reply(engine.keyspace()), executor_(engine, server_) {}

  // Prepares and runs one call; returns what it replied.
  std::string run(const commands::Command& command, std::vector<std::string_view> words) {
    Call call = this->call(command, words);
    executor_.prepare(call);
    executor_.prefetch(call);
    executor_.run(call, 0);
    return take_output();
  }
  Call call(const commands::Command& command, const std::vector<std::string_view>& words) {
    Call call;
    call.command = &command;
    call.args = words;
    call.client = &client;
    call.reply = &reply;
    call.output = &output_;
    return call;
  }
  Executor& executor() { return executor_; }
  std::string take_output() {
    std::string text;
    while (!output_.empty()) {
      iovec piece;
      EXPECT_EQ(output_.fill(&piece, 1), 1);
      text.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
      output_.consume(piece.iov_len);
    }
    return text;
  }

 private:
  FakeServer server_;
  Executor executor_;
  base::OutputBuffer output_;
};

}  // namespace kvstore::engine
