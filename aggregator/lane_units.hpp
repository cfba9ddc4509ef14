// The instruction sets of lanes.hpp, each in a source of its own, compiled for it: to be called where the processor has it.
#pragma once
#include "aggregator/lanes.hpp"

namespace chappe::aggregator {

// What is sound, for the check behind the loop and for is_sound().
inline constexpr float kNear = 0.25F;
/// The two-sum formula loses log10(squares / m2) digits: at most three when sum^2 / n is below this share of squares.
inline constexpr double kShare = 0.999;
inline constexpr double kAnyShare = 1e300;  ///< a single value has no variance to lose
inline constexpr double kLeast = 1e-300;    ///< no difference at all is sound

void choose_shifts_plain(const LaneRows& rows, float* shift) noexcept;
bool add_lanes_plain(const LaneRows& rows, LaneSums* sums) noexcept;
#if defined(__x86_64__)
void choose_shifts_avx2(const LaneRows& rows, float* shift) noexcept;
bool add_lanes_avx2(const LaneRows& rows, LaneSums* sums) noexcept;
#endif

}  // namespace chappe::aggregator
