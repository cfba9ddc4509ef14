// What the board shows of a ring: its streams with the units that a calibration gives and the channels that are derived, and how a block's
// values come there. Pure; main's thread, before a drain.
#pragma once
#include <string>
#include <vector>

#include "aggregator/calibration.hpp"
#include "config/config.hpp"
#include "shm/ring.hpp"

namespace chappe::aggregator {

struct BoardPlan {
  shm::RingTables tables;                     ///< the ring's, with the channels that the board has
  std::vector<CalibrationPlan> calibrations;  ///< by stream
  std::vector<std::string> refusals;          ///< of calibrations that name what their stream does not have: it goes on without
};

/// `ring` as it was read, which is checked.
BoardPlan board_plan(const shm::RingTables& ring, const config::Config& config);

}  // namespace chappe::aggregator
