// Welch's estimate of a channel's power spectral density (Welch 1967, "The use of fast Fourier transform for the estimation of power
// spectra", IEEE Trans. Audio Electroacoust. 15(2)): segments of one length, their mean taken off, tapered, transformed, their powers
// averaged. One-sided, unit squared per Hz; what scipy.signal.welch gives with detrend = "constant", average = "mean". The only user of
// FFTW; a plan is made at set-up. One ordinary thread at a time.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "aggregator/taper.hpp"

namespace chappe::aggregator {

/// What all channels of a stream share: the taper and the plan.
class Transform {
 public:
  /// length: values of a segment, at least 8.
  Transform(std::size_t length, config::WindowFunction function);
  ~Transform();
  Transform(const Transform&) = delete;
  Transform& operator=(const Transform&) = delete;
  [[nodiscard]] std::size_t length() const noexcept { return length_; }
  [[nodiscard]] std::size_t bins() const noexcept { return length_ / 2 + 1; }
  [[nodiscard]] const Taper& taper() const noexcept { return taper_; }
  /// Sums of the taper's values and of their squares.
  [[nodiscard]] double sum() const noexcept { return sum_; }
  [[nodiscard]] double sum_of_squares() const noexcept { return sum_of_squares_; }
  /// Adds |X(k)|^2 of one segment, mean taken off, to `power`, which has bins(). False, and nothing added: a value is not finite.
  bool add_power(std::span<const double> segment, std::span<double> power);

 private:
  struct Plan;
  std::size_t length_;
  Taper taper_;
  std::vector<double> weights_;
  double sum_ = 0, sum_of_squares_ = 0;
  std::unique_ptr<Plan> plan_;
};

/// One channel over a window.
class Welch {
 public:
  /// overlap: values that a segment shares with the one before, below the length.
  Welch(std::shared_ptr<Transform> transform, std::size_t overlap);
  void add(std::span<const double> values);
  /// Frames are missing here: no segment spans them.
  void gap() noexcept { filled_ = 0; }
  void clear() noexcept;
  /// Segments that entered, and those left out for a NaN or an infinity.
  [[nodiscard]] std::size_t segments() const noexcept { return segments_; }
  [[nodiscard]] std::size_t left_out() const noexcept { return left_out_; }
  /// The density at k * rate_hz / length, for each bin; NaN without a segment.
  void density(double rate_hz, std::span<double> out) const;
  [[nodiscard]] const Transform& transform() const noexcept { return *transform_; }

 private:
  std::shared_ptr<Transform> transform_;
  std::size_t overlap_;
  std::vector<double> segment_, power_;
  std::size_t filled_ = 0, segments_ = 0, left_out_ = 0;
};

}  // namespace chappe::aggregator
