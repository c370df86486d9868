#include "env/block_device.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>
#include <string>

namespace kvstore::env {
namespace {

// The first line of an attribute; empty when there is none.
std::string attribute(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

}  // namespace

bool flushes_after_write(int descriptor, const std::string& sysfs) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return false;
  const std::string device =
      sysfs + "/dev/block/" + std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
  // A partition has no queue; its folder lies in that of its disk.
  for (const std::string& queue : {device + "/queue", device + "/../queue"}) {
    const std::string cache = attribute(queue + "/write_cache");
    if (!cache.empty()) return cache == "write back" && attribute(queue + "/fua") == "0";
  }
  return false;
}

}  // namespace kvstore::env
