// A flush is asked for exactly where the device has a cache that it cannot write past.
#include "env/block_device.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace kvstore::env {
namespace {

namespace fs = std::filesystem;

// A sysfs of the test's own, which knows one disk with one partition, and which of them this file lies on.
class BlockDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "block_device_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    std::string file = root_ / "file_XXXXXX";
    descriptor_ = mkstemp(file.data());
    ASSERT_GE(descriptor_, 0);
    fs::create_directories(disk() / "partition");
    fs::create_directories(root_ / "dev/block");
  }
  void TearDown() override {
    close(descriptor_);
    fs::remove_all(root_);
  }

  [[nodiscard]] fs::path disk() const { return root_ / "devices/disk"; }
  // Puts the file on `device`.
  void lie_on(const fs::path& device) {
    struct stat status {};
    ASSERT_EQ(fstat(descriptor_, &status), 0);
    const std::string number = std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
    fs::create_symlink(device, root_ / "dev/block" / number);
  }
  void describe(const std::string& write_cache, const std::string& fua) {
    fs::create_directories(disk() / "queue");
    std::ofstream(disk() / "queue/write_cache") << write_cache << '\n';
    std::ofstream(disk() / "queue/fua") << fua << '\n';
  }
  [[nodiscard]] bool flushes() const { return flushes_after_write(descriptor_, root_.string()); }

 private:
  fs::path root_;
  int descriptor_ = -1;
};

TEST_F(BlockDeviceTest, CacheThatCannotBeWrittenPastIsFlushed) {
  lie_on(disk());
  describe("write back", "0");
  EXPECT_TRUE(flushes());
}

TEST_F(BlockDeviceTest, CacheThatCanBeWrittenPastIsNotFlushed) {
  lie_on(disk());
  describe("write back", "1");
  EXPECT_FALSE(flushes());
}

TEST_F(BlockDeviceTest, DeviceWithoutACacheIsNotFlushed) {
  lie_on(disk());
  describe("write through", "0");
  EXPECT_FALSE(flushes());
}

TEST_F(BlockDeviceTest, PartitionIsAsItsDisk) {
  lie_on(disk() / "partition");
  describe("write back", "0");
  EXPECT_TRUE(flushes());
}

TEST_F(BlockDeviceTest, UnknownDeviceIsNotFlushed) {
  EXPECT_FALSE(flushes());
  lie_on(disk());
  EXPECT_FALSE(flushes());
  EXPECT_FALSE(flushes_after_write(-1));
}

}  // namespace
}  // namespace kvstore::env
