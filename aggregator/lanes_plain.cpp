// What every processor of the baseline has: SSE2 on x86-64, NEON on Arm, through the compiler's portable vectors.
#include "aggregator/lane_loop.hpp"

namespace chappe::aggregator {
namespace {

struct Plain {
  typedef float Floats __attribute__((vector_size(16)));
  typedef float HalfFloats __attribute__((vector_size(8)));
  typedef double Doubles __attribute__((vector_size(16)));
  typedef long long Longs __attribute__((vector_size(16)));
  [[gnu::always_inline]] Doubles widen(const float* from) const noexcept {
    return __builtin_convertvector(load<HalfFloats>(from), Doubles);
  }
  [[gnu::always_inline]] Doubles subtract(Doubles a, Doubles b) const noexcept { return a - b; }
  [[gnu::always_inline]] Doubles add(Doubles a, Doubles b) const noexcept { return a + b; }
  [[gnu::always_inline]] Doubles add_square(Doubles a, Doubles b) const noexcept { return a * a + b; }
  template <class Mask>
  [[gnu::always_inline]] bool all(Mask mask) const noexcept {
    const auto bits = reinterpret_cast<Longs>(mask);
    return (bits[0] & bits[1]) == -1;
  }
};

}  // namespace

void choose_shifts_plain(const LaneRows& rows, float* shift) noexcept { choose_shifts<Plain>(rows, shift); }
bool add_lanes_plain(const LaneRows& rows, LaneSums* sums) noexcept { return add_rows<Plain, 2>(rows, sums); }

}  // namespace chappe::aggregator
