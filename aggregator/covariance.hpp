// Covariance of the channels of one stream over a window: sums of products of the frames less a shift, by Eigen's rank-k updates, a batch
// of frames at a time (the shifted computation of Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance", eq. 1.6). The
// shift is the mean of the window's own first batch of K frames: whatever comes after, the subtraction at the end cancels at most the part
// N / K of the N frames' own sum, so that log2(1 + N / K) of a double's 53 bits are the most that it costs. A frame with a NaN or an
// infinity in any channel enters nothing. One ordinary thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace chappe::aggregator {

class Covariance {
 public:
  explicit Covariance(std::size_t channels);
  ~Covariance();
  Covariance(Covariance&&) noexcept;
  Covariance& operator=(Covariance&&) noexcept;

  /// Frame i starts at data + i * stride_bytes; values of value_bytes (4: f32, 8: f64).
  void add(const std::byte* data, std::size_t frames, std::size_t stride_bytes, std::size_t value_bytes);
  /// This becomes what the frames of both give. The same channels.
  void merge(Covariance& other);
  void clear();
  /// Frames that entered; of the newest, less than a batch, those too that will not.
  [[nodiscard]] std::uint64_t count() const noexcept;
  /// Sample covariance, sum((x - mean x)(y - mean y)) / (n - 1): channels x channels, row by row, symmetric. NaN below two frames.
  void covariance(std::span<double> out);
  /// Pearson's: covariance over the product of the deviations, 1 on the diagonal; NaN with a channel that does not vary.
  void correlation(std::span<double> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chappe::aggregator
