#include "env/crash_states.h"

#include <algorithm>
#include <utility>

namespace kvstore::env {

using DiskKind = DiskOperation::Kind;

CrashStates::CrashStates(DiskTrace trace, std::uint64_t seed, CrashLimits limits)
    : trace_(std::move(trace)), limits_(limits), random_(seed), model_(trace_) {}

std::optional<CrashState> CrashStates::next() {
  while (!finished_) {
    if (point_.has_value() && next_combination()) return state();
    finished_ = !advance();
    if (!finished_) open_point();
  }
  return std::nullopt;
}

bool CrashStates::advance() {
  const auto is_mark = [&](std::size_t at) {
    const DiskKind kind = trace_.operations[at].kind;
    return kind == DiskKind::kNote || kind == DiskKind::kAcknowledge;
  };
  bool moved = !point_.has_value();  // the first moment is the one before any operation
  while (!moved || (position_ < trace_.operations.size() && is_mark(position_))) {
    if (position_ == trace_.operations.size()) return false;
    point_.reset();  // it refers to the model
    const DiskOperation& operation = trace_.operations[position_++];
    if (operation.kind == DiskKind::kAcknowledge) acknowledged_ = std::max(acknowledged_, operation.length);
    model_.apply(operation);
    moved = true;
  }
  return true;
}

void CrashStates::open_point() {
  point_.emplace(model_, random_, limits_.fine);
  combination_.assign(point_->dimensions(), 0);
  exhaustive_ = point_->combinations(limits_.exhaustive + 1) <= limits_.exhaustive;
  fresh_ = true;
  picks_.clear();
  next_pick_ = 0;
  if (!exhaustive_) plan_picks();
}

bool CrashStates::next_combination() {
  if (!exhaustive_) {
    if (next_pick_ == picks_.size()) return false;
    expand(picks_[next_pick_++]);
    return true;
  }
  if (std::exchange(fresh_, false)) return true;
  do {  // count up, the last dimension fastest
    std::size_t at = combination_.size();
    while (at > 0 && combination_[at - 1] + 1 == point_->choices(at - 1)) combination_[--at] = 0;
    if (at == 0) return false;
    ++combination_[at - 1];
  } while (point_->redundant(combination_));
  return true;
}

// All of them, or limits_.sampled at random.
std::vector<std::size_t> CrashStates::sample(std::vector<std::size_t> all) {
  for (std::size_t i = 0; all.size() > limits_.sampled && i < limits_.sampled; ++i) {
    std::swap(all[i], all[i + random_.below(all.size() - i)]);
  }
  if (all.size() > limits_.sampled) all.resize(limits_.sampled);
  return all;
}

void CrashStates::plan_picks() {
  using Kind = Pick::Kind;
  std::vector<std::size_t> changing;
  for (std::size_t d = 0; d < point_->dimensions(); ++d) {
    if (point_->choices(d) > 1) changing.push_back(d);
  }
  const auto add = [&](Kind kind, std::size_t dimension, std::size_t choice) {
    picks_.push_back({kind, dimension, choice});
  };
  add(Kind::kAllOld, 0, 0);
  add(Kind::kAllNew, 0, 0);
  for (const std::size_t d : sample(changing)) add(Kind::kOneOld, d, 0);
  for (const std::size_t d : sample(changing)) add(Kind::kOneNew, d, 0);
  for (const std::size_t d : sample(changing)) add(Kind::kPrefix, d, 0);
  for (const std::size_t d : sample(changing)) {
    std::vector<std::size_t> others;
    for (std::size_t choice = 1; choice < point_->choices(d); ++choice) {
      if (choice != point_->all_arrived(d)) others.push_back(choice);
    }
    for (const std::size_t choice : sample(std::move(others))) add(Kind::kOneChoice, d, choice);
  }
  for (std::size_t i = 0; i < limits_.random; ++i) add(Kind::kRandom, 0, 0);
}

void CrashStates::expand(const Pick& pick) {
  using Kind = Pick::Kind;
  // How likely a random combination takes a thing as old, and as new, in tenths.
  const std::uint64_t old_share = random_.below(11);
  const std::uint64_t new_share = random_.below(11 - old_share);
  for (std::size_t d = 0; d < combination_.size(); ++d) {
    const std::size_t arrived = point_->all_arrived(d);
    std::size_t choice = arrived;
    switch (pick.kind) {
      case Kind::kAllOld:
        choice = 0;
        break;
      case Kind::kAllNew:
      case Kind::kOneOld:
      case Kind::kOneChoice:
        if (d == pick.dimension) choice = pick.kind == Kind::kAllNew ? arrived : pick.choice;
        break;
      case Kind::kOneNew:
        // A page that arrived is seen only when its file's size and name did.
        if (d != pick.dimension && (point_->is_page(d) || !point_->is_page(pick.dimension))) choice = 0;
        break;
      case Kind::kPrefix:
        if (d > pick.dimension && (point_->is_page(d) || !point_->is_page(pick.dimension))) choice = 0;
        break;
      case Kind::kRandom:
        const std::uint64_t draw = random_.below(10);
        if (draw < old_share) {
          choice = 0;
        } else if (draw >= old_share + new_share) {
          choice = random_.below(point_->choices(d));
        }
        break;
    }
    combination_[d] = choice;
  }
}

CrashState CrashStates::state() {
  CrashState state;
  state.position = position_;
  state.acknowledged = acknowledged_;
  state.description = "crash after operation " + std::to_string(position_);
  if (position_ > 0) state.description += " (" + to_text(trace_.operations[position_ - 1]) + ")";
  state.description += ": " + point_->to_text(combination_);
  state.disk = point_->disk(combination_, random_);
  return state;
}

}  // namespace kvstore::env
