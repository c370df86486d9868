// PeerReport: medians over the rounds, ratios to this server, the tables a person reads and the rows for a machine.
//
// A ratio says how many times better this server is: above 1 it is ahead, below 1 it loses, whatever the figure. It is
// the median of the ratios within each round, so that what changed on the machine between rounds drops out.
//
// Thread rule: one thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "peer_session.h"
#include "results.h"

namespace kvstore::benchmarks {

// The middle value, or the mean of the two in the middle; 0 of none.
[[nodiscard]] double median(std::vector<double> values);

// Median over the rounds of `worse[i] / better[i]`, for figures of which more is worse.
[[nodiscard]] double median_ratio(std::span<const double> worse, std::span<const double> better);

// What one server did in all rounds of one measurement, in the order of the rounds.
struct PeerSeries {
  const Peer* peer = nullptr;
  std::vector<PeerFigures> rounds;
};
struct PeerMemory {
  const Peer* peer = nullptr;
  std::vector<double> bytes_a_key;
};

class PeerReport {
 public:
  explicit PeerReport(Results& results) : results_(results) {}

  // The table of one operation, and its rows. `rate` 0: closed loop.
  void add_operation(const PeerWorkload& workload, const PeerOperation& operation, double rate,
                     const std::vector<PeerSeries>& all);
  void add_memory(const PeerWorkload& workload, const std::vector<PeerMemory>& all);
  // Every ratio below 1, in one list.
  void print_losses() const;

 private:
  // Formats a ratio and notes a loss; "-" when there is nothing to compare with.
  [[nodiscard]] std::string judge(double ratio, const Peer& peer, const std::string& where, const char* figure);

  Results& results_;
  std::vector<std::string> losses_;
  bool compared_ = false;
};

[[nodiscard]] std::string workload_text(const PeerWorkload& workload);
[[nodiscard]] std::string operation_text(const PeerOperation& operation);

}  // namespace kvstore::benchmarks
