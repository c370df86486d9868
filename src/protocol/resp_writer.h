// Resp2Writer and Resp3Writer: replies as the Redis protocol spells them, straight into the connection's output.
//
// Thread rule: one thread at a time (the connection's worker).
// Invariants:
//   1. Between begin() and end() the output grows by this reply only; start_ is where it began.
//   2. A reply that would pass kReplyBytesMax is dropped at once, and end() puts one error in its place.
//   3. No text of a command or client can end an error or status line early: CR and LF become spaces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "protocol/reply_writer.h"

namespace kvstore::protocol {

// What RESP2 and RESP3 share.
class RespWriter : public ReplyWriter {
 public:
  void begin(base::OutputBuffer& output) override;
  void end() override;

  void integer(std::int64_t value) override { header(':', value); }
  void simple(std::string_view text) override { line("+", text); }
  void bulk(std::string_view bytes) override;
  void bulk(base::SharedBytesRef block) override {
    const std::size_t length = block->size();
    bulk_slice(std::move(block), 0, length);
  }
  void bulk_slice(base::SharedBytesRef block, std::size_t offset, std::size_t length) override;
  void array(std::size_t elements) override { header('*', static_cast<std::int64_t>(elements)); }
  void map_as_resp(int version, std::size_t pairs) override {
    header(version == 3 ? '%' : '*', static_cast<std::int64_t>(version == 3 ? pairs : pairs * 2));
  }
  using ReplyWriter::error;
  void error(std::string_view code, std::string_view text) override;

  void message(std::string_view text) override { simple(text); }
  void key_set(std::string_view key) override;
  void key_not_found(std::string_view key) override;
  void deleted(bool was_there) override { header(':', was_there ? 1 : 0); }
  void unknown_command(Args args) override;
  void wrong_arity(std::string_view command) override;

 protected:
  void put(std::string_view bytes);
  void header(char type, std::int64_t number);  // "<type><number>\r\n"

 private:
  // Room for `bytes` more of this reply, or null when that is over the limit.
  char* room(std::size_t bytes);
  void commit(std::size_t bytes);
  bool fits(std::size_t bytes);
  void overflow();
  void copy(std::string_view bytes);  // put(), for texts known when it is compiled
  void line(std::string_view start, std::string_view text);

  base::OutputBuffer* output_ = nullptr;
  std::size_t start_ = 0;
  std::size_t written_ = 0;
  bool overflowed_ = false;
};

class Resp2Writer final : public RespWriter {
 public:
  void null() override { put("$-1\r\n"); }
  void null_array() override { put("*-1\r\n"); }
  void real(double value) override;
  void boolean(bool value) override { integer(value ? 1 : 0); }
  void verbatim(std::string_view text) override { bulk(text); }
  void map(std::size_t pairs) override { array(pairs * 2); }
  void set(std::size_t elements) override { array(elements); }
};

class Resp3Writer final : public RespWriter {
 public:
  void null() override { put("_\r\n"); }
  void null_array() override { put("_\r\n"); }
  void real(double value) override;
  void boolean(bool value) override { put(value ? "#t\r\n" : "#f\r\n"); }
  void verbatim(std::string_view text) override;
  void map(std::size_t pairs) override { header('%', static_cast<std::int64_t>(pairs)); }
  void set(std::size_t elements) override { header('~', static_cast<std::int64_t>(elements)); }
};

}  // namespace kvstore::protocol
