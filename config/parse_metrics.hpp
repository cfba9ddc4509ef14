// Which channels' figures are metrics; part of config/parse.
#pragma once
#include "config/parse_reader.hpp"

namespace chappe::config {

/// The keys of [metrics] and [stream.metrics] for channels; what is not there stays as it is.
void read_channel_metrics(Reader& in, ChannelMetrics& metrics);

}  // namespace chappe::config
