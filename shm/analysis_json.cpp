#include "shm/analysis_json.hpp"

#include <cmath>
#include <cstdio>

namespace chappe::shm {
namespace {

Json spectrum(const AnalysisView& w, const AnalysisChannelView& c) {
  if (w.length == 0) return nullptr;
  Json peaks = Json::array(), bands = Json::object();
  for (const PeakView& peak : c.peaks) peaks.push_back({{"hz", number(peak.hz)}, {"amplitude", number(peak.amplitude)}});
  for (std::size_t b = 0; b < w.bands.size(); ++b) bands[w.bands[b].name] = number(c.bands[b]);
  return {{"segments", c.segments}, {"left_out", c.left_out}, {"peaks", std::move(peaks)}, {"bands", std::move(bands)}};
}

Json matrix(const std::vector<double>& values) {
  if (values.empty()) return nullptr;
  const auto n = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(values.size()))));
  Json rows = Json::array();
  for (std::size_t r = 0; r < n; ++r) {
    Json row = Json::array();
    for (std::size_t c = 0; c < n; ++c) row.push_back(number(values[r * n + c]));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::string level_name(double level) {
  char text[32];
  std::snprintf(text, sizeof text, "p%.10g", level * 100);
  return text;
}

void add_analysis(Json& channel, const AnalysisView& w, const AnalysisChannelView& c) {
  Json quantiles = Json::object();
  for (std::size_t i = 0; i < w.levels.size(); ++i) quantiles[level_name(w.levels[i])] = number(c.quantiles[i]);
  channel["quantiles"] = w.levels.empty() ? Json(nullptr) : std::move(quantiles);
  channel["quantiles_exact"] = c.exact;
  channel["histogram"] =
      c.histogram.empty() ? Json(nullptr) : Json{{"low", number(c.low)}, {"high", number(c.high)}, {"counts", c.histogram}};
  channel["ewma"] = number(c.ewma);
  channel["spectrum"] = spectrum(w, c);
}

void add_analysis(Json& window, const AnalysisView& w) {
  window["analysis"] = {{"window", w.number},           {"partial", w.partial},         {"frames", w.frames},
                        {"analysed", w.analysed},       {"generation", w.generation},   {"relative_error", number(w.relative_error)},
                        {"rate_hz", number(w.rate_hz)}, {"complete_frames", w.complete}};
  window["covariance"] = matrix(w.covariance);
  window["correlation"] = matrix(w.correlation);
}

}  // namespace chappe::shm
