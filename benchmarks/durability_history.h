// KeyHistory: every write that was sent to one key, and what may be found there after a crash.
//
// One client writes a key and waits for each reply, so the writes of a key have an order. After the crash the key may
// hold the last acknowledged value or a later one that was sent and not answered. An earlier value, or none, means
// that acknowledged writes were lost; a value that was never sent means that the server made data up.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvstore::benchmarks {

class KeyHistory {
 public:
  struct Verdict {
    std::uint64_t acknowledged = 0;  // writes that got OK
    std::uint64_t persisted = 0;     // of these: still in effect, or overwritten by a later write that is
    std::uint64_t unanswered = 0;    // sent without a reply
    bool unanswered_there = false;   // what is there now came from such a write
    bool never_sent = false;         // what is there now was never written to this key
  };

  // Notes a write before it is sent. Values of one key differ from one another.
  void sent(std::string value) { writes_.push_back({std::move(value), false}); }
  // The reply to the last write was OK.
  void acknowledged() { writes_.back().acknowledged = true; }

  // Compares with what is there after the restart; nullopt: the key is not there.
  [[nodiscard]] Verdict judge(std::optional<std::string_view> found) const;

 private:
  struct Write {
    std::string value;
    bool acknowledged;
  };

  std::vector<Write> writes_;
};

}  // namespace kvstore::benchmarks
