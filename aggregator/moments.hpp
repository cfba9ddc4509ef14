// Moments and the careful kernel: count, NaN count, mean, sum of squared deviations, minimum, maximum and last value of every channel over
// a run of frames, read in place from a block. Numerically stable: a shift per block and channel, sums in double (f32 and f64 input alike).
// It takes any value; f32 that is ordinary goes through lanes.hpp instead. Pure; the drain thread calls it; no allocation. Merging is Chan,
// Golub, LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample variances", eq. 1.5.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace chappe::aggregator {

inline constexpr double kNone = std::numeric_limits<double>::quiet_NaN();  ///< no such figure

/// One channel over some frames. With count 0 the mean and m2 are 0, min is +inf, max is -inf.
struct Moments {
  std::uint64_t count = 0;  ///< values that entered (NaN is not among them)
  std::uint64_t nan = 0;    ///< NaN values
  double mean = 0;
  double mean_low = 0;  ///< what rounding took off the mean: at 1e9 an epsilon of the mean is too much for merging unit noise
  double m2 = 0;        ///< sum of squared deviations from the mean
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  double last = std::numeric_limits<double>::quiet_NaN();  ///< last value, NaN included
};

/// Moments of `frames` frames; frame i starts at data + i * stride_bytes, channel c at its c-th value of value_bytes (4: f32, 8: f64).
/// `out` has one entry per channel and is overwritten. `shift[c]` is any finite guess of the channel's mean (next_shift()); NaN
/// or infinity: the first finite value is taken. Infinite samples count as values and make mean and m2 what IEEE 754 makes of them.
void block_moments(const std::byte* data, std::size_t frames, std::size_t stride_bytes, std::size_t value_bytes,
                   std::span<const double> shift, std::span<Moments> out) noexcept;

/// A shift for the block that follows these frames: their mean. Before the first frame NaN, so that the kernel takes a value of the block;
/// a channel that was never anything but NaN is not searched again in every block.
inline double next_shift(const Moments& m) noexcept { return m.count + m.nan > 0 ? m.mean : std::numeric_limits<double>::quiet_NaN(); }

/// What rounding took off sum = a + b (Knuth's two-sum); 0 where it is not finite.
inline double rest_of_sum(double a, double b, double sum) noexcept {
  const double b_part = sum - a;
  const double rest = (a - (sum - b_part)) + (b - b_part);
  return std::isfinite(rest) ? rest : 0;
}

/// a becomes the moments of the frames of a followed by those of b.
void merge(Moments& a, const Moments& b) noexcept;
/// The same for all channels at once. Every b holds at least one frame.
void merge_all(std::span<Moments> a, std::span<const Moments> b) noexcept;

double variance(const Moments& m) noexcept;  ///< sample variance m2 / (n - 1); NaN below two values
double rms(const Moments& m) noexcept;       ///< sqrt(m2 / n + mean^2); NaN without values

}  // namespace chappe::aggregator
