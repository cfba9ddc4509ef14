// The shape of a channel's values over some frames, beside their Moments: third and fourth powers, when the extremes came, how often the
// value changed its sign, how long it stood still. Pure; the drain thread calls it; no allocation. A block is read a second time, around
// the mean that the first reading found: it lies in the cache. Merging is Pébay (2008), "Formulas for robust, one-pass parallel
// computation of covariances and arbitrary-order statistical moments", SAND2008-6212, eqs. 2.4 and 2.5 for two sets.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "aggregator/moments.hpp"

namespace chappe::aggregator {

/// Means something together with the Moments of the same frames. Frames that came count as neighbours, whatever is missing between them.
struct Shape {
  double m3 = 0, m4 = 0;             ///< sums of third and fourth powers of deviations from the mean
  std::int64_t t_min_ns = 0;         ///< on the stream's clock: of the first frame that has the minimum; with values alone
  std::int64_t t_max_ns = 0;         ///< the same of the maximum
  std::uint64_t zero_crossings = 0;  ///< changes of sign from one value to the next; values that are 0 or NaN are passed over
  std::uint64_t flat = 0;            ///< frames of the longest run of equal values; NaN equals nothing and has no run
  std::uint64_t flat_head = 0;       ///< frames of the run that the first frame begins
  std::uint64_t flat_tail = 0;       ///< frames of the run that the last frame ends
  double first = std::numeric_limits<double>::quiet_NaN();  ///< first value, NaN included
  std::int32_t sign_first = 0, sign_last = 0;               ///< -1 or 1 of the first and last value that has a sign, 0: none has
};

/// Shapes of `frames` frames laid out as for block_moments(), at least one. `around`: their moments, one per channel. `out` is overwritten;
/// t_min_ns and t_max_ns are the indices of the frames.
void block_shape(const std::byte* data, std::size_t frames, std::size_t stride_bytes, std::size_t value_bytes,
                 std::span<const Moments> around, std::span<Shape> out) noexcept;

/// a becomes the shape of the frames of a followed by those of b. `of_a` and `of_b` are the moments of both, not merged yet.
void merge(Shape& a, const Moments& of_a, const Shape& b, const Moments& of_b) noexcept;

}  // namespace chappe::aggregator
