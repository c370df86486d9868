// Clang's thread-safety annotations (-Wthread-safety); empty for other compilers.
// Reference: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#pragma once

#if defined(__clang__)
#define KV_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define KV_THREAD_ATTRIBUTE(x)
#endif

#define KV_CAPABILITY(name) KV_THREAD_ATTRIBUTE(capability(name))
#define KV_SCOPED_CAPABILITY KV_THREAD_ATTRIBUTE(scoped_lockable)
#define KV_GUARDED_BY(lock) KV_THREAD_ATTRIBUTE(guarded_by(lock))
#define KV_REQUIRES(...) KV_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define KV_ACQUIRE(...) KV_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define KV_RELEASE(...) KV_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define KV_TRY_ACQUIRE(...) KV_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define KV_ASSERT_CAPABILITY(lock) KV_THREAD_ATTRIBUTE(assert_capability(lock))
#define KV_EXCLUDES(...) KV_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define KV_NO_THREAD_SAFETY_ANALYSIS KV_THREAD_ATTRIBUTE(no_thread_safety_analysis)
