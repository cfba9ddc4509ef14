// The table of a torture run, as text or JSON, and its verdict.
#pragma once
#include <string>
#include <vector>

#include "torture_ring_outcome.hpp"

namespace chappe::shm::torture {

struct Options {
  std::uint64_t kills = 2000, seed = 1, lanes = 2;
  bool json = false;
};

struct Named {
  const char* name;
  std::uint64_t count;
};

/// All lanes, added up.
struct Report {
  Options options;
  double seconds = 0;
  Outcome sum;
  std::vector<Named> must_be_zero, told;
  std::vector<std::string> broken;  ///< what does not hold, a line each; empty: everything holds

  void add(const Outcome& outcome, const Shared& shared);
  /// Once all are in.
  void judge();
  void print_table() const;
  void print_json() const;
};

}  // namespace chappe::shm::torture
