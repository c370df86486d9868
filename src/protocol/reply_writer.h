// ReplyWriter: a command says what it answers; RESP2, RESP3 and JSON-line writers turn that into bytes.
//
// A command writes exactly one reply: one call, or an aggregate header followed by exactly the elements it announced.
//
// Thread rule: one per worker and protocol; begin() and end() stand around each command's reply. Between them the
// engine holds shard locks, so a writer only copies small values there; end() is called without locks and does what may
// take long (turning large values into JSON).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/output_buffer.h"
#include "base/shared_bytes.h"
#include "protocol/request.h"

namespace kvstore::protocol {

class ReplyWriter {
 public:
  // A reply that would grow beyond this is replaced by one error.
  static constexpr std::size_t kReplyBytesMax = std::size_t{1} << 30;

  virtual ~ReplyWriter() = default;

  virtual void begin(base::OutputBuffer& output) = 0;
  virtual void end() = 0;

  // --- neutral values --------------------------------------------------------------------------------------------
  virtual void null() = 0;        // no value: RESP2 "$-1"
  virtual void null_array() = 0;  // RESP2 "*-1"; like null() elsewhere
  virtual void integer(std::int64_t value) = 0;
  virtual void real(double value) = 0;
  virtual void boolean(bool value) = 0;  // RESP2: 1 or 0
  virtual void simple(std::string_view text) = 0;
  virtual void bulk(std::string_view bytes) = 0;
  // A large value: referenced, not copied, where the protocol allows it.
  virtual void bulk(base::SharedBytesRef block) = 0;
  // A part of a large value. A writer that can reference the part overrides this one, which copies.
  virtual void bulk_slice(base::SharedBytesRef block, std::size_t offset, std::size_t length) {
    bulk(block->view().substr(offset, length));
  }
  virtual void verbatim(std::string_view text) = 0;  // text for people: RESP3 "=txt:", RESP2 bulk, JSON string
  virtual void array(std::size_t elements) = 0;
  virtual void map(std::size_t pairs) = 0;  // RESP2: an array of twice as many
  // HELLO's reply: a map in the spelling of the RESP version the connection switches to, not of the one it leaves.
  virtual void map_as_resp(int /*version*/, std::size_t pairs) { map(pairs); }
  virtual void set(std::size_t elements) = 0;
  // `code` without '-', e.g. "ERR"; `text` as Redis words it, without the code.
  virtual void error(std::string_view code, std::string_view text) = 0;

  // --- replies whose JSON form the line protocol fixes --------------------------------------------------------------
  void ok() { simple("OK"); }
  virtual void message(std::string_view text) = 0;         // RESP "+text"; JSON "message": text
  virtual void key_set(std::string_view key) = 0;          // RESP "+OK"; JSON "Key '...' set"
  virtual void key_not_found(std::string_view key) = 0;    // RESP null; JSON error "Key '...' not found"
  virtual void deleted(bool was_there) = 0;                // RESP :1 / :0; JSON bare status
  virtual void unknown_command(Args args) = 0;             // RESP names it and its arguments; JSON "Unknown command"
  virtual void wrong_arity(std::string_view command) = 0;  // `command` in lower case, "config|get" for subcommands

  void error(std::string_view text) { error("ERR", text); }
};

}  // namespace kvstore::protocol
