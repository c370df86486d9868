#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace kvstore::base {

void assert_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "kvstore: bug: assertion '%s' failed at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace kvstore::base
