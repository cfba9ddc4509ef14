// Moments of a run of f32 frames, in two phases: measure() reads the frames once, merge_into() adds them to a window and reads nothing of
// them. Sixteen channels are a tile of sums (lanes.hpp); a tile that is not sound, NaN and infinity among them, is read again by the
// careful kernel (moments.hpp). The drain's thread; no allocation after construction.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "aggregator/lanes.hpp"
#include "aggregator/moments.hpp"

namespace chappe::aggregator {

/// A whole number of tiles: the channels, zeros behind them.
std::size_t lanes_of(std::size_t channels) noexcept;

class RunMoments {
 public:
  explicit RunMoments(std::size_t channels);
  /// Frames as the producer lays them out: 4, 8, 16, 32 bytes or a multiple of 64.
  [[nodiscard]] static bool takes(std::size_t stride) noexcept;
  /// Frame i starts at data + i * stride, which it takes(); at least one. `open`: the channels of the window as it stands, whose means are
  /// the careful kernel's shift.
  void measure(const std::byte* data, std::size_t frames, std::size_t stride, std::span<const Moments> open) noexcept;
  /// a becomes the moments of the frames of a followed by those measured.
  void merge_into(std::span<Moments> a) const noexcept;

 private:
  void measure_wide(const std::byte* data, std::size_t stride, std::span<const Moments> open) noexcept;
  void measure_narrow(const std::byte* data, std::size_t stride, std::span<const Moments> open) noexcept;
  void merge_tile(std::size_t tile, std::span<Moments> a) const noexcept;
  void measure_with_care(std::size_t tile, const std::byte* data, std::size_t stride, std::span<const Moments> open) noexcept;

  std::size_t channels_, frames_ = 0;
  std::vector<LaneSums> sums_;       ///< [tile]
  std::vector<std::uint8_t> sound_;  ///< [tile]
  std::vector<float> shift_, last_;  ///< [lane]
  std::vector<Moments> careful_;     ///< [channel], of the tiles that are not sound
};

}  // namespace chappe::aggregator
