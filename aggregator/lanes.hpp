// Sums of f32 frames, sixteen lanes side by side: what the moments of ordinary data are made from, at the speed of the processor's vectors.
// A lane takes a shift from its values, one of them or 0, adds up the differences and their squares in double, and keeps minimum and
// maximum. It does so in the same order and with the same rounding on every machine: of what passes the check below, each difference is
// exact (Sterbenz 1974, "Floating- point computation", theorem 4.3.1: y/2 <= x <= 2y), so it has the 24 bits of an f32, its square is exact
// in double, and a fused multiply-add rounds as a multiplication and an addition do. Pure; the drain's thread calls it; no allocation.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace chappe::aggregator {

inline constexpr std::size_t kLanes = 16;

struct alignas(64) LaneSums {
  double sum[kLanes], squares[kLanes];  ///< of the differences from the shift
  float min[kLanes], max[kLanes];       ///< of the values
};

/// Rows of `tiles` times sixteen f32 values, `step` bytes apart.
struct LaneRows {
  const std::byte* data;
  std::size_t rows;  ///< at least 1
  std::size_t step;
  std::size_t tiles;
  const float* shift;  ///< one for each lane
};

/// A lane is sound when its shift was 0 or every value lay within a quarter of it, and when its variance loses no more than three digits to
/// the distance between shift and mean. NaN and infinity are never sound.
bool is_sound(const LaneSums& sums, std::size_t lane, float shift, std::size_t values) noexcept;
/// One instruction set's way.
struct LaneUnit {
  const char* name;
  /// A shift for each lane: its first value where a few others lie near it, else 0. `rows.shift` is not looked at.
  void (*choose)(const LaneRows& rows, float* shift) noexcept;
  /// Overwrites sums[0] to sums[tiles - 1]. True: every lane is sound.
  bool (*add)(const LaneRows& rows, LaneSums* sums) noexcept;
};
/// What this processor can do, the best first.
std::span<const LaneUnit> lane_units() noexcept;

}  // namespace chappe::aggregator
