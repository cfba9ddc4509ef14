// Figures that are derived from the moments of a window when somebody reads it: written in the window log, shown by viewers. Pure.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>

namespace chappe::shm {

/// One channel over some frames: as aggregator/moments.hpp and aggregator/shape.hpp define them. Each figure is NaN where it has no
/// meaning.
struct Powers {
  double count = 0, mean = 0, m2 = 0, m3 = 0, m4 = 0, min = 0, max = 0;
};

inline constexpr double kNoFigure = std::numeric_limits<double>::quiet_NaN();

/// Values that are all the same have neither.
inline bool has_spread(const Powers& p) noexcept { return p.count > 0 && p.min < p.max && p.m2 > 0; }

/// g1 = (m3 / n) / (m2 / n)^1.5, of the values themselves: no correction for a sample.
inline double skewness(const Powers& p) noexcept {
  const double variance = p.m2 / p.count;
  return has_spread(p) ? p.m3 / p.count / (variance * std::sqrt(variance)) : kNoFigure;
}
/// (m4 / n) / (m2 / n)^2: 3 for a normal distribution, 1.5 for a sine. Not the excess.
inline double kurtosis(const Powers& p) noexcept {
  const double variance = p.m2 / p.count;
  return has_spread(p) ? p.m4 / p.count / (variance * variance) : kNoFigure;
}
inline double rms(const Powers& p) noexcept { return p.count > 0 ? std::sqrt(p.m2 / p.count + p.mean * p.mean) : kNoFigure; }
inline double peak_to_peak(const Powers& p) noexcept { return p.count > 0 ? p.max - p.min : kNoFigure; }
/// The largest magnitude over the RMS.
inline double crest(const Powers& p) noexcept {
  const double whole = rms(p);
  return whole > 0 ? std::max(std::fabs(p.min), std::fabs(p.max)) / whole : kNoFigure;
}

}  // namespace chappe::shm
