#include "aggregator/run_moments.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace chappe::aggregator {
namespace {

constexpr std::size_t kTileBytes = kLanes * sizeof(float);
using Lanes = std::array<double, kLanes>;

const LaneUnit kUnit = lane_units().front();  ///< chosen before main

/// Frames of fewer than sixteen lanes lie several to a row; those behind the last whole row go into the lanes of one that would follow.
void add_rest(const std::byte* data, std::size_t frames, std::size_t lanes, const float* shift, LaneSums& sums) noexcept {
  for (std::size_t i = 0; i < frames * lanes; ++i) {
    float x = 0;
    std::memcpy(&x, data + i * sizeof x, sizeof x);
    const double d = static_cast<double>(x) - static_cast<double>(shift[i]);
    sums.sum[i] += d;
    sums.squares[i] += d * d;
    sums.min[i] = x < sums.min[i] ? x : sums.min[i];
    sums.max[i] = x > sums.max[i] ? x : sums.max[i];
  }
}

/// Lane l of a row belongs to channel l modulo `lanes`.
void fold(LaneSums& sums, std::size_t lanes) noexcept {
  for (std::size_t i = lanes; i < kLanes; ++i) {
    const std::size_t c = i % lanes;
    sums.sum[c] += sums.sum[i];
    sums.squares[c] += sums.squares[i];
    sums.min[c] = std::min(sums.min[c], sums.min[i]);
    sums.max[c] = std::max(sums.max[c], sums.max[i]);
  }
}

/// What rounding took off sum = a + b (Knuth's two-sum) where all are finite.
double rest_of_sum(double a, double b, double sum) noexcept {
  const double b_part = sum - a;
  return (a - (sum - b_part)) + (b - b_part);
}

/// An infinite mean has no rest.
double finite_or_0(double x) noexcept { return x - x == 0 ? x : 0; }

/// Channels merged at once: the intermediate arrays stand on the stack.
constexpr std::size_t kChunk = 16;
using Values = Eigen::Array<double, Eigen::Dynamic, 1, 0, kChunk, 1>;
/// One member of consecutive Moments, as an array over the channels.
template <class T>
using Column = Eigen::Map<std::conditional_t<std::is_const_v<T>, const Eigen::Array<std::remove_const_t<T>, Eigen::Dynamic, 1>,
                                             Eigen::Array<T, Eigen::Dynamic, 1>>,
                          Eigen::Unaligned, Eigen::InnerStride<sizeof(Moments) / sizeof(double)>>;
static_assert(sizeof(Moments) % sizeof(double) == 0 && sizeof(std::uint64_t) == sizeof(double));

template <class T>
Column<T> column(std::span<Moments> rows, T Moments::*member) noexcept {
  return {&(rows[0].*member), static_cast<Eigen::Index>(rows.size())};
}
template <class T>
Column<const T> column(std::span<const Moments> rows, T Moments::*member) noexcept {
  return {&(rows[0].*member), static_cast<Eigen::Index>(rows.size())};
}

/// merge(a[c], b[c]) of moments.hpp for all channels at once. Every b holds at least one frame.
void merge_chunk(std::span<Moments> a, std::span<const Moments> b) noexcept {
  auto mean_a = column(a, &Moments::mean), low_a = column(a, &Moments::mean_low), m2_a = column(a, &Moments::m2);
  const auto mean_b = column(b, &Moments::mean), low_b = column(b, &Moments::mean_low), m2_b = column(b, &Moments::m2);
  const Values n_a = column(a, &Moments::count).cast<double>(), n_b = column(b, &Moments::count).cast<double>();
  const Values delta = (mean_b - mean_a) + (low_b - low_a);
  const Values part = n_b / (n_a + n_b).max(1);
  const Values m2 = m2_a + (m2_b + delta * delta * (n_a * part));
  const Values step = delta * part + low_a;
  const Values mean = mean_a + step;
  const Values rest = (mean_a - (mean - (mean - mean_a))) + (step - (mean - mean_a));  // what rounding took off the mean (Knuth's two-sum)
  const Values low = rest.isFinite().select(rest, 0);
  // Without values on one side the other's moments stand: an infinite mean times 0 would spoil them.
  m2_a = (n_a == 0).select(m2_b, (n_b == 0).select(m2_a, m2));
  low_a = (n_a == 0).select(low_b, (n_b == 0).select(low_a, low));
  mean_a = (n_a == 0).select(mean_b, (n_b == 0).select(mean_a, mean));
  column(a, &Moments::count) += column(b, &Moments::count);
  column(a, &Moments::nan) += column(b, &Moments::nan);
  column(a, &Moments::min) = column(a, &Moments::min).min(column(b, &Moments::min));
  column(a, &Moments::max) = column(a, &Moments::max).max(column(b, &Moments::max));
  column(a, &Moments::last) = column(b, &Moments::last);
}

}  // namespace

void merge_all(std::span<Moments> a, std::span<const Moments> b) noexcept {
  for (std::size_t c = 0; c < a.size(); c += kChunk) {
    const std::size_t n = std::min(kChunk, a.size() - c);
    merge_chunk(a.subspan(c, n), b.subspan(c, n));
  }
}

std::size_t lanes_of(std::size_t channels) noexcept { return (channels + kLanes - 1) / kLanes * kLanes; }

RunMoments::RunMoments(std::size_t channels)
    : channels_(channels),
      sums_(lanes_of(channels) / kLanes),
      sound_(sums_.size()),
      shift_(lanes_of(channels)),
      last_(lanes_of(channels)),
      careful_(channels) {}

void RunMoments::measure(const std::byte* data, std::size_t frames, std::size_t stride, std::span<const Moments> open) noexcept {
  frames_ = frames;
  std::memcpy(last_.data(), data + (frames - 1) * stride, channels_ * sizeof(float));
  if (stride % kTileBytes == 0)
    measure_wide(data, stride, open);
  else if (kTileBytes % stride == 0 && frames * stride >= kTileBytes)
    measure_narrow(data, stride, open);
  else
    for (std::size_t tile = 0; tile < sums_.size(); ++tile) measure_with_care(tile, data, stride, open);
}

void RunMoments::measure_wide(const std::byte* data, std::size_t stride, std::span<const Moments> open) noexcept {
  const LaneRows rows{.data = data, .rows = frames_, .step = stride, .tiles = sums_.size(), .shift = shift_.data()};
  std::fill(sound_.begin(), sound_.end(), 1);
  kUnit.choose(rows, shift_.data());
  if (kUnit.add(rows, sums_.data())) return;
  for (std::size_t c = 0; c < channels_; ++c) {
    const std::size_t tile = c / kLanes;
    if (sound_[tile] == 0 || is_sound(sums_[tile], c % kLanes, shift_[c], frames_)) continue;
    measure_with_care(tile, data, stride, open);
  }
}

void RunMoments::measure_narrow(const std::byte* data, std::size_t stride, std::span<const Moments> open) noexcept {
  const std::size_t lanes = stride / sizeof(float), rows = frames_ * stride / kTileBytes;
  const LaneRows whole{.data = data, .rows = rows, .step = kTileBytes, .tiles = 1, .shift = shift_.data()};
  kUnit.choose(whole, shift_.data());
  for (std::size_t i = lanes; i < kLanes; ++i) shift_[i] = shift_[i % lanes];  // a channel has one
  static_cast<void>(kUnit.add(whole, sums_.data()));
  add_rest(data + rows * kTileBytes, frames_ - rows * kTileBytes / stride, lanes, shift_.data(), sums_[0]);
  fold(sums_[0], lanes);
  sound_[0] = 1;
  for (std::size_t c = 0; c < channels_ && sound_[0] != 0; ++c) {
    if (!is_sound(sums_[0], c, shift_[c], frames_)) measure_with_care(0, data, stride, open);
  }
}

void RunMoments::measure_with_care(std::size_t tile, const std::byte* data, std::size_t stride, std::span<const Moments> open) noexcept {
  const std::size_t first = tile * kLanes, channels = std::min(kLanes, channels_ - first);
  Lanes means{};
  for (std::size_t c = 0; c < channels; ++c) {
    const Moments& m = open[first + c];
    means[c] = m.count + m.nan > 0 ? m.mean : std::numeric_limits<double>::quiet_NaN();
  }
  sound_[tile] = 0;
  block_moments(data + first * sizeof(float), frames_, stride, sizeof(float), std::span(means).first(channels),
                std::span(careful_).subspan(first, channels));
}

/// merge() of moments.hpp. The channels of a window have mostly the same count, so that one division serves them all.
void RunMoments::merge_tile(std::size_t tile, std::span<Moments> a) const noexcept {
  const LaneSums& sums = sums_[tile];
  const double n_b = static_cast<double>(frames_), share = 1 / n_b;
  std::uint64_t count = 0;
  double n_a = 0, part = 1;
  for (std::size_t c = 0; c < a.size(); ++c) {
    Moments& m = a[c];
    const double shift = static_cast<double>(shift_[tile * kLanes + c]), from_shift = sums.sum[c] * share, mean_b = shift + from_shift;
    const double low_b = rest_of_sum(shift, from_shift, mean_b), m2_b = std::max(sums.squares[c] - sums.sum[c] * from_shift, 0.0);
    if (m.count == 0) {
      m.mean = mean_b;
      m.mean_low = low_b;
      m.m2 = m2_b;
    } else {
      if (m.count != count) {
        count = m.count;
        n_a = static_cast<double>(count);
        part = n_b / (n_a + n_b);
      }
      const double delta = (mean_b - m.mean) + (low_b - m.mean_low);
      m.m2 += m2_b + delta * delta * (n_a * part);
      const double step = delta * part + m.mean_low, mean = m.mean + step;
      m.mean_low = finite_or_0(rest_of_sum(m.mean, step, mean));
      m.mean = mean;
    }
    m.count += frames_;
    m.min = std::min(m.min, static_cast<double>(sums.min[c]));
    m.max = std::max(m.max, static_cast<double>(sums.max[c]));
    m.last = static_cast<double>(last_[tile * kLanes + c]);
  }
}

void RunMoments::merge_into(std::span<Moments> a) const noexcept {
  for (std::size_t first = 0; first < channels_; first += kLanes) {
    const std::size_t tile = first / kLanes, channels = std::min(kLanes, channels_ - first);
    if (sound_[tile] == 0) {
      merge_all(a.subspan(first, channels), std::span(careful_).subspan(first, channels));
      continue;
    }
    merge_tile(tile, a.subspan(first, channels));
  }
}

}  // namespace chappe::aggregator
