#include "aggregator/run_moments.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

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

}  // namespace

std::size_t lanes_of(std::size_t channels) noexcept { return (channels + kLanes - 1) / kLanes * kLanes; }

bool RunMoments::takes(std::size_t stride) noexcept {
  return stride % kTileBytes == 0 || (kTileBytes % stride == 0 && stride % sizeof(float) == 0);
}

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
  else if (frames * stride >= kTileBytes)
    measure_narrow(data, stride, open);
  else
    measure_with_care(0, data, stride, open);
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
  for (std::size_t c = 0; c < channels; ++c) means[c] = next_shift(open[first + c]);
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
      m.mean_low = rest_of_sum(m.mean, step, mean);
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
