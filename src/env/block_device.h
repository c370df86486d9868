// The block device under a file: what it takes to make a write durable there.
//
// Thread rule: any thread.
// Source: Linux, Documentation/ABI/stable/sysfs-block (queue/write_cache, queue/fua).
#pragma once

#include <string>

namespace kvstore::env {

// Whether a durable write is two commands to the device: the write, then a flush of its volatile cache. That is so
// where there is such a cache and the device cannot be told to write past it (FUA). False also when it is not known: a
// file system on no device of its own, a device that sysfs does not show. `sysfs` is where sysfs is mounted.
[[nodiscard]] bool flushes_after_write(int descriptor, const std::string& sysfs = "/sys");

}  // namespace kvstore::env
