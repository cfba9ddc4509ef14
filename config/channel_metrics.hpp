// Which figures of a stream's channels the aggregator's endpoint shows: [metrics] and [stream.metrics]. Plain values; part of
// config/config.hpp.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chappe::config {

/// The figures of metrics/channels.cpp.
inline constexpr std::array<std::string_view, 16> kChannelFigures{
    "values",   "nan",      "mean",           "min",  "max",       "rms",  "variance", "deviation", "peak_to_peak", "crest",
    "skewness", "kurtosis", "zero_crossings", "flat", "quantiles", "bands"};

struct ChannelMetrics {
  bool all = true;                    ///< each channel of the stream, derived ones among them
  std::vector<std::string> channels;  ///< these, where not all; empty: none
  std::vector<std::string> figures{"values", "nan", "mean", "min", "max", "rms", "variance"};
  bool operator==(const ChannelMetrics&) const = default;
};

inline constexpr std::uint64_t kMaxSeries = 30'000;  ///< by default: the default figures of as many channels as there may be

}  // namespace chappe::config
