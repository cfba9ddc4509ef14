// Fault points: names for the places at which a test lets this process die, stand still, or be refused by the kernel. They exist in the
// presets `faults` and `asan-ubsan` alone; elsewhere the macros are nothing. Real time: a relaxed add and a look whether the point is
// armed.
#pragma once
#ifdef CHAPPE_FAULT_POINTS

#include "rt/fault_page.hpp"

namespace chappe::rt {

extern FaultPage* fault_page;  ///< of CHAPPE_FAULT_PAGE, mapped before main; without it a page of the process's own

/// Kills or stops the process, or sets errno; true: the call shall fail.
bool strike(FaultCell& cell) noexcept;

inline bool reach(FaultPoint point) noexcept {
  FaultCell& cell = fault_page->cells[static_cast<std::uint32_t>(point)];
  cell.hits.fetch_add(1, std::memory_order_relaxed);
  return cell.action.load(std::memory_order_acquire) != FaultAction::none && strike(cell);
}

}  // namespace chappe::rt

/// Behind a side-effect.
#define CHAPPE_FAULT(name) static_cast<void>(::chappe::rt::reach(::chappe::rt::FaultPoint::name))
/// Before a call that can fail: `if (CHAPPE_FAULT_ERRNO(name) || call() != 0)`. True: errno is set as by the call, which is not made.
#define CHAPPE_FAULT_ERRNO(name) ::chappe::rt::reach(::chappe::rt::FaultPoint::name)

#else

#define CHAPPE_FAULT(name) static_cast<void>(0)
#define CHAPPE_FAULT_ERRNO(name) false

#endif
