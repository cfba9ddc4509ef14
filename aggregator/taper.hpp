// The window functions of a spectrum, all of them sums of cosines: w(i) = sum over m of (-1)^m a(m) cos(2 pi m i / N), i from 0 to N - 1
// (the periodic form, as scipy.signal.get_window gives it). Coefficients: Harris 1978, "On the use of windows for harmonic analysis with
// the discrete Fourier transform", Proc. IEEE 66(1); flat top: D'Antona and Ferrero 2006, as scipy has it. Pure.
#pragma once
#include <cstddef>
#include <vector>

#include "config/config.hpp"

namespace chappe::aggregator {

class Taper {
 public:
  explicit Taper(config::WindowFunction function, std::size_t length);
  [[nodiscard]] std::vector<double> values() const;
  /// |sum over i of w(i) exp(-2 pi j x i / N)|: what a tone `x` bins away leaves in a bin. Any real x.
  [[nodiscard]] double response(double x) const;
  /// Bins from the centre of a tone to the first zero.
  [[nodiscard]] std::size_t half_width() const noexcept { return coefficients_.size(); }

 private:
  std::vector<double> coefficients_;
  std::size_t length_;
};

}  // namespace chappe::aggregator
