// GroupParser: cuts the log's stream, which comes in arbitrary pieces, into groups and their records.
//
// Thread rule: one thread.
// Invariants:
//   1. A group's records are given only once all its bytes are there.
//   2. It keeps only bytes it was given: a length makes it allocate nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/seeded_bug.h"
#include "durability/bytes.h"
#include "durability/log_record.h"
#include "kvstore/status.h"

namespace kvstore::durability {

class GroupParser {
 public:
  // Calls visit(record) for every record of every group that is complete now, and visit_end(group bytes) behind each
  // group. Records are views into `piece` or into what was kept: valid during the call. False: not a log's stream.
  template <typename Visit, typename VisitEnd>
  [[nodiscard]] bool feed(std::string_view piece, Visit visit, VisitEnd visit_end);
  // What is kept of an unfinished group never happened.
  void drop_unfinished() { kept_.clear(); }
  [[nodiscard]] std::size_t unfinished_bytes() const { return kept_.size(); }

 private:
  enum class Taken : std::uint8_t { kGroup, kIncomplete, kBroken };

  template <typename Visit, typename VisitEnd>
  static Taken take_group(std::string_view& bytes, std::size_t& missing, Visit& visit, VisitEnd& visit_end);

  std::string kept_;
};

// `missing`, when incomplete: how many bytes more are needed at least.
template <typename Visit, typename VisitEnd>
GroupParser::Taken GroupParser::take_group(std::string_view& bytes, std::size_t& missing, Visit& visit,
                                           VisitEnd& visit_end) {
  std::string_view rest = bytes;
  std::uint64_t body_bytes = 0;
  if (!take_varint(rest, body_bytes)) {
    missing = 1;
    return bytes.size() < kVarintBytesMax ? Taken::kIncomplete : Taken::kBroken;
  }
  if (body_bytes > rest.size()) {
    if (KV_SEEDED_BUG(unfinished_group_applied)) {
      LogRecord record;
      while (take_record(rest, record)) visit(record);
    }
    missing = body_bytes - rest.size();
    return Taken::kIncomplete;
  }
  std::string_view body = rest.substr(0, body_bytes);
  while (!body.empty()) {
    LogRecord record;
    if (!take_record(body, record)) return Taken::kBroken;
    visit(record);
  }
  rest.remove_prefix(body_bytes);
  visit_end(bytes.size() - rest.size());
  bytes = rest;
  return Taken::kGroup;
}

template <typename Visit, typename VisitEnd>
bool GroupParser::feed(std::string_view piece, Visit visit, VisitEnd visit_end) {
  std::size_t missing = 1;
  while (!kept_.empty() && !piece.empty()) {
    // Just enough for the group that was begun, so that what follows it is parsed in place.
    const std::size_t bytes = missing < piece.size() ? missing : piece.size();
    kept_.append(piece.substr(0, bytes));
    piece.remove_prefix(bytes);
    std::string_view kept = kept_;
    const Taken taken = take_group(kept, missing, visit, visit_end);
    if (taken == Taken::kBroken) return false;
    if (taken == Taken::kGroup) kept_.clear();
  }
  while (!piece.empty()) {
    const Taken taken = take_group(piece, missing, visit, visit_end);
    if (taken == Taken::kBroken) return false;
    if (taken == Taken::kIncomplete) {
      kept_.assign(piece);
      return true;
    }
  }
  return true;
}

}  // namespace kvstore::durability
