// split_inline_words: the words of a RESP inline command, quoted as Redis quotes them.
//
// Words stand apart by white space. Inside "..." the escapes \n \r \t \b \a and \xHH are decoded and a backslash keeps
// any other character; inside '...' only \' is decoded. Quotes may begin in the middle of a word, but a closing quote
// must end it. A zero byte is a byte like any other.
//
// Thread rule: pure function.
#pragma once

#include <string_view>
#include <vector>

#include "base/scratch.h"

namespace kvstore::protocol {

// Appends the words of `line` (without its line end). False when a quote is not closed or is followed by more of the
// word; then nothing was appended.
[[nodiscard]] bool split_inline_words(std::string_view line, std::vector<std::string_view>& words,
                                      base::Scratch& scratch);

}  // namespace kvstore::protocol
