// JsonValidator: is this exactly one JSON text (RFC 8259)? White space around it is allowed.
//
// Only the grammar counts: numbers of any size, any nesting, and lone surrogate escapes pass, because the bytes are
// handed on as they are (docs/decisions/json-validation.md).
//
// Thread rule: one thread at a time; kept for its memory.
// Invariant: no recursion; memory is one bit for each level of nesting, hence at most an eighth of the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace kvstore::protocol {

class JsonValidator {
 public:
  [[nodiscard]] bool valid(std::string_view text);

 private:
  void push(bool object);
  void pop();
  bool scan_key(const char*& p, const char* end);
  bool scan_string(const char*& p, const char* end);
  bool scan_value(const char*& p, const char* end, bool& opened);
  bool scan_after_value(const char*& p, const char* end, bool& done);

  std::vector<std::uint64_t> outer_;  // full words of levels, outermost first
  std::uint64_t inner_ = 0;           // the innermost levels, one bit each, 1 for an object; newest is bit 0
  std::size_t depth_ = 0;
  bool has_non_ascii_ = false;
};

}  // namespace kvstore::protocol
