// Step: one line of work, "  Pre-populating store with 1000 keys... Done", with a bar while it lasts on a terminal.
//
// In a pipe or a file only the finished line appears, so that programs can read it.
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <string>

namespace kvstore::benchmarks {

class Step {
 public:
  // Prints the label and "... ". `total` is what advance_to() counts up to.
  Step(std::string label, std::uint64_t total);
  // Redraws the bar, at most ten times a second; costs a comparison on most calls and in a pipe.
  void advance_to(std::uint64_t done) {
    if (done >= next_look_) draw(done);
  }
  // Removes the bar and ends the line: "Done", or other words.
  void finish(const std::string& outcome = "Done");

 private:
  void draw(std::uint64_t done);

  std::string label_;
  std::uint64_t total_;
  std::uint64_t next_look_;
  std::uint64_t look_every_;
  std::uint64_t drawn_ns_ = 0;
  bool bar_shown_ = false;
};

}  // namespace kvstore::benchmarks
