// Frames as doubles, less a shift, one behind the other, and their sums: what a covariance multiplies. Apart from covariance.cpp because
// the processor's wider vectors are used where it has them, and no file with Eigen is compiled for those. Pure; the same bits either way.
#pragma once
#include <cstddef>

namespace chappe::aggregator {

/// Frame i starts at data + i * stride_bytes; values of value_bytes (4: f32, 8: f64). Writes frames * channels values to `to` and adds each
/// channel's to `sums`.
void shift_frames(const std::byte* data, std::size_t frames, std::size_t stride_bytes, std::size_t value_bytes, std::size_t channels,
                  const double* shift, double* to, double* sums) noexcept;

}  // namespace chappe::aggregator
