// The real Directory: a folder of the operating system, and the files in it.
//
// Everything is opened relative to a handle on the folder, so renaming the folder under a running server, or replacing
// it with a link, leads no file elsewhere. A link in place of a file is refused. New folders and files belong to their
// owner alone (0700 and 0600).
//
// Thread rule: as in directory.h; nothing here changes after it was opened, except that lock() is called once.
// Invariants:
//   1. write() and read() go on after short counts and signals. A write that makes no progress is kNoSpace.
//   2. sync() is never repeated after an error, not even after a signal: the kernel may already have forgotten which
//      bytes it failed to write, and the second call would report success.
//   3. A directory opened for reading changes nothing on disk and opens no file for writing.
//   4. direct() is true only where the file system really bypasses the page cache. tmpfs takes the flag and ignores it.
#pragma once

#include <memory>
#include <string>

#include "env/directory.h"
#include "kvstore/status.h"

namespace kvstore::env {

// Makes the folder when it is missing (its parent must be there), and makes sure that its name survives a power loss.
[[nodiscard]] Result<std::unique_ptr<Directory>> open_posix_directory(std::string path);
// For looking only: the folder must be there, and what would change anything in it is refused with kIoError. lock()
// shares with other readers, and succeeds when the file is not there: then nobody ever used the folder.
[[nodiscard]] Result<std::unique_ptr<Directory>> open_posix_directory_for_reading(std::string path);

}  // namespace kvstore::env
