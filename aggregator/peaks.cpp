#include "aggregator/peaks.hpp"

#include <algorithm>
#include <cmath>

namespace chappe::aggregator {
namespace {

/// How far the tone lies from the middle one of three bins, in bins: where the taper's response has the ratio of the outer two. That ratio
/// grows with the distance, so that halving finds it.
double offset_of(double left, double right, const Taper& taper) {
  const double wanted = right / left;
  double low = -0.5, high = 0.5;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    const double of_left = taper.response(-1 - middle), of_right = taper.response(1 - middle);
    (of_right * of_right < wanted * (of_left * of_left) ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

std::vector<Peak> strongest_peaks(std::span<const double> density, double rate_hz, const Transform& transform, std::size_t most) {
  std::vector<std::size_t> maxima;
  for (std::size_t k = 1; k + 1 < density.size(); ++k) {
    if (density[k] > 0 && density[k] >= density[k - 1] && density[k] > density[k + 1]) maxima.push_back(k);
  }
  // Not stable_sort: libstdc++ 12 calls there what it deprecates, and clang says so.
  std::ranges::sort(maxima, [&](std::size_t a, std::size_t b) { return density[a] != density[b] ? density[a] > density[b] : a < b; });
  std::vector<std::size_t> chosen;
  std::vector<Peak> peaks;
  const Taper& taper = transform.taper();
  for (const std::size_t k : maxima) {
    if (peaks.size() == most) break;
    const auto is_near = [&](std::size_t other) { return (k > other ? k - other : other - k) <= taper.half_width(); };
    if (std::any_of(chosen.begin(), chosen.end(), is_near)) continue;
    chosen.push_back(k);
    // What has no mirror image stands once in the density, the others twice.
    const bool is_nyquist = transform.length() % 2 == 0 && k + 2 == density.size();
    const double left = density[k - 1] * (k == 1 ? 2 : 1), right = density[k + 1] * (is_nyquist ? 2 : 1);
    const double offset = left > 0 ? offset_of(left, right, taper) : 0;
    // One-sided density to the power of a sine, amplitude^2 / 2: times rate * sum(w^2) / sum(w)^2.
    const double response = taper.response(-offset);
    const double power = density[k] * rate_hz * transform.sum_of_squares() / (response * response);
    peaks.push_back(
        {.hz = (static_cast<double>(k) + offset) * rate_hz / static_cast<double>(transform.length()), .amplitude = std::sqrt(2 * power)});
  }
  return peaks;
}

double band_power(std::span<const double> density, double rate_hz, std::size_t length, double low_hz, double high_hz) {
  const double width = rate_hz / static_cast<double>(length);
  double sum = 0;
  for (std::size_t k = 0; k < density.size(); ++k) {
    const double f = static_cast<double>(k) * width;
    if (f >= low_hz && f < high_hz) sum += density[k];
  }
  return sum * width;
}

}  // namespace chappe::aggregator
