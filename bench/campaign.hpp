// What is measured, and in which order: each round goes through all cells, every other one backwards, with a probe of the placement between
// any two runs.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bench/kinds.hpp"
#include "bench/options.hpp"
#include "bench/records.hpp"

namespace chappe::bench {

/// One figure to be measured in each round.
struct Cell {
  std::string test;
  const Kind* kind = nullptr;  ///< null: of the machine, or of the programs
  std::uint64_t bytes = 0;
  Wait wait = Wait::spin;
  rt::Policy policy = rt::Policy::other;
  std::string what{};                       ///< of the programs: what is varied, as in channels=64
  std::function<Measurement()> programs{};  ///< empty: nothing of the programs
  std::uint64_t rounds = 0;                 ///< measured in the first of them alone; 0: in all

  [[nodiscard]] bool is_cost_of_programs() const noexcept { return programs && test != "pipeline"; }
};

/// The cells of a form, those of --only alone.
std::vector<Cell> cells_of(const Options& options);
/// Those of the real programs.
void add_programs(std::vector<Cell>& cells, bool full);

class Campaign {
 public:
  explicit Campaign(const Options& options);
  /// Runs all rounds. False: a run failed, or the user has stopped it; what was measured is there all the same.
  bool run();
  [[nodiscard]] const Records& records() const noexcept { return records_; }

 private:
  bool run_round(const std::vector<Cell>& cells, std::uint64_t round);
  bool wants_more(const Target& target) const;
  Measurement measure(const Cell& cell);
  Measurement measure_throughput(const Cell& cell);
  void measure_host(std::uint64_t round);
  [[nodiscard]] std::uint64_t runs_in_all() const noexcept;
  void tell_progress(const Cell& cell, std::uint64_t round);

  Options options_;
  std::vector<Cell> cells_;
  std::uint64_t rounds_, ring_megabytes_;
  std::map<std::pair<std::string_view, std::uint64_t>, double> rates_;  ///< bytes/s of a kind and size, as last seen
  Records records_;
  double probe_ns_ = 0;  ///< the last one
  std::int64_t began_ns_, told_ns_;
  std::uint64_t done_ = 0;
};

}  // namespace chappe::bench
