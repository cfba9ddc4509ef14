#include "aggregator/taper.hpp"

#include <cmath>
#include <complex>
#include <numbers>

namespace chappe::aggregator {
namespace {

using std::numbers::pi;

std::vector<double> coefficients(config::WindowFunction function) {
  switch (function) {
    case config::WindowFunction::rect:
      return {1};
    case config::WindowFunction::hann:
      return {0.5, 0.5};
    case config::WindowFunction::hamming:
      return {0.54, 0.46};
    case config::WindowFunction::blackman:
      return {0.42, 0.5, 0.08};
    case config::WindowFunction::flattop:
      return {0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368};
  }
  return {1};
}

/// sum over i of exp(-2 pi j x i / N), a geometric series.
std::complex<double> sum_of_turns(double x, double n) {
  const double turn = x / n;
  if (turn == std::floor(turn)) return n;
  return std::sin(pi * x) / std::sin(pi * turn) * std::polar(1.0, -pi * x * (n - 1) / n);
}

}  // namespace

Taper::Taper(config::WindowFunction function, std::size_t length) : coefficients_(coefficients(function)), length_(length) {}

std::vector<double> Taper::values() const {
  std::vector<double> w(length_);
  for (std::size_t i = 0; i < length_; ++i) {
    double sign = 1;
    for (std::size_t m = 0; m < coefficients_.size(); ++m, sign = -sign) {
      // Reduced before it is rounded: the angle of a long window keeps its digits.
      const double turn = static_cast<double>(m * i % length_) / static_cast<double>(length_);
      w[i] += sign * coefficients_[m] * std::cos(2 * pi * turn);
    }
  }
  return w;
}

double Taper::response(double x) const {
  const auto n = static_cast<double>(length_);
  std::complex<double> sum = coefficients_[0] * sum_of_turns(x, n);
  double half = -0.5;
  for (std::size_t m = 1; m < coefficients_.size(); ++m, half = -half) {
    const auto by = static_cast<double>(m);
    sum += half * coefficients_[m] * (sum_of_turns(x - by, n) + sum_of_turns(x + by, n));
  }
  return std::abs(sum);
}

}  // namespace chappe::aggregator
