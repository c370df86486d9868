// CrashModel: replays a DiskTrace and keeps apart what is certain to be on disk and what may or may not be. The rules
// are those of directory.h. Used by tests only, through crash_states.h.
//
// Bytes: every page remembers how it looked after each write since it was last certain. A sync() makes all pages of
// its file certain; write_durably() only its own bytes, and the size up to them.
// Sizes: every size since the last sync() of the file is possible.
// Names: creates, renames and removes wait for the sync of the directory.
// A failed sync() makes nothing certain, and later ones pass over the pages that it lost until they are written again:
// that is what kernels do.
//
// Thread rule: one thread.
// Invariants:
//   1. A page without an entry in `pages` is the same in `firm` and in `current`.
//   2. `sizes` is empty, or its last is the size of `current`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "env/disk_trace.h"
#include "env/paged_bytes.h"

namespace kvstore::env {

struct PageVersion {
  PageRef after;          // with what became certain later
  std::size_t begin = 0;  // the bytes of the page that the write touched
  std::size_t end = 0;
};

struct PendingPage {
  std::vector<PageVersion> versions;
  // Bytes from here on were beyond the certain size: until they are written they may be anything.
  std::size_t fresh_from = kPageBytes;
  bool lost = false;  // by a failed sync
  // Ranges that became certain by write_durably() after the last of the writes above: spoiling that one leaves them
  // alone.
  std::vector<std::pair<std::size_t, std::size_t>> certain;
};

struct ModelFile {
  std::string name;  // the latest, for messages
  PagedBytes firm;
  PagedBytes current;
  std::map<std::uint64_t, PendingPage> pages;
  std::vector<std::uint64_t> sizes;
};

struct NameChange {
  DiskOperation::Kind kind = DiskOperation::Kind::kCreate;
  std::string name;
  std::string to;       // of a rename
  FileNumber file = 0;  // of a create
};

class CrashModel {
 public:
  using Names = std::map<std::string, FileNumber, std::less<>>;

  explicit CrashModel(const DiskTrace& trace);
  void apply(const DiskOperation& operation);

  [[nodiscard]] const Names& firm_names() const { return firm_names_; }
  [[nodiscard]] const std::vector<NameChange>& name_changes() const { return name_changes_; }
  [[nodiscard]] const ModelFile& file(FileNumber number) const { return files_.at(number); }
  // Pages of files that were removed, replaced or cut: what a disk block may hold before it is written again.
  [[nodiscard]] const std::vector<PageRef>& stale_pages() const { return stale_pages_; }

  static void change(Names& names, const NameChange& change);

 private:
  static constexpr std::size_t kMaxStalePages = 64;

  void change_names(const DiskOperation& operation);
  void write(ModelFile& file, const DiskOperation& operation);
  void truncate(ModelFile& file, std::uint64_t size);
  void make_firm(ModelFile& file, std::uint64_t offset, std::uint64_t length);
  void sync(ModelFile& file);
  static PendingPage& pending(ModelFile& file, std::uint64_t page);
  static void set_size(ModelFile& file, std::uint64_t size);
  void remember_stale(const PagedBytes& bytes, std::uint64_t first_page);

  Names firm_names_;
  Names names_;
  std::vector<NameChange> name_changes_;
  std::map<FileNumber, ModelFile> files_;
  std::vector<PageRef> stale_pages_;
};

}  // namespace kvstore::env
