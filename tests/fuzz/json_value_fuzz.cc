// JsonLineWriter: any stored bytes make one line of valid JSON, the same for a small value and a large one; what
// simdjson takes for JSON is embedded; text survives the way out and back in.
#include <simdjson.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "protocol/json_text.h"
#include "protocol/json_writer.h"

namespace {

using kvstore::protocol::JsonLineWriter;

template <typename Value>
std::string line_of(JsonLineWriter& writer, Value value) {
  kvstore::base::OutputBuffer output;
  writer.begin(output);
  writer.bulk(value);
  writer.end();
  iovec pieces[8];
  const int count = output.fill(pieces, 8);
  std::string line;
  for (int i = 0; i < count; ++i) line.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static JsonLineWriter writer;
  static simdjson::dom::parser simd;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);

  const std::string line = line_of(writer, bytes);
  KV_ASSERT(line_of(writer, kvstore::base::SharedBytesRef::copy_of(bytes)) == line);
  KV_ASSERT(line.ends_with("}\n"));
  KV_ASSERT(line.find('\n') == line.size() - 1 && line.find('\r') == std::string::npos);
  kvstore::protocol::JsonValidator validator;
  KV_ASSERT(validator.valid(line));

  const bool simd_takes_it = simd.parse(bytes.data(), bytes.size()).error() == simdjson::SUCCESS;
  KV_ASSERT(!simd_takes_it || validator.valid(bytes));
  if (validator.valid(bytes)) {
    KV_ASSERT(line.size() == bytes.size() + std::string_view("{\"status\": \"OK\", \"value\": }\n").size());
  } else {
    KV_ASSERT(simd.parse(line).error() == simdjson::SUCCESS);
    std::string_view text;
    if (simd.parse(line)["value"].get(text) == simdjson::SUCCESS) {
      KV_ASSERT(text == bytes);
    } else {
      KV_ASSERT(!kvstore::protocol::is_utf8(bytes));
    }
  }
  return 0;
}
