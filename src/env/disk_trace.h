// DiskTrace: what was done to a model disk, in order, and what was on it before. Used by tests only.
//
// Thread rule: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "env/paged_bytes.h"

namespace kvstore::env {

// A file apart from its name, which can change. Numbers are never used again on the same disk.
using FileNumber = std::uint64_t;

struct DiskOperation {
  enum class Kind : std::uint8_t {
    kCreate,         // name, file
    kWrite,          // file, offset, length, pages
    kFirm,           // file, offset, length: write_durably() returned
    kTruncate,       // file, length (the new size)
    kSync,           // file: sync() returned success
    kSyncFailed,     // file: sync() returned an error
    kRename,         // name, to
    kRemove,         // name
    kSyncDirectory,  // Directory::sync() returned success
    kNote,           // name: the words of the test
    kAcknowledge,    // length: the number that the test acknowledged
  };
  Kind kind = Kind::kNote;
  FileNumber file = 0;
  std::string name;  // of a file operation too, for messages
  std::string to;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::vector<PageRef> pages;  // the pages that a write touched, as they were after it
};

struct DiskTrace {
  struct StartFile {
    FileNumber file = 0;
    PagedBytes bytes;
  };
  std::map<std::string, StartFile, std::less<>> start;  // all of it certain
  std::vector<DiskOperation> operations;
};

// For messages: "write a 4096+512".
[[nodiscard]] std::string to_text(const DiskOperation& operation);

}  // namespace kvstore::env
