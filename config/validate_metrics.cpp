#include <algorithm>

#include "config/checker.hpp"
#include "config/names.hpp"

namespace chappe::config {
namespace {

void check_once(Checker& check, const std::vector<std::string>& names, const std::string& path) {
  for (auto name = names.begin(); name != names.end(); ++name)
    check.expect(std::find(names.begin(), name, *name) == name, path, quoted_short(*name) + ": named twice");
}

void check_figures(Checker& check, const ChannelMetrics& metrics, const std::string& path) {
  const std::vector<std::string> known(kChannelFigures.begin(), kChannelFigures.end());
  for (const std::string& figure : metrics.figures) {
    if (std::find(known.begin(), known.end(), figure) != known.end()) continue;
    const auto near = nearest(figure, known);
    check.fault(path, quoted_short(figure) + ": expected " + listed(known) + (near ? "; nearest: " + *near : ""));
  }
  check_once(check, metrics.figures, path);
}

/// Those of a recording are judged when it is there.
void check_names(Checker& check, const Stream& stream, const std::string& path) {
  check_once(check, stream.metrics.channels, path);
  const std::vector<std::string> known = channel_names(stream);
  if (known.empty()) return;
  for (const std::string& name : stream.metrics.channels) check.known(path, name, known, "the stream has no such channel");
}

/// Series that one channel of the stream makes.
std::size_t series_of_channel(const Stream& stream) {
  std::size_t series = 0;
  for (const std::string& figure : stream.metrics.figures) {
    const bool of_shape = figure == "skewness" || figure == "kurtosis" || figure == "zero_crossings" || figure == "flat";
    if (figure == "quantiles")
      series += stream.analysis.quantiles.size();
    else if (figure == "bands")
      series += stream.analysis.spectrum.length > 0 ? stream.analysis.spectrum.bands.size() : 0;
    else if (stream.shape || !of_shape)
      ++series;
  }
  return series;
}

}  // namespace

void check_channel_metrics(Checker& check, const Config& config) {
  check.within<std::uint64_t>("metrics.max_series", config.max_series, 0, 1'000'000);
  check.expect(config.default_metrics.channels.empty(), "metrics.channels",
               "names of channels stand in [stream.metrics]; expected \"all\", or [] for none");
  check_figures(check, config.default_metrics, "metrics.figures");
  std::size_t series = 0;
  for (std::size_t i = 0; i < config.streams.size(); ++i) {
    const Stream& stream = config.streams[i];
    const std::string path = "stream[" + std::to_string(i) + "].metrics";
    if (stream.metrics.figures != config.default_metrics.figures) check_figures(check, stream.metrics, path + ".figures");
    if (stream.metrics != config.default_metrics) check_names(check, stream, path + ".channels");
    const std::size_t channels = stream.metrics.all ? stream.channels.size() + stream.derived.size() : stream.metrics.channels.size();
    series += channels * series_of_channel(stream);
  }
  if (series > config.max_series)
    check.warning("metrics.max_series", std::to_string(config.max_series) + ": the chosen figures of all channels are " +
                                            std::to_string(series) + " series; the last of the streams are left out");
}

}  // namespace chappe::config
