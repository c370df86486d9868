// KV_SEEDED_BUG(name): a bug put in on purpose, to see that the tests notice it. In every build but that of
// the preset `asan` it is `false` and costs nothing; with the CMake option KVSTORE_SEEDED_BUGS it is true when the
// environment variable KVSTORE_SEEDED_BUG holds that name. tests/seeded switches them on one after another
// (docs/decisions/seeded-bugs.md).
//
// Thread rule: any thread.
#pragma once

#ifdef KVSTORE_SEEDED_BUGS

#include <string_view>

namespace kvstore::base {

[[nodiscard]] bool seeded_bug(std::string_view name);

}  // namespace kvstore::base

#define KV_SEEDED_BUG(name) ::kvstore::base::seeded_bug(#name)

#else

#define KV_SEEDED_BUG(name) false

#endif
