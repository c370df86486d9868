// CrashPoint: all the ways in which a disk may look after a crash at one moment, as a list of independent choices, and
// the disk that a combination of them gives. Used by tests only, through crash_states.h.
//
// The choices, in this order:
//   0. Names: which of the pending changes took effect. Any set in which a change is there only with all earlier
//   changes
//      of the same names.
//   then for each file that has something pending and a name in one of these sets:
//   1. Size: the certain one, or any since.
//   2. Each page with something pending: as it was; as it was after any of its writes; the last write torn, so that
//   only
//      the part before or behind a cut arrived (at a sector's border; inside a write of less than a sector, at a byte);
//      the last write with one sector of garbage, which takes what else is in that sector along; and where the page
//      lies beyond the certain size, garbage in place of what was never written.
// Choice 0 of each means that nothing of it arrived.
//
// Thread rule: one thread. The CrashModel must not change while the point is in use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "env/crash_model.h"
#include "env/memory_directory.h"
#include "env/seeded_random.h"

namespace kvstore::env {

class CrashPoint {
 public:
  using Combination = std::vector<std::size_t>;  // a choice for each dimension

  // All cuts and garbage sectors are choices while that gives at most `fine_limit` combinations; otherwise one of each
  // kind a page, drawn at random.
  CrashPoint(const CrashModel& model, SeededRandom& random, std::size_t fine_limit);

  [[nodiscard]] std::size_t dimensions() const { return counts_.size(); }
  [[nodiscard]] std::size_t choices(std::size_t dimension) const { return counts_[dimension]; }
  // The choice with which all of it arrived.
  [[nodiscard]] std::size_t all_arrived(std::size_t dimension) const { return all_arrived_[dimension]; }
  [[nodiscard]] bool is_page(std::size_t dimension) const { return is_page_[dimension]; }
  // How many there are, or `limit` when there are at least as many.
  [[nodiscard]] std::size_t combinations(std::size_t limit) const;

  // Whether it differs from another one only in what nobody can see: files without a name, pages beyond the size.
  [[nodiscard]] bool redundant(const Combination& combination) const;
  [[nodiscard]] std::unique_ptr<MemoryDirectory> disk(const Combination& combination, SeededRandom& random) const;
  // What is not as all_arrived() says, for messages.
  [[nodiscard]] std::string to_text(const Combination& combination) const;

 private:
  struct NameSet {
    CrashModel::Names names;
    std::string missing;  // for messages
  };
  struct PageChoice {
    enum class What : std::uint8_t { kVersion, kFront, kBack, kGarbageSector, kGarbageGrowth };
    What what = What::kVersion;
    std::size_t at = 0;  // kVersion: how many writes arrived; else the byte of the page where the cut or the garbage is
    bool ready = false;
    PageRef page;  // when ready
  };
  struct PendingChoices {
    std::uint64_t number = 0;
    const PendingPage* pending = nullptr;
    std::vector<PageChoice> choices;
  };
  struct FileChoices {
    FileNumber number = 0;
    const ModelFile* file = nullptr;
    std::size_t size_dimension = 0;
    std::vector<PendingChoices> pages;  // dimensions size_dimension + 1 and on
  };

  void choose_names(SeededRandom& random);
  void add_name_set(const std::vector<bool>& taken);
  void add_page(FileChoices& file, std::uint64_t number, const PendingPage& pending, bool fine, SeededRandom& random);
  void add_dimension(std::size_t choices, std::size_t all_arrived, bool is_page);
  void build(bool fine, SeededRandom& random);
  [[nodiscard]] std::uint64_t size_of(const FileChoices& file, const Combination& combination) const;
  [[nodiscard]] PagedBytes contents(const FileChoices& file, const Combination& combination,
                                    SeededRandom& random) const;
  [[nodiscard]] PageRef page(const FileChoices& file, const PendingChoices& pending, const PageChoice& choice,
                             SeededRandom& random) const;
  void fill_with_garbage(Page& page, std::size_t begin, std::size_t end, SeededRandom& random) const;

  const CrashModel& model_;
  std::vector<NameSet> name_sets_;
  std::size_t all_names_ = 0;  // the set with all changes
  std::vector<FileChoices> files_;
  std::vector<std::size_t> counts_;
  std::vector<std::size_t> all_arrived_;
  std::vector<bool> is_page_;
};

}  // namespace kvstore::env
