// Simulated streams at a rate of their own, for some seconds, and what the programs spent meanwhile.
#pragma once
#include <string>

#include "bench/flow.hpp"
#include "bench/program.hpp"
#include "shm/snapshot.hpp"

namespace chappe::bench {

/// What runs beside producer and aggregator.
struct Beside {
  bool display = false;
  unsigned viewers = 0;  ///< see bench/viewers.hpp
};

/// Of one process.
struct Spent {
  double cpu_percent = 0;  ///< of one processor
  Memory memory;           ///< at the end
};

struct Paced {
  std::string trouble;  ///< not empty: it failed
  Spent producer, aggregator, display;
  double viewers_cpu_percent = 0;
  double frames_per_s = 0;  ///< to the board, of all streams
  double lost = 0;          ///< frames of all streams, from start to end
  shm::Snapshot begin, end;
};

Paced run_paced(const Flow& flow, Beside beside, double seconds);

}  // namespace chappe::bench
