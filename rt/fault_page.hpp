// The control page of the fault points: an ordinary file that the controlling test makes and a program of the build `faults` maps, named by
// CHAPPE_FAULT_PAGE. A cell for each point: how often it was reached, and what shall happen there, once. One page may serve a process and
// its successors (what has struck is disarmed before it strikes), or several processes at once.
#pragma once
#include <atomic>
#include <cstdint>

#include "rt/fault_points.hpp"

namespace chappe::rt {

enum class FaultAction : std::uint32_t {
  none,
  kill,  ///< SIGKILL to the process
  stop,  ///< SIGSTOP to the process; the test continues it
  fail,  ///< the call behind the point fails once with `error`; only at points that have one
};

/// The test writes error and countdown, then action (release). The program takes the action back before it strikes, then counts `struck`.
struct FaultCell {
  std::atomic<std::uint64_t> hits{0}, struck{0};
  std::atomic<FaultAction> action{FaultAction::none};
  std::atomic<std::int32_t> countdown{0};  ///< hits, while armed, to let pass before it strikes
  std::atomic<std::int32_t> error{0};
};

struct FaultPage {
  FaultCell cells[kFaultPoints];
};

}  // namespace chappe::rt
