// The version this build announces, and the Redis version whose behaviour its clients may expect.
#pragma once

namespace kvstore::server {

inline constexpr const char* kVersion = KVSTORE_VERSION;  // from CMake's project()
inline constexpr const char* kRedisVersion = "7.4.0";

}  // namespace kvstore::server
