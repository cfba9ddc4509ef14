// Moments of two runs of frames become those of both.
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "aggregator/moments.hpp"

namespace chappe::aggregator {
namespace {

/// Channels merged at once: the intermediate arrays stand on the stack.
constexpr std::size_t kChunk = 16;
using Values = Eigen::Array<double, Eigen::Dynamic, 1, 0, kChunk, 1>;
/// One member of consecutive Moments, as an array over the channels.
template <class T>
using Column = Eigen::Map<std::conditional_t<std::is_const_v<T>, const Eigen::Array<std::remove_const_t<T>, Eigen::Dynamic, 1>,
                                             Eigen::Array<T, Eigen::Dynamic, 1>>,
                          Eigen::Unaligned, Eigen::InnerStride<sizeof(Moments) / sizeof(double)>>;
static_assert(sizeof(Moments) % sizeof(double) == 0 && sizeof(std::uint64_t) == sizeof(double));

template <class T>
Column<T> column(std::span<Moments> rows, T Moments::*member) noexcept {
  return {&(rows[0].*member), static_cast<Eigen::Index>(rows.size())};
}
template <class T>
Column<const T> column(std::span<const Moments> rows, T Moments::*member) noexcept {
  return {&(rows[0].*member), static_cast<Eigen::Index>(rows.size())};
}

/// merge(a[c], b[c]) of moments.hpp for all channels at once. Every b holds at least one frame.
void merge_chunk(std::span<Moments> a, std::span<const Moments> b) noexcept {
  auto mean_a = column(a, &Moments::mean), low_a = column(a, &Moments::mean_low), m2_a = column(a, &Moments::m2);
  const auto mean_b = column(b, &Moments::mean), low_b = column(b, &Moments::mean_low), m2_b = column(b, &Moments::m2);
  const Values n_a = column(a, &Moments::count).cast<double>(), n_b = column(b, &Moments::count).cast<double>();
  const Values delta = (mean_b - mean_a) + (low_b - low_a);
  const Values part = n_b / (n_a + n_b).max(1);
  const Values m2 = m2_a + (m2_b + delta * delta * (n_a * part));
  const Values step = delta * part + low_a;
  const Values mean = mean_a + step;
  const Values rest = (mean_a - (mean - (mean - mean_a))) + (step - (mean - mean_a));  // what rounding took off the mean (Knuth's two-sum)
  const Values low = rest.isFinite().select(rest, 0);
  // Without values on one side the other's moments stand: an infinite mean times 0 would spoil them.
  m2_a = (n_a == 0).select(m2_b, (n_b == 0).select(m2_a, m2));
  low_a = (n_a == 0).select(low_b, (n_b == 0).select(low_a, low));
  mean_a = (n_a == 0).select(mean_b, (n_b == 0).select(mean_a, mean));
  column(a, &Moments::count) += column(b, &Moments::count);
  column(a, &Moments::nan) += column(b, &Moments::nan);
  column(a, &Moments::min) = column(a, &Moments::min).min(column(b, &Moments::min));
  column(a, &Moments::max) = column(a, &Moments::max).max(column(b, &Moments::max));
  column(a, &Moments::last) = column(b, &Moments::last);
}

}  // namespace

void merge_all(std::span<Moments> a, std::span<const Moments> b) noexcept {
  for (std::size_t c = 0; c < a.size(); c += kChunk) {
    const std::size_t n = std::min(kChunk, a.size() - c);
    merge_chunk(a.subspan(c, n), b.subspan(c, n));
  }
}

}  // namespace chappe::aggregator
