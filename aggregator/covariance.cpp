#include "aggregator/covariance.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "aggregator/shifted.hpp"
#include "rt/result.hpp"

namespace chappe::aggregator {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Frames of a rank-k update: as many as stay in the first-level cache between writing, summing up and multiplying.
Index batch_for(Index channels) { return std::clamp<Index>(2048 / channels, 16, 512) / 4 * 4; }

}  // namespace

struct Covariance::State {
  explicit State(std::size_t n)
      : channels(static_cast<Index>(n)),
        batch(channels, batch_for(channels)),
        shift(VectorXd::Zero(channels)),
        batch_sum(VectorXd::Zero(channels)),
        sum(VectorXd::Zero(channels)),
        products(MatrixXd::Zero(channels, channels)) {}
  template <class T>
  void take(const std::byte* data, std::size_t frames, std::size_t stride);
  template <class T>
  void begin(const std::byte* data, std::size_t frames, std::size_t stride);
  void flush();
  void begin_about_the_mean();
  void leave_out_what_is_not_finite();
  void sum_up() { batch_sum = batch.leftCols(used).rowwise().sum(); }

  Index channels, used = 0;  ///< used: frames in the batch
  double count = 0;          ///< frames in the sums
  MatrixXd batch;            ///< a column is a frame, less the shift
  VectorXd shift, batch_sum, sum;
  MatrixXd products;  ///< sum of d d', d a frame less the shift; the lower half
};

/// A first guess: the first finite value of each channel.
template <class T>
void Covariance::State::begin(const std::byte* data, std::size_t frames, std::size_t stride) {
  for (Index c = 0; c < channels; ++c) {
    shift(c) = 0;
    for (std::size_t f = 0; f < frames; ++f) {
      const double value = reinterpret_cast<const T*>(data + f * stride)[c];
      if (!std::isfinite(value)) continue;
      shift(c) = value;
      break;
    }
  }
}

template <class T>
void Covariance::State::take(const std::byte* data, std::size_t frames, std::size_t stride) {
  if (count == 0 && used == 0) begin<T>(data, frames, stride);
  for (std::size_t f = 0; f < frames;) {
    const std::size_t together = std::min(static_cast<std::size_t>(batch.cols() - used), frames - f);
    shift_frames(data + f * stride, together, stride, sizeof(T), static_cast<std::size_t>(channels), shift.data(),
                 batch.data() + used * channels, batch_sum.data());
    used += static_cast<Index>(together);
    f += together;
    if (used == batch.cols()) flush();
  }
}

void Covariance::State::flush() {
  if (used == 0) return;
  if (!batch_sum.allFinite()) leave_out_what_is_not_finite();
  if (count == 0 && used > 0) begin_about_the_mean();
  if (used > 0) products.selfadjointView<Eigen::Lower>().rankUpdate(batch.leftCols(used));
  sum += batch_sum;
  count += static_cast<double>(used);
  batch_sum.setZero();
  used = 0;
}

/// From the second batch on the shift is the mean of the first.
void Covariance::State::begin_about_the_mean() {
  const VectorXd mean = shift + batch_sum / static_cast<double>(used);
  const VectorXd by = mean - shift;  // what rounding made of it
  batch.leftCols(used).colwise() -= by;
  shift = mean;
  sum_up();
}

void Covariance::State::leave_out_what_is_not_finite() {
  Index kept = 0;
  for (Index f = 0; f < used; ++f) {
    if (batch.col(f).allFinite()) batch.col(kept++) = batch.col(f);
  }
  used = kept;
  sum_up();
}

Covariance::Covariance(std::size_t channels) : state_(std::make_unique<State>(channels)) {}
Covariance::~Covariance() = default;
Covariance::Covariance(Covariance&&) noexcept = default;
Covariance& Covariance::operator=(Covariance&&) noexcept = default;

void Covariance::add(const std::byte* data, std::size_t frames, std::size_t stride_bytes, std::size_t value_bytes) {
  if (value_bytes == sizeof(float))
    state_->take<float>(data, frames, stride_bytes);
  else
    state_->take<double>(data, frames, stride_bytes);
}

void Covariance::merge(Covariance& other) {
  CHAPPE_EXPECTS(other.state_->channels == state_->channels);
  State& mine = *state_;
  State& theirs = *other.state_;
  mine.flush();
  theirs.flush();
  if (theirs.count == 0) return;
  if (mine.count == 0) mine.shift = theirs.shift;
  // d + by for d: sum (d + by)(d + by)'.
  const VectorXd by = theirs.shift - mine.shift;
  mine.products.triangularView<Eigen::Lower>() += theirs.products;
  mine.products += by * theirs.sum.transpose() + theirs.sum * by.transpose() + theirs.count * (by * by.transpose());
  mine.sum += theirs.sum + theirs.count * by;
  mine.count += theirs.count;
}

void Covariance::clear() {
  state_->used = 0;
  state_->count = 0;
  state_->batch_sum.setZero();
  state_->sum.setZero();
  state_->products.setZero();
}

std::uint64_t Covariance::count() const noexcept {
  return static_cast<std::uint64_t>(state_->count) + static_cast<std::uint64_t>(state_->used);
}

void Covariance::covariance(std::span<double> out) {
  state_->flush();
  const double n = state_->count;
  Eigen::Map<MatrixXd> to(out.data(), state_->channels, state_->channels);
  if (n < 2) {
    to.setConstant(std::numeric_limits<double>::quiet_NaN());
    return;
  }
  // About the mean and not the shift: sum d d' - s s' / n.
  const MatrixXd about_mean = state_->products - state_->sum * state_->sum.transpose() / n;
  to = about_mean.selfadjointView<Eigen::Lower>();
  to /= n - 1;
}

void Covariance::correlation(std::span<double> out) {
  covariance(out);
  Eigen::Map<MatrixXd> to(out.data(), state_->channels, state_->channels);
  const VectorXd deviation = to.diagonal().cwiseSqrt();
  for (Index c = 0; c < state_->channels; ++c) {
    for (Index r = 0; r < state_->channels; ++r) {
      const double product = deviation(r) * deviation(c);
      to(r, c) = product > 0 ? std::clamp(to(r, c) / product, -1.0, 1.0) : std::numeric_limits<double>::quiet_NaN();
    }
    if (deviation(c) > 0) to(c, c) = 1;
  }
}

}  // namespace chappe::aggregator
