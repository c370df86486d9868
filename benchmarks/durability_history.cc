// KeyHistory::judge (see durability_history.h).
#include "durability_history.h"

#include <algorithm>
#include <iterator>

namespace kvstore::benchmarks {

KeyHistory::Verdict KeyHistory::judge(std::optional<std::string_view> found) const {
  Verdict verdict;
  std::size_t in_effect = 0;  // this many writes, from the first, happened before or are what was found
  if (found) {
    const auto match =
        std::find_if(writes_.begin(), writes_.end(), [&](const Write& write) { return write.value == *found; });
    verdict.never_sent = match == writes_.end();
    if (!verdict.never_sent) {
      in_effect = static_cast<std::size_t>(std::distance(writes_.begin(), match)) + 1;
      verdict.unanswered_there = !match->acknowledged;
    }
  }
  for (std::size_t i = 0; i < writes_.size(); ++i) {
    if (!writes_[i].acknowledged) {
      ++verdict.unanswered;
      continue;
    }
    ++verdict.acknowledged;
    if (i < in_effect) ++verdict.persisted;
  }
  return verdict;
}

}  // namespace kvstore::benchmarks
