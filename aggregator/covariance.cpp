#include "aggregator/covariance.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "rt/result.hpp"

namespace chappe::aggregator {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index kBatch = 512;  // frames of a rank-k update: enough that its packing costs little, few enough for the second-level cache

}  // namespace

struct Covariance::State {
  explicit State(std::size_t n)
      : channels(static_cast<Index>(n)),
        batch(channels, kBatch),
        origin(VectorXd::Zero(channels)),
        shift(VectorXd::Zero(channels)),
        mean(VectorXd::Zero(channels)),
        batch_mean(channels),
        sum(MatrixXd::Zero(channels, channels)) {}
  template <class T>
  void take(const std::byte* data, std::size_t frames, std::size_t stride);
  template <class T>
  void begin(const std::byte* data, std::size_t frames, std::size_t stride);
  void flush();
  void leave_out_what_is_not_finite();
  void move_mean(const VectorXd& other_mean, double n);

  Index channels, used = 0;  ///< used: frames in the batch
  double count = 0;          ///< frames in the sum
  MatrixXd batch;            ///< a column is a frame, less the shift
  VectorXd origin;           ///< a value of each channel: means are kept as distances from it, so that an offset costs them no digits
  VectorXd shift;            ///< of this batch: the mean so far, rounded
  VectorXd mean, batch_mean;
  MatrixXd sum;  ///< of products of deviations from the mean; the lower half
};

/// The origin is the first finite value of each channel.
template <class T>
void Covariance::State::begin(const std::byte* data, std::size_t frames, std::size_t stride) {
  for (Index c = 0; c < channels; ++c) {
    origin(c) = 0;
    for (std::size_t f = 0; f < frames; ++f) {
      const double value = reinterpret_cast<const T*>(data + f * stride)[c];
      if (!std::isfinite(value)) continue;
      origin(c) = value;
      break;
    }
  }
  shift = origin;
}

template <class T>
void Covariance::State::take(const std::byte* data, std::size_t frames, std::size_t stride) {
  if (count == 0 && used == 0 && frames > 0) begin<T>(data, frames, stride);
  for (std::size_t f = 0; f < frames; ++f) {
    const T* const from = reinterpret_cast<const T*>(data + f * stride);
    double* const to = batch.data() + used * channels;
    const double* const less = shift.data();
    for (Index c = 0; c < channels; ++c) to[c] = static_cast<double>(from[c]) - less[c];
    if (++used == kBatch) flush();
  }
}

/// Sums about the shift become sums about the batch's mean by a rank-1 update, but for the first batch, whose shift is only a guess.
void Covariance::State::flush() {
  if (used == 0) return;
  batch_mean = batch.leftCols(used).rowwise().mean();
  if (!batch_mean.allFinite()) {
    leave_out_what_is_not_finite();
    if (used == 0) return;
    batch_mean = batch.leftCols(used).rowwise().mean();
  }
  auto frames = batch.leftCols(used);
  const auto n = static_cast<double>(used);
  if (count == 0) frames.colwise() -= batch_mean;
  sum.selfadjointView<Eigen::Lower>().rankUpdate(frames);
  if (count > 0) sum.selfadjointView<Eigen::Lower>().rankUpdate(batch_mean, -n);
  used = 0;
  move_mean((shift - origin) + batch_mean, n);
  shift = origin + mean;
}

void Covariance::State::leave_out_what_is_not_finite() {
  Index kept = 0;
  for (Index f = 0; f < used; ++f) {
    if (batch.col(f).allFinite()) batch.col(kept++) = batch.col(f);
  }
  used = kept;
}

/// n frames of another mean, whose own sum is in `sum` already, join.
void Covariance::State::move_mean(const VectorXd& other_mean, double n) {
  if (!(n > 0)) return;
  const double all = count + n;
  const VectorXd apart = other_mean - mean;
  if (count > 0) sum.selfadjointView<Eigen::Lower>().rankUpdate(apart, count * (n / all));
  mean = count > 0 ? VectorXd(mean + apart * (n / all)) : other_mean;
  count = all;
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
  if (mine.count == 0) mine.origin = theirs.origin;
  mine.sum.triangularView<Eigen::Lower>() += theirs.sum;
  mine.move_mean((theirs.origin - mine.origin) + theirs.mean, theirs.count);
  mine.shift = mine.origin + mine.mean;
}

void Covariance::clear() {
  state_->used = 0;
  state_->count = 0;
  state_->mean.setZero();
  state_->sum.setZero();
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
  to = state_->sum.selfadjointView<Eigen::Lower>();
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
