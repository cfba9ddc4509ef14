// The figures of channels as families: those that the operator chose, up to a limit. Pure, as metrics/collect.hpp is.
//
// The aggregator's endpoint alone shows them. They are of the last closed window of a stream's first window specification.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "metrics/collect.hpp"

namespace chappe::metrics {

/// What is shown of one stream.
struct StreamChoice {
  std::string stream;
  bool all = true;                    ///< each channel
  std::vector<std::string> channels;  ///< these, where not all
  std::vector<std::string> figures{"values", "nan", "mean", "min", "max", "rms", "variance"};
};

struct ChannelChoice {
  std::vector<StreamChoice> streams;
  StreamChoice others;                ///< of each stream that is not among them
  std::uint64_t max_series = 30'000;  ///< of all channels together
};

struct ChannelSeries {
  std::vector<Family> families;      ///< a gauge for each figure, and how many series are left out
  std::uint64_t left_out = 0;        ///< series beyond the limit
  std::vector<std::string> unknown;  ///< what was chosen and is not there, each a line
};

/// Channels come in the order of the snapshot, each with all its figures or none: the first that has no room ends it. A figure that the
/// stream's windows do not have is no series: those of the shape without `shape`, quantiles and bands without analysis, all but the default
/// ones before a window has closed.
ChannelSeries channel_series(const shm::Snapshot& snapshot, const ChannelChoice& choice);

/// The words for StreamChoice::figures.
std::vector<std::string> channel_figures();

}  // namespace chappe::metrics
