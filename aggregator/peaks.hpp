// What an engineer asks a spectrum: the strongest tones, and the power in a band. Pure.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "aggregator/welch.hpp"

namespace chappe::aggregator {

/// A tone: amplitude is that of the sine, in the channel's unit.
struct Peak {
  double hz = 0, amplitude = 0;
};

/// The strongest local maxima of the density between the ends, strongest first, none within the taper's half width of a stronger one.
/// The frequency is that of the single tone whose two neighbouring bins have the ratio found (exact for a tone alone, whatever the taper);
/// the amplitude is corrected by what the taper leaves of it between bins.
std::vector<Peak> strongest_peaks(std::span<const double> density, double rate_hz, const Transform& transform, std::size_t most);

/// The sum of density * bin width over the bins with low <= f < high: the mean square of what is in the band. NaN for a density of NaN.
double band_power(std::span<const double> density, double rate_hz, std::size_t length, double low_hz, double high_hz);

}  // namespace chappe::aggregator
