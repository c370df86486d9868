#include "base/seeded_bug.h"

#ifdef KVSTORE_SEEDED_BUGS

#include <cstdlib>

namespace kvstore::base {

bool seeded_bug(std::string_view name) {
  static const char* const chosen = std::getenv("KVSTORE_SEEDED_BUG");
  return chosen != nullptr && name == chosen;
}

}  // namespace kvstore::base

#endif
