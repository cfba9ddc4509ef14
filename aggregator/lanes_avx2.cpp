// AVX2 and FMA, which come together in every processor that has either. An AVX2 core adds, compares and converts on two of its ports and
// multiplies on the other two: half of the additions are therefore written as multiplications by one, which round alike.
#include <immintrin.h>

#include "aggregator/lane_loop.hpp"

namespace chappe::aggregator {
namespace {

struct Avx2 {
  using Floats = __m256;
  using Doubles = __m256d;
  Doubles one = _mm256_set1_pd(1);
  Avx2() noexcept { asm("" : "+x"(one)); }  // hides its value: the compiler would make additions of the multiplications
  Doubles widen(const float* from) const noexcept { return _mm256_cvtps_pd(_mm_loadu_ps(from)); }
  Doubles subtract(Doubles a, Doubles b) const noexcept { return _mm256_fmsub_pd(a, one, b); }
  Doubles add(Doubles a, Doubles b) const noexcept { return _mm256_fmadd_pd(a, one, b); }
  Doubles add_square(Doubles a, Doubles b) const noexcept { return _mm256_fmadd_pd(a, a, b); }
  template <class Mask>
  bool all(Mask mask) const noexcept {
    return _mm256_movemask_epi8(reinterpret_cast<__m256i>(mask)) == -1;
  }
};

}  // namespace

void choose_shifts_avx2(const LaneRows& rows, float* shift) noexcept { choose_shifts<Avx2>(rows, shift); }
bool add_lanes_avx2(const LaneRows& rows, LaneSums* sums) noexcept { return add_rows<Avx2, 2>(rows, sums); }

}  // namespace chappe::aggregator
