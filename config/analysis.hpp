// What an ordinary-priority thread of the aggregator computes of each window beside its moments: [analysis] and [stream.analysis]. Plain
// values; part of config/config.hpp. Without any of it nothing leaves the drain.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace chappe::config {

enum class WindowFunction { rect, hann, hamming, blackman, flattop };

/// From low to below high.
struct Band {
  std::string name;
  double low_hz = 0, high_hz = 0;
  bool operator==(const Band&) const = default;
};

struct Spectrum {
  std::uint64_t length = 0;  ///< values of a segment; 0: no spectrum
  double overlap = 0.5;      ///< the share of a segment that is the next one's, too
  WindowFunction window = WindowFunction::hann;
  std::uint64_t peaks = 3;  ///< the strongest tones
  std::vector<Band> bands;
  bool operator==(const Spectrum&) const = default;
};

struct Analysis {
  std::vector<double> quantiles;  ///< levels from 0 to 1, ascending; empty: none
  std::uint64_t hold = 65'536;    ///< values of a channel and window that are kept for exact quantiles; beyond, a sketch
  double relative_error = 0.01;   ///< of the sketch
  std::uint64_t histogram = 0;    ///< bins between the smallest and the largest value of the window; 0: none
  std::int64_t ewma_ns = 0;       ///< time constant of the exponentially weighted mean; 0: none
  bool covariance = false;        ///< and correlation
  Spectrum spectrum;
  [[nodiscard]] bool is_on() const { return !quantiles.empty() || histogram > 0 || ewma_ns > 0 || covariance || spectrum.length > 0; }
  bool operator==(const Analysis&) const = default;
};

}  // namespace chappe::config
