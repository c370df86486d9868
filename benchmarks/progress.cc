// Step: the line and its bar (see progress.h).
#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "machine.h"

namespace kvstore::benchmarks {

Step::Step(std::string label, std::uint64_t total)
    : label_(std::move(label)), total_(std::max<std::uint64_t>(total, 1)), look_every_(total_ / 1000 + 1) {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  next_look_ = terminal ? look_every_ : ~std::uint64_t{0};
  drawn_ns_ = now_ns();
  fmt::print("{}... ", label_);
  std::fflush(stdout);
}

void Step::draw(std::uint64_t done) {
  constexpr std::uint64_t kDrawEveryNs = 100'000'000;
  constexpr std::size_t kWidth = 30;
  next_look_ = done + look_every_;
  const std::uint64_t now = now_ns();
  if (now - drawn_ns_ < kDrawEveryNs) return;
  drawn_ns_ = now;
  bar_shown_ = true;
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
  const auto filled = static_cast<std::size_t>(part * kWidth);
  fmt::print("\r{}... [{}{}] {:3.0f}%", label_, std::string(filled, '#'), std::string(kWidth - filled, '.'),
             part * 100);
  std::fflush(stdout);
}

void Step::finish(const std::string& outcome) {
  if (bar_shown_) fmt::print("\r\x1b[K{}... ", label_);
  fmt::print("{}\n", outcome);
  std::fflush(stdout);
}

}  // namespace kvstore::benchmarks
