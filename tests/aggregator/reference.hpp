// What the statistics are compared with: a two-pass computation in long double over the stored values.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "aggregator/moments.hpp"
#include "aggregator/shape.hpp"

namespace chappe::aggregator {

struct Reference {
  std::uint64_t count = 0, nan = 0;
  long double mean = 0, m2 = 0, largest = 0;  ///< largest: of the absolute values
  double min = std::numeric_limits<double>::infinity(), max = -min, last = std::numeric_limits<double>::quiet_NaN();
  [[nodiscard]] double variance() const { return static_cast<double>(m2 / static_cast<long double>(count - 1)); }
  [[nodiscard]] double rms() const { return static_cast<double>(std::sqrt(m2 / static_cast<long double>(count) + mean * mean)); }
};

template <class T>
Reference reference(const std::vector<T>& values) {
  Reference r;
  for (const T value : values) {
    const double x = static_cast<double>(value);
    r.last = x;
    if (std::isnan(x)) {
      ++r.nan;
      continue;
    }
    ++r.count;
    r.mean += x;
    r.min = std::min(r.min, x);
    r.max = std::max(r.max, x);
    r.largest = std::max<long double>(r.largest, std::fabs(x));
  }
  if (r.count > 0) r.mean /= static_cast<long double>(r.count);
  for (const T value : values) {
    const long double d = static_cast<long double>(value) - r.mean;
    if (!std::isnan(d)) r.m2 += d * d;
  }
  return r;
}

/// How far the mean of merged pieces may be off: it is kept in a double, so each merge rounds twice (the piece's mean and the sum's) by
/// half an epsilon of the value, and the weighted mean of errors is no larger than the largest of them.
inline double rounding_of_means(const Reference& r, std::size_t merges) {
  return static_cast<double>(merges + 1) * std::numeric_limits<double>::epsilon() * static_cast<double>(r.largest);
}
/// What such an error e makes of the variance. The pieces' distances d from the mean enter m2 as sum(n d^2); with d + e for d it changes by
/// 2 sum(n d e) + sum(n e^2), at most 2 e sqrt(n m2) + n e^2 after Cauchy and Schwarz.
inline double variance_error(const Reference& r, double mean_error) {
  const double n = static_cast<double>(r.count);
  return (2 * mean_error * std::sqrt(n * static_cast<double>(r.m2)) + n * mean_error * mean_error) / (n - 1);
}

/// Frame-by-frame memory as in a ring slot: columns[channel][frame], padded with zeros to the stride.
template <class T>
std::vector<std::byte> interleave(const std::vector<std::vector<T>>& columns, std::size_t stride) {
  const std::size_t frames = columns[0].size();
  std::vector<std::byte> bytes(frames * stride);
  for (std::size_t f = 0; f < frames; ++f) {
    for (std::size_t c = 0; c < columns.size(); ++c) std::memcpy(&bytes[f * stride + c * sizeof(T)], &columns[c][f], sizeof(T));
  }
  return bytes;
}

inline bool same_bits(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

inline bool same_bits(const Moments& a, const Moments& b) {
  return a.count == b.count && a.nan == b.nan && same_bits(a.mean, b.mean) && same_bits(a.mean_low, b.mean_low) && same_bits(a.m2, b.m2) &&
         same_bits(a.min, b.min) && same_bits(a.max, b.max) && same_bits(a.last, b.last);
}

inline bool same_bits(const Shape& a, const Shape& b) { return std::memcmp(&a, &b, sizeof a) == 0; }
static_assert(sizeof(Shape) == 80, "no padding, whose bits would mean nothing");

}  // namespace chappe::aggregator
