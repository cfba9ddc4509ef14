#include "shm/analysis_view.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include "shm/analysis.hpp"

namespace chappe::shm {
namespace {

template <class T, class From>
std::vector<T> values(From from) {
  return {from.begin(), from.end()};
}

AnalysisChannelView channel_view(const AnalysisImage::Channel& c, const ChannelEntry& name, bool has_ewma) {
  AnalysisChannelView v;
  v.channel = text_of(name.name);
  v.count = c.head->count;
  v.nan = c.head->nan;
  v.exact = c.head->exact != 0;
  v.quantiles = values<double>(c.quantiles);
  v.low = c.head->low;
  v.high = c.head->high;
  v.histogram = values<std::uint64_t>(c.histogram);
  v.ewma = has_ewma ? c.head->ewma : std::numeric_limits<double>::quiet_NaN();
  v.segments = c.head->segments;
  v.left_out = c.head->left_out;
  for (const AnalysisPeak& peak : c.peaks) {
    if (std::isfinite(peak.hz)) v.peaks.push_back({peak.hz, peak.amplitude});
  }
  v.bands = values<double>(c.bands);
  return v;
}

/// Both matrices in full from the lower half of one.
void fill_matrices(AnalysisView& v, std::span<const double> half, std::size_t n) {
  if (half.empty()) return;
  v.covariance.resize(n * n);
  v.correlation.resize(n * n);
  auto value = half.begin();
  for (std::size_t r = 0; r < n; ++r) {
    for (std::size_t c = 0; c <= r; ++c) v.covariance[r * n + c] = v.covariance[c * n + r] = *value++;
  }
  for (std::size_t r = 0; r < n; ++r) {
    for (std::size_t c = 0; c < n; ++c) {
      const double product = std::sqrt(v.covariance[r * n + r]) * std::sqrt(v.covariance[c * n + c]);
      double& to = v.correlation[r * n + c];
      to = product > 0 ? v.covariance[r * n + c] / product : std::numeric_limits<double>::quiet_NaN();
      if (to > 1 || (r == c && product > 0)) to = 1;
      if (to < -1) to = -1;
    }
  }
}

AnalysisView window_view(const AnalysisTables& tables, AnalysisImage& image, std::size_t stream, std::size_t which) {
  const AnalysisEntry& e = tables.streams[stream];
  const AnalysisWindow& w = image.window(stream, which);
  AnalysisView v;
  v.results = w.results;
  if (v.results == 0) return v;
  v.spec_frames = w.spec_frames;
  v.spec_duration_ns = w.spec_duration_ns;
  v.number = static_cast<std::int64_t>(w.window);
  v.generation = static_cast<std::uint32_t>(w.generation);
  v.first_frame = w.first_frame;
  v.frames = w.frames;
  v.missing = w.missing;
  v.t_first_ns = w.t_first_ns;
  v.t_last_ns = w.t_last_ns;
  v.analysed = w.analysed;
  v.partial = w.partial != 0;
  v.rate_hz = w.rate_hz;
  v.levels.assign(e.level, e.level + e.levels);
  v.relative_error = e.relative_error;
  v.length = e.length;
  v.overlap = e.overlap;
  v.taper = text_of(e.taper);
  for (std::uint32_t b = 0; b < e.bands; ++b) v.bands.push_back({text_of(e.band[b]), e.band_low[b], e.band_high[b]});
  for (std::uint32_t c = 0; c < e.channels; ++c)
    v.channels.push_back(channel_view(image.channel(stream, which, c), tables.channels[e.first_channel + c], e.ewma != 0));
  v.complete = w.complete;
  fill_matrices(v, image.covariance(stream, which), e.channels);
  return v;
}

}  // namespace

std::vector<AnalysedStreamView> analysis_views(const AnalysisReader& reader) {
  AnalysisImage image(reader.tables());
  std::vector<AnalysedStreamView> views;
  if (!reader.copy(image)) return views;
  for (std::size_t s = 0; s < reader.tables().streams.size(); ++s) {
    AnalysedStreamView& view = views.emplace_back(AnalysedStreamView{text_of(reader.tables().streams[s].name), {}});
    for (std::size_t w = 0; w < kWindowsPerStream; ++w) view.windows.push_back(window_view(reader.tables(), image, s, w));
  }
  return views;
}

AnalysisCounts analysis_counts(const AnalysisReader& reader) {
  const AnalysisControl& control = reader.control();
  return {true, control.windows.get(), control.windows_skipped.get(), control.blocks_lost.get()};
}

}  // namespace chappe::shm
