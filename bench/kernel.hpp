// The moments kernel over blocks of 16 KiB of f32 that lie in the second cache, beside the bare read, the plain loop, Eigen's column-wise
// calls and a Welford update for each sample.
#pragma once
#include <cstddef>
#include <span>
#include <string_view>

#include "bench/measure.hpp"

namespace chappe::bench {

inline constexpr std::size_t kKernelChannels[] = {1, 4, 16, 32, 64, 256, 1024};
/// read, plain, colwise, welford, careful, moments, moments_and_merge.
std::span<const std::string_view> kernel_ways() noexcept;
/// samples_per_s on this processor, with `channels` beside it. Failed: the moments are not those of the careful kernel.
Measurement kernel_rate(std::string_view way, std::size_t channels);

}  // namespace chappe::bench
