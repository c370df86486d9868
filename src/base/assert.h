// KV_ASSERT: a bug found at run time ends the process with a line that says where.
//
// It stays on in release builds: a wrong in-memory state would otherwise be served, or one day be
// written to disk. KV_DCHECK is for checks too dear for a hot path; debug and sanitizer builds keep it.
#pragma once

namespace kvstore::base {

[[noreturn]] void assert_failed(const char* condition, const char* file, int line);

}  // namespace kvstore::base

#define KV_ASSERT(condition)                            \
  (__builtin_expect(static_cast<bool>(condition), true) \
       ? static_cast<void>(0)                           \
       : ::kvstore::base::assert_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define KV_DCHECK(condition) static_cast<void>(sizeof(static_cast<bool>(condition)))
#else
#define KV_DCHECK(condition) KV_ASSERT(condition)
#endif
