// The real Directory against the running system. Where a case needs rights or a file system that this machine does not
// give (a small tmpfs of our own, a folder that takes direct access) it is skipped.

#include "env/posix_directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace kvstore::env {
namespace {

class PosixDirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "kvstore_posix_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
    path_ = base_ + "/data";
    directory_ = open_at(path_);
    ASSERT_NE(directory_, nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(base_); }

  static std::unique_ptr<Directory> open_at(const std::string& path) {
    auto opened = open_posix_directory(path);
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    return opened.ok() ? std::move(opened).value() : nullptr;
  }
  std::unique_ptr<File> file(std::string_view name, OpenMode mode, Caching caching = Caching::kBuffered) {
    auto opened = directory_->open(name, mode, caching);
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    return opened.ok() ? std::move(opened).value() : nullptr;
  }
  void put(std::string_view name, std::string_view bytes) {
    ASSERT_TRUE(file(name, OpenMode::kCreate)->write(0, bytes).ok());
  }
  std::string get(std::string_view name) {
    const auto opened = file(name, OpenMode::kRead);
    std::string bytes(opened->size().value(), '\0');
    EXPECT_EQ(opened->read(0, bytes).value(), bytes.size());
    return bytes;
  }
  mode_t mode_of(const std::string& path) {
    struct stat about {};
    EXPECT_EQ(lstat(path.c_str(), &about), 0);
    return about.st_mode & 07777U;
  }
  Status open_status(std::string_view name, OpenMode mode) {
    return directory_->open(name, mode, Caching::kBuffered).status();
  }

  std::string base_;
  std::string path_;
  std::unique_ptr<Directory> directory_;
};

// A block of memory that direct access accepts.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::size_t size, char fill = '\0')
      : bytes_(static_cast<char*>(std::aligned_alloc(File::kDirectAlignment, size)), &std::free), size_(size) {
    std::memset(bytes_.get(), fill, size);
  }
  std::span<char> span() { return {bytes_.get(), size_}; }
  std::string_view view() { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char, void (*)(void*)> bytes_;
  std::size_t size_;
};

constexpr int kNotAllowed = 77;  // an exit status: this machine does not let the case be set up

// Runs `body` in a process of its own; its result is the exit status.
int in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST_F(PosixDirectoryTest, NewFolderAndFilesBelongToTheirOwnerAlone) {
  put("a", "x");
  EXPECT_EQ(mode_of(path_), 0700U);
  EXPECT_EQ(mode_of(path_ + "/a"), 0600U);
  EXPECT_EQ(directory_->path(), path_);
}

TEST_F(PosixDirectoryTest, ParentsAreNotMade) {
  const auto opened = open_posix_directory(base_ + "/no/such");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(opened.status().message(), "cannot create the directory " + base_ + "/no/such: No such file or directory");
}

TEST_F(PosixDirectoryTest, FileInPlaceOfTheFolderIsRefused) {
  put("a", "x");
  const auto opened = open_posix_directory(path_ + "/a");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), StatusCode::kIoError);
}

TEST_F(PosixDirectoryTest, WhatWasWrittenIsRead) {
  const auto out = file("a", OpenMode::kCreate);
  ASSERT_TRUE(out->write(0, "hello world").ok());
  ASSERT_TRUE(out->write_durably(6, "there").ok());
  ASSERT_TRUE(out->sync().ok());
  EXPECT_EQ(get("a"), "hello there");
  ASSERT_TRUE(out->truncate(5).ok());
  EXPECT_EQ(get("a"), "hello");
  ASSERT_TRUE(out->truncate(7).ok());
  EXPECT_EQ(get("a"), std::string("hello\0\0", 7));
  EXPECT_GE(out->descriptor(), 0);
  EXPECT_FALSE(out->direct());
}

TEST_F(PosixDirectoryTest, AllocatedRoomReadsAsZerosAndTakesBytes) {
  const auto out = file("a", OpenMode::kCreate);
  const Result<bool> allocated = out->allocate(8192);
  ASSERT_TRUE(allocated.ok()) << allocated.status().message();
  if (!allocated.value()) GTEST_SKIP() << "cannot allocate in " << path_;
  struct stat about {};
  ASSERT_EQ(fstat(out->descriptor(), &about), 0);
  EXPECT_GE(about.st_blocks * 512, 8192) << "a hole";
  ASSERT_TRUE(out->write(4096, "bytes").ok());
  EXPECT_EQ(get("a"), std::string(4096, '\0') + "bytes" + std::string(4091, '\0'));
}

TEST_F(PosixDirectoryTest, ReadStopsAtTheEndOfTheFile) {
  put("a", "0123456789");
  const auto in = file("a", OpenMode::kRead);
  std::array<char, 8> bytes{};
  EXPECT_EQ(in->read(0, bytes).value(), 8U);
  EXPECT_EQ(in->read(8, bytes).value(), 2U);
  EXPECT_EQ(in->read(10, bytes).value(), 0U);
  EXPECT_EQ(in->read(1000, bytes).value(), 0U);
}

TEST_F(PosixDirectoryTest, ModesMakeEmptyAndRefuseAsPromised) {
  EXPECT_EQ(open_status("a", OpenMode::kRead).code(), StatusCode::kNotFound);
  EXPECT_EQ(open_status("a", OpenMode::kReadWrite).message(),
            "cannot open a in " + path_ + ": No such file or directory");
  put("a", "old bytes");
  EXPECT_TRUE(open_status("a", OpenMode::kReadWrite).ok());
  EXPECT_EQ(get("a"), "old bytes");
  put("a", "");
  EXPECT_EQ(get("a"), "");
  EXPECT_EQ(file("a", OpenMode::kRead)->write(0, "x").code(), StatusCode::kIoError);
}

TEST_F(PosixDirectoryTest, RenameReplacesAndRemoveForgets) {
  put("a", "A");
  put("b", "B");
  ASSERT_TRUE(directory_->rename("a", "b").ok());
  EXPECT_EQ(get("b"), "A");
  EXPECT_EQ(directory_->rename("a", "c").code(), StatusCode::kNotFound);
  ASSERT_TRUE(directory_->remove("b").ok());
  EXPECT_EQ(directory_->remove("b").code(), StatusCode::kNotFound);
  EXPECT_TRUE(directory_->sync().ok());
}

TEST_F(PosixDirectoryTest, ListNamesRegularFilesInOrder) {
  put("b", "");
  put("a", "");
  put("a.tmp", "");
  ASSERT_EQ(mkdir((path_ + "/folder").c_str(), 0700), 0);
  ASSERT_EQ(symlink("a", (path_ + "/link").c_str()), 0);
  ASSERT_EQ(mkfifo((path_ + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(directory_->list().value(), (std::vector<std::string>{"a", "a.tmp", "b"}));
  EXPECT_EQ(directory_->list().value().size(), 3U);  // the position in the folder is not shared between calls
}

TEST_F(PosixDirectoryTest, LinksPipesAndFoldersAreNotOpened) {
  put("a", "A");
  ASSERT_EQ(symlink("a", (path_ + "/link").c_str()), 0);
  ASSERT_EQ(mkfifo((path_ + "/pipe").c_str(), 0600), 0);  // opening it to read would wait for a writer
  ASSERT_EQ(mkdir((path_ + "/folder").c_str(), 0700), 0);
  for (const char* name : {"link", "pipe", "folder"}) {
    for (const OpenMode mode : {OpenMode::kRead, OpenMode::kReadWrite, OpenMode::kCreate}) {
      EXPECT_EQ(open_status(name, mode).code(), StatusCode::kIoError) << name;
    }
  }
  EXPECT_EQ(directory_->lock("link").code(), StatusCode::kIoError);
  EXPECT_EQ(get("a"), "A");
}

TEST_F(PosixDirectoryTest, NamesThatLeadElsewhereAreRefused) {
  const std::string zero("a\0b", 3);
  for (const std::string_view name : {std::string_view("../a"), std::string_view("/etc/passwd"), std::string_view(""),
                                      std::string_view("."), std::string_view(".."), std::string_view(zero)}) {
    EXPECT_EQ(open_status(name, OpenMode::kCreate).code(), StatusCode::kIoError) << name;
    EXPECT_EQ(directory_->remove(name).code(), StatusCode::kIoError) << name;
    EXPECT_EQ(directory_->rename(name, "b").code(), StatusCode::kIoError) << name;
    EXPECT_EQ(directory_->rename("b", name).code(), StatusCode::kIoError) << name;
    EXPECT_EQ(directory_->lock(name).code(), StatusCode::kIoError) << name;
  }
}

TEST_F(PosixDirectoryTest, FilesStayInTheFolderWhenItIsRenamed) {
  ASSERT_EQ(rename(path_.c_str(), (base_ + "/moved").c_str()), 0);
  put("a", "A");
  EXPECT_TRUE(std::filesystem::exists(base_ + "/moved/a"));
}

TEST_F(PosixDirectoryTest, SecondDirectoryIsKeptOutUntilTheFirstIsGone) {
  ASSERT_TRUE(directory_->lock("lock").ok());
  auto second = open_at(path_);
  const Status refused = second->lock("lock");
  EXPECT_EQ(refused.code(), StatusCode::kUnavailable);
  EXPECT_EQ(refused.message(), "cannot lock lock in " + path_ +
                                   ": the directory is in use by another server (process " + std::to_string(getpid()) +
                                   ")");
  directory_.reset();
  EXPECT_TRUE(second->lock("lock").ok());
}

TEST_F(PosixDirectoryTest, LockGoesWithItsProcess) {
  EXPECT_EQ(in_child([&] { return open_at(path_)->lock("lock").ok() ? 0 : 1; }), 0);
  EXPECT_TRUE(std::filesystem::exists(path_ + "/lock"));
  EXPECT_TRUE(directory_->lock("lock").ok());
}

TEST_F(PosixDirectoryTest, HolderWithoutANumberIsStillAHolder) {
  const int holder = open((path_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(flock(holder, LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(directory_->lock("lock").message(),
            "cannot lock lock in " + path_ + ": the directory is in use by another server");
  close(holder);
}

TEST_F(PosixDirectoryTest, DirectFileReadsWhatItWroteUpToAnUnevenEnd) {
  const auto out = file("a", OpenMode::kCreate, Caching::kDirect);
  if (!out->direct()) GTEST_SKIP() << "no direct access in " << path_;
  AlignedBytes page(2 * File::kDirectAlignment, 'p');
  ASSERT_TRUE(out->write(0, page.view()).ok());
  ASSERT_TRUE(out->write_durably(2 * File::kDirectAlignment, page.view()).ok());
  ASSERT_TRUE(out->truncate(3 * File::kDirectAlignment + 100).ok());
  const auto in = file("a", OpenMode::kRead, Caching::kDirect);
  EXPECT_TRUE(in->direct());
  AlignedBytes read(8 * File::kDirectAlignment);
  EXPECT_EQ(in->read(0, read.span()).value(), 3 * File::kDirectAlignment + 100);
  EXPECT_EQ(read.view().substr(0, 3 * File::kDirectAlignment + 100),
            std::string(3 * File::kDirectAlignment + 100, 'p'));
  EXPECT_EQ(in->read(4 * File::kDirectAlignment, read.span()).value(), 0U);
}

TEST_F(PosixDirectoryTest, DirectFileAssertsAlignment) {
  const auto out = file("a", OpenMode::kCreate, Caching::kDirect);
  if (!out->direct()) GTEST_SKIP() << "no direct access in " << path_;
  AlignedBytes page(2 * File::kDirectAlignment);
  EXPECT_DEATH((void)out->write(512, page.view()), "kDirectAlignment");
  EXPECT_DEATH((void)out->read(0, page.span().subspan(1, File::kDirectAlignment)), "kDirectAlignment");
}

TEST_F(PosixDirectoryTest, OpenedForReadingChangesNothing) {
  put("a", "1");
  EXPECT_EQ(open_posix_directory_for_reading(base_ + "/nothing").status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(base_ + "/nothing"));
  auto opened = open_posix_directory_for_reading(path_);
  ASSERT_TRUE(opened.ok());
  Directory& reader = *opened.value();
  EXPECT_TRUE(reader.open("a", OpenMode::kRead, Caching::kBuffered).ok());
  EXPECT_EQ(reader.open("a", OpenMode::kReadWrite, Caching::kBuffered).status().code(), StatusCode::kIoError);
  EXPECT_EQ(reader.open("b", OpenMode::kCreate, Caching::kBuffered).status().code(), StatusCode::kIoError);
  EXPECT_EQ(reader.rename("a", "b").code(), StatusCode::kIoError);
  EXPECT_EQ(reader.remove("a").code(), StatusCode::kIoError);
  EXPECT_TRUE(reader.lock("lock").ok()) << "nobody ever locked it";
  EXPECT_EQ(reader.list().value(), std::vector<std::string>{"a"});
}

TEST_F(PosixDirectoryTest, ReadersShareALockAndKeepAWriterOut) {
  put("lock", "");
  auto one = open_posix_directory_for_reading(path_);
  auto two = open_posix_directory_for_reading(path_);
  ASSERT_TRUE(one.value()->lock("lock").ok());
  ASSERT_TRUE(two.value()->lock("lock").ok());
  EXPECT_EQ(directory_->lock("lock").code(), StatusCode::kUnavailable);
  one.value().reset();
  two.value().reset();
  ASSERT_TRUE(directory_->lock("lock").ok());
  auto three = open_posix_directory_for_reading(path_);
  EXPECT_EQ(three.value()->lock("lock").code(), StatusCode::kUnavailable);
}

TEST_F(PosixDirectoryTest, LimitHitInTheMiddleOfAWriteIsAnErrorAfterTheShortPart) {
  const int result = in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    limit.rlim_cur = limit.rlim_max = 10'000;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const auto out = file("a", OpenMode::kCreate);
    if (out->write(0, std::string(20'000, 'x')).code() != StatusCode::kIoError) return 2;
    if (out->write_durably(5'000, std::string(20'000, 'y')).code() != StatusCode::kIoError) return 3;
    return out->write(0, std::string(10'000, 'z')).ok() ? 0 : 4;
  });
  EXPECT_EQ(result, 0);
  EXPECT_EQ(get("a"), std::string(10'000, 'z'));
}

// From here on the system call `number` fails with `error`, or only when its sixth argument (the flags of pwritev2) is
// not 0.
bool refuse(unsigned number, unsigned error, bool only_with_flags) {
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[5])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, static_cast<unsigned char>(only_with_flags), 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(program.size());
  filter.filter = program.data();
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST_F(PosixDirectoryTest, DurableWriteSyncsWhereTheFlagIsRefused) {
  const int result = in_child([&] {
    const auto out = file("a", OpenMode::kCreate);
    if (!refuse(SYS_pwritev2, EOPNOTSUPP, true)) return kNotAllowed;
    if (!out->write_durably(0, "first").ok()) return 1;
    // That it syncs is seen when the sync fails.
    if (!refuse(SYS_fdatasync, EIO, false)) return kNotAllowed;
    return out->write_durably(0, "later").code() == StatusCode::kIoError ? 0 : 2;
  });
  if (result == kNotAllowed) GTEST_SKIP() << "may not filter system calls";
  EXPECT_EQ(result, 0);
  EXPECT_EQ(get("a"), "later");
}

TEST_F(PosixDirectoryTest, WriteWithoutProgressIsNoSpace) {
  const int result = in_child([&] {
    const auto out = file("a", OpenMode::kCreate);
    if (!refuse(SYS_pwritev2, 0, false)) return kNotAllowed;  // "0 bytes written"
    if (out->write(0, "x").code() != StatusCode::kNoSpace) return 1;
    return out->write_durably(0, "x").code() == StatusCode::kNoSpace ? 0 : 2;
  });
  if (result == kNotAllowed) GTEST_SKIP() << "may not filter system calls";
  EXPECT_EQ(result, 0);
}

TEST_F(PosixDirectoryTest, DurableWriteNeedsNoSecondCallWhereTheFlagIsTaken) {
  const int result = in_child([&] {
    const auto out = file("a", OpenMode::kCreate);
    if (!refuse(SYS_fdatasync, EIO, false)) return kNotAllowed;
    return out->write_durably(0, "first").ok() ? 0 : 1;
  });
  if (result == kNotAllowed) GTEST_SKIP() << "may not filter system calls";
  EXPECT_EQ(result, 0);
}

TEST_F(PosixDirectoryTest, FailedSyncSaysWhatFailed) {
  const int result = in_child([&] {
    const auto out = file("a", OpenMode::kCreate);
    if (!refuse(SYS_fdatasync, EDQUOT, false) || !refuse(SYS_fsync, EIO, false)) return kNotAllowed;
    const Status file_status = out->sync();
    if (file_status.message() != "cannot sync a in " + path_ + ": Disk quota exceeded") return 1;
    if (file_status.code() != StatusCode::kNoSpace) return 2;
    if (directory_->sync().message() != "cannot sync the directory " + path_ + ": Input/output error") return 3;
    return open_posix_directory(path_).ok() ? 4 : 0;  // nor is it sure of the folder's own name
  });
  if (result == kNotAllowed) GTEST_SKIP() << "may not filter system calls";
  EXPECT_EQ(result, 0);
}

TEST_F(PosixDirectoryTest, RunningOutOfDescriptorsIsUnavailable) {
  const int result = in_child([&] {
    // UndefinedBehaviorSanitizer takes two descriptors to check a type for the first time.
    if (!open_status("b", OpenMode::kCreate).ok()) return 3;
    rlimit limit{};
    limit.rlim_cur = limit.rlim_max = 0;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
    return open_status("a", OpenMode::kCreate).code() == StatusCode::kUnavailable ? 0 : 2;
  });
  EXPECT_EQ(result, 0);
}

// A small file system that only the child process sees.
int on_small_tmpfs(const std::string& path, const std::function<int()>& body) {
  return in_child([&] {
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return kNotAllowed;
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return kNotAllowed;
    if (mount("none", path.c_str(), "tmpfs", 0, "size=64k") != 0) return kNotAllowed;
    return body();
  });
}

TEST_F(PosixDirectoryTest, FullDiskIsNoSpace) {
  const int result = on_small_tmpfs(path_, [&] {
    directory_ = open_at(path_);
    if (directory_->free_bytes() != 64 * 1024) return 4;
    const auto out = file("a", OpenMode::kCreate);
    const Status full = out->write(0, std::string(100'000, 'x'));
    if (full.code() != StatusCode::kNoSpace) return 1;
    if (full.message() != "cannot write a in " + path_ + ": No space left on device") return 2;
    return out->write_durably(60'000, std::string(10'000, 'x')).code() == StatusCode::kNoSpace
               ? directory_->free_bytes() == 0 ? 0 : 5
               : 3;
  });
  if (result == kNotAllowed) GTEST_SKIP() << "may not mount a tmpfs";
  EXPECT_EQ(result, 0);
}

TEST_F(PosixDirectoryTest, TmpfsIsNotTakenForDirect) {
  const int result = on_small_tmpfs(path_, [&] {
    directory_ = open_at(path_);
    const auto out = file("a", OpenMode::kCreate, Caching::kDirect);
    if (out->direct() || !out->write(1, "xy").ok()) return 1;
    const auto in = file("a", OpenMode::kRead, Caching::kDirect);
    std::array<char, 3> bytes{};
    return !in->direct() && in->read(0, bytes).value() == 3 ? 0 : 2;
  });
  if (result == kNotAllowed) GTEST_SKIP() << "may not mount a tmpfs";
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace kvstore::env
