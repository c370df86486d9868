// The texts of errors that several commands answer, worded as Redis 7.0 words them so that client libraries know them.
//
// Thread rule: constants.
#pragma once

#include <string_view>

namespace kvstore::commands::errors {

inline constexpr std::string_view kSyntax = "syntax error";
inline constexpr std::string_view kNotInteger = "value is not an integer or out of range";
inline constexpr std::string_view kNotInt32 =
    "value is out of range, value must between -2147483648 and 2147483647";  // so in Redis, word by word
inline constexpr std::string_view kNotFloat = "value is not a valid float";
inline constexpr std::string_view kOverflow = "increment or decrement would overflow";
inline constexpr std::string_view kDecrementOverflow = "decrement would overflow";
inline constexpr std::string_view kNotFinite = "increment would produce NaN or Infinity";
inline constexpr std::string_view kOffset = "offset is out of range";
inline constexpr std::string_view kStringTooLong = "string exceeds maximum allowed size (proto-max-bulk-len)";
inline constexpr std::string_view kNoExpiry = "expiry is not supported yet";
inline constexpr std::string_view kNoSuchKey = "no such key";
inline constexpr std::string_view kSameObject = "source and destination objects are the same";
inline constexpr std::string_view kDatabase = "DB index is out of range";
inline constexpr std::string_view kFirstDatabase = "invalid first DB index";
inline constexpr std::string_view kSecondDatabase = "invalid second DB index";
inline constexpr std::string_view kCursor = "invalid cursor";
inline constexpr std::string_view kReplyTooLarge = "the reply would be too large: use SCAN";
inline constexpr std::string_view kClientName = "Client names cannot contain spaces, newlines or special characters.";
inline constexpr std::string_view kClientId = "Invalid client ID";

// Errors whose code is not ERR.
inline constexpr std::string_view kWrongTypeCode = "WRONGTYPE";
inline constexpr std::string_view kWrongType = "Operation against a key holding the wrong kind of value";
inline constexpr std::string_view kWrongPasswordCode = "WRONGPASS";
inline constexpr std::string_view kWrongPassword = "invalid username-password pair or user is disabled.";
inline constexpr std::string_view kNoProtocolCode = "NOPROTO";
inline constexpr std::string_view kNoProtocol = "unsupported protocol version";

}  // namespace kvstore::commands::errors
