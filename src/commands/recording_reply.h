// RecordingReply: for tests; keeps a reply as text that a person reads, and checks that there is exactly one.
//
//   nil  :1  "bulk"  +simple  =verbatim  [1, 2]  {"k": "v"}  ~[1]  -ERR text
//   set(k)  not_found(k)  deleted(1)  message(text)  arity(get)
//
// Thread rule: one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/text.h"
#include "protocol/reply_writer.h"

namespace kvstore::commands {

class RecordingReply final : public protocol::ReplyWriter {
 public:
  // What was written since the last call; empty when nothing was.
  [[nodiscard]] std::string take() {
    KV_ASSERT(open_.empty());  // an aggregate misses elements
    complete_ = 0;
    return std::exchange(text_, {});
  }

  void begin(base::OutputBuffer& /*output*/) override {}
  void end() override {}

  void null() override { value("nil"); }
  void null_array() override { value("nil"); }
  void integer(std::int64_t number) override { value(":" + std::to_string(number)); }
  void real(double number) override { value("," + base::format_double(number)); }
  void boolean(bool truth) override { value(truth ? "#t" : "#f"); }
  void simple(std::string_view text) override { value("+" + std::string(text)); }
  void bulk(std::string_view bytes) override { value("\"" + std::string(bytes) + "\""); }
  void bulk(base::SharedBytesRef block) override { bulk(block->view()); }
  void verbatim(std::string_view text) override { value("=" + std::string(text)); }
  void array(std::size_t elements) override { open("[", "]", elements, false); }
  void map(std::size_t pairs) override { open("{", "}", pairs * 2, true); }
  void map_as_resp(int version, std::size_t pairs) override {
    open("resp" + std::to_string(version) + "{", "}", pairs * 2, true);
  }
  void set(std::size_t elements) override { open("~[", "]", elements, false); }
  void error(std::string_view code, std::string_view text) override {
    value("-" + std::string(code) + " " + std::string(text));
  }
  using ReplyWriter::error;

  void message(std::string_view text) override { call("message", text); }
  void key_set(std::string_view key) override { call("set", key); }
  void key_not_found(std::string_view key) override { call("not_found", key); }
  void deleted(bool was_there) override { call("deleted", was_there ? "1" : "0"); }
  void unknown_command(protocol::Args args) override { call("unknown", args[0]); }
  void wrong_arity(std::string_view command) override { call("arity", command); }

 private:
  struct Aggregate {
    std::string end;
    std::size_t left;
    std::size_t written;
    bool pairs;
  };

  void call(std::string_view name, std::string_view argument) {
    value(std::string(name) + "(" + std::string(argument) + ")");
  }
  void value(const std::string& text) {
    separate();
    text_ += text;
    close_full();
  }
  void open(const std::string& begin, const std::string& end, std::size_t elements, bool pairs) {
    separate();
    text_ += begin;
    open_.push_back({end, elements, 0, pairs});
    if (elements == 0) close_full();
  }
  // Before a value: what stands between it and the one before.
  void separate() {
    if (open_.empty()) {
      KV_ASSERT(complete_ == 0);  // a second reply
      return;
    }
    Aggregate& aggregate = open_.back();
    if (aggregate.written > 0) text_ += aggregate.pairs && aggregate.written % 2 == 1 ? ": " : ", ";
    ++aggregate.written;
    --aggregate.left;
  }
  // After a value: ends every aggregate that it filled.
  void close_full() {
    while (!open_.empty() && open_.back().left == 0) {
      text_ += open_.back().end;
      open_.pop_back();
    }
    if (open_.empty()) ++complete_;
  }

  std::string text_;
  std::vector<Aggregate> open_;
  int complete_ = 0;
};

}  // namespace kvstore::commands
