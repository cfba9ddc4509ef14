
#include "shm/analysis_json.hpp"
#include "shm/snapshot_json.hpp"

namespace chappe::shm {
namespace {

Json channel(const ChannelFigures& f, const WindowView& w, const AnalysisView* analysis, std::size_t index) {
  const auto shaped = [&](auto value) { return w.shaped ? Json(value) : Json(nullptr); };
  const auto time = [&](std::int64_t ns) { return w.shaped && f.count > 0 ? Json(ns) : Json(nullptr); };
  Json out{{"channel", f.channel},
           {"unit", f.unit},
           {"count", f.count},
           {"missing", w.missing},
           {"nan", f.nan},
           {"mean", number(f.mean)},
           {"variance", number(f.variance)},
           {"skewness", number(f.skewness)},
           {"kurtosis", number(f.kurtosis)},
           {"min", number(f.min)},
           {"max", number(f.max)},
           {"t_min_ns", time(f.t_min_ns)},
           {"t_max_ns", time(f.t_max_ns)},
           {"peak_to_peak", number(f.peak_to_peak)},
           {"rms", number(f.rms)},
           {"crest", number(f.crest)},
           {"zero_crossings", shaped(f.zero_crossings)},
           {"flat_frames", shaped(f.flat)},
           {"quantiles", nullptr},
           {"spectrum", nullptr}};
  if (analysis != nullptr) add_analysis(out, *analysis, analysis->channels[index]);
  return out;
}

/// `analysis`: null where there is none of it yet.
Json window(const WindowView& w, const AnalysisView* analysis) {
  Json channels = Json::array();
  for (std::size_t c = 0; c < w.channels.size(); ++c) channels.push_back(channel(w.channels[c], w, analysis, c));
  Json out{{"window", w.window},
           {"number", w.number},
           {"generation", w.generation},
           {"closed", w.closed},
           {"first_frame", w.first_frame},
           {"frames", w.frames},
           {"missing", w.missing},
           {"upto", w.upto},
           {"t_first_ns", w.t_first_ns},
           {"t_last_ns", w.t_last_ns},
           {"channels", std::move(channels)},
           {"analysis", nullptr},
           {"covariance", nullptr},
           {"correlation", nullptr}};
  if (analysis != nullptr) add_analysis(out, *analysis);
  return out;
}

}  // namespace

std::string describe_json(const StreamView& stream) {
  Json windows = Json::array();
  for (std::size_t i = 0; i < stream.windows.size(); ++i) windows.push_back(window(stream.windows[i], analysis_of(stream, i)));
  const Json all{{"stream", stream.stream},
                 {"rate_hz", number(stream.rate_hz)},
                 {"age_ms", stream.age_ms},
                 {"ended", stream.ended},
                 {"windows", std::move(windows)}};
  return all.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace chappe::shm
