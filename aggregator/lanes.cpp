#include "aggregator/lanes.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "aggregator/lane_units.hpp"

namespace chappe::aggregator {
// The operations of lane_loop.hpp, one lane at a time.
bool is_sound(const LaneSums& sums, std::size_t lane, float shift, std::size_t values) noexcept {
  const float farthest = std::max(sums.max[lane] - shift, shift - sums.min[lane]);
  if (shift != 0 && !(farthest <= std::fabs(shift) * kNear)) return false;
  const double share = values > 1 ? static_cast<double>(values) * kShare : kAnyShare;
  return sums.sum[lane] * sums.sum[lane] < sums.squares[lane] * share + kLeast;
}

std::span<const LaneUnit> lane_units() noexcept {
#if defined(__x86_64__)
  static constexpr std::array<LaneUnit, 2> kUnits{
      {{"avx2", choose_shifts_avx2, add_lanes_avx2}, {"plain", choose_shifts_plain, add_lanes_plain}}};
  static const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return std::span(kUnits).subspan(has_avx2 ? 0 : 1);
#else
  static constexpr std::array<LaneUnit, 1> kUnits{{{"plain", choose_shifts_plain, add_lanes_plain}}};
  return kUnits;
#endif
}

}  // namespace chappe::aggregator
