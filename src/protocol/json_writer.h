// JsonLineWriter: replies as the JSON-line protocol spells them, one object a line (docs/protocols.md).
//
// Values are typed on the way out: exactly one JSON text is embedded as it is, other UTF-8 becomes a JSON string, the
// rest base64. A large value (a SharedBytesRef) is only remembered under the lock; what follows it goes to staged_, and
// end() puts both together. A large value that needs no change is sent from its own block, without a copy.
//
// Inside arrays and maps, where there is no member name to change, bytes that are not UTF-8 are {"base64": "..."}.
// Map keys are always strings.
//
// Thread rule: one thread at a time (the connection's worker).
// Invariants:
//   1. levels_ holds the aggregates that still miss elements, outermost first; it is empty at end().
//   2. out_ is the connection's output until the first remembered value, then &staged_ until end().
//   3. A reply that would pass kReplyBytesMax is dropped at once, and end() puts one error in its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/json_validator.h"
#include "protocol/reply_writer.h"

namespace kvstore::protocol {

class JsonLineWriter final : public ReplyWriter {
 public:
  void begin(base::OutputBuffer& output) override;
  void end() override;

  void null() override { literal("null"); }
  void null_array() override { literal("null"); }
  void integer(std::int64_t value) override;
  void real(double value) override;
  void boolean(bool value) override { literal(value ? "true" : "false"); }
  void simple(std::string_view text) override;
  void bulk(std::string_view bytes) override;
  void bulk(base::SharedBytesRef block) override {
    const std::size_t length = block->size();
    bulk_slice(std::move(block), 0, length);
  }
  void bulk_slice(base::SharedBytesRef block, std::size_t offset, std::size_t length) override;
  void verbatim(std::string_view text) override { text_value(text); }
  void array(std::size_t elements) override { open('[', elements); }
  void map(std::size_t pairs) override { open('{', pairs * 2); }
  void set(std::size_t elements) override { open('[', elements); }
  using ReplyWriter::error;
  void error(std::string_view code, std::string_view text) override;

  void message(std::string_view text) override;
  void key_set(std::string_view key) override;
  void key_not_found(std::string_view key) override;
  void deleted(bool was_there) override;
  void unknown_command(Args args) override;
  void wrong_arity(std::string_view command) override;

 private:
  // Where a value stands; decides what is written around it.
  enum class Place : std::uint8_t { kTop, kElement, kKey };
  struct Level {
    char opening;  // '[' or '{'
    bool first;
    std::size_t left;  // elements to come; a map's keys and values both count
  };
  struct Remembered {
    std::size_t offset;  // in staged_: what stands in front of the value
    Place place;
    std::string_view bytes;  // of the block
    base::SharedBytesRef block;
  };

  Place separate();                 // writes what stands between the last value and the next one
  void finish_value(Place place);   // behind a value
  void finish_object(Place place);  // behind an object with a status of its own
  void close_levels();
  void open(char opening, std::size_t elements);
  void literal(std::string_view text);     // null, true, a number
  void text_value(std::string_view text);  // always a JSON string
  void typed_value(std::string_view bytes, Place place, const base::SharedBytesRef& block);
  void key_message(std::string_view opening, std::string_view key, std::string_view closing);
  void splice();

  void put(std::string_view bytes);
  void put_unchanged(std::string_view bytes, const base::SharedBytesRef& block);
  void put_json(std::string_view text, const base::SharedBytesRef& block);
  void put_string(std::string_view text, const base::SharedBytesRef& block);  // `text` is UTF-8
  void put_any_string(std::string_view text);
  void put_escaped(std::string_view text);  // of any bytes, without the quotes
  void put_base64(std::string_view bytes);
  // Calls write(out) to fill exactly `bytes` bytes, unless they do not fit.
  template <typename Write>
  void put_exactly(std::size_t bytes, Write write);
  [[nodiscard]] bool fits(std::size_t bytes);

  base::OutputBuffer* output_ = nullptr;
  base::OutputBuffer* out_ = nullptr;
  std::size_t start_ = 0;
  std::size_t written_ = 0;
  bool overflowed_ = false;
  std::vector<Level> levels_;
  std::vector<Remembered> remembered_;
  base::OutputBuffer staged_;
  JsonValidator validator_;
};

}  // namespace kvstore::protocol
