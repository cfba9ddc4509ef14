#include "control/describe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "control/tables.hpp"

namespace chappe::control {
namespace {

using Rows = std::vector<std::vector<std::string>>;

/// Seconds since the window's first frame.
std::string moment(const shm::WindowView& w, std::int64_t ns) {
  return fmt::format("{:.6g}", static_cast<double>(ns - w.t_first_ns) / 1e9);
}

std::string heading(const shm::WindowView& w) {
  if (w.closed == 0) return fmt::format("window {}: none has closed yet\n", w.window);
  return fmt::format("window {}: number {}, frames {} to {}, {} came, {} missing, {:.6g} s on the stream's clock, generation {}\n",
                     w.window, w.number, w.first_frame, w.upto - 1, w.frames, w.missing,
                     static_cast<double>(w.t_last_ns - w.t_first_ns) / 1e9, w.generation);
}

std::string figures(const shm::WindowView& w) {
  Rows rows{{"channel", "unit", "count", "nan", "mean", "deviation", "min", "max", "peak-peak", "rms", "crest"}};
  for (const shm::ChannelFigures& f : w.channels) {
    rows.push_back({f.channel, f.unit, std::to_string(f.count), std::to_string(f.nan), number(f.mean), number(std::sqrt(f.variance)),
                    f.count > 0 ? number(f.min) : "-", f.count > 0 ? number(f.max) : "-", number(f.peak_to_peak), number(f.rms),
                    number(f.crest)});
  }
  return table(rows, 2);
}

std::string shapes(const shm::WindowView& w) {
  Rows rows{{"channel", "unit", "skewness", "kurtosis", "min after s", "max after s", "zero crossings", "flat frames"}};
  for (const shm::ChannelFigures& f : w.channels) {
    const bool any = f.count > 0;
    rows.push_back({f.channel, f.unit, number(f.skewness), number(f.kurtosis), any ? moment(w, f.t_min_ns) : "-",
                    any ? moment(w, f.t_max_ns) : "-", std::to_string(f.zero_crossings), std::to_string(f.flat)});
  }
  return table(rows, 2);
}

std::string analysis_heading(const shm::AnalysisView& a, const shm::WindowView& w) {
  std::string text = fmt::format("analysis of window {}", a.number);
  if (a.number == w.number) text = "analysis";
  if (a.partial) text += fmt::format(", partial: {} of {} frames", a.analysed, a.frames);
  return text + "\n";
}

/// A column for each level, tone and band.
std::string analysed(const shm::AnalysisView& a) {
  Rows rows{{"channel"}};
  for (const double level : a.levels) rows[0].push_back(fmt::format("p{:.6g}", level * 100));
  const bool has_ewma = std::any_of(a.channels.begin(), a.channels.end(), [](const auto& c) { return std::isfinite(c.ewma); });
  std::size_t peaks = 0;
  for (const auto& c : a.channels) peaks = std::max(peaks, c.peaks.size());
  if (has_ewma) rows[0].emplace_back("ewma");
  for (std::size_t i = 0; i < peaks; ++i) rows[0].push_back(fmt::format("tone {} Hz (amplitude)", i + 1));
  for (const auto& band : a.bands) rows[0].push_back(band.name + " power");
  for (const auto& c : a.channels) {
    auto& row = rows.emplace_back(std::vector<std::string>{c.channel});
    for (const double q : c.quantiles) row.push_back((c.exact ? "" : "~") + number(q));
    if (has_ewma) row.push_back(number(c.ewma));
    for (std::size_t i = 0; i < peaks; ++i)
      row.push_back(i < c.peaks.size() ? fmt::format("{:.6g} ({:.4g})", c.peaks[i].hz, c.peaks[i].amplitude) : "-");
    for (const double band : c.bands) row.push_back(number(band));
  }
  return rows[0].size() > 1 ? table(rows, 1) : "";
}

std::string correlations(const shm::AnalysisView& a) {
  const std::size_t n = a.channels.size();
  Rows rows{{"correlation"}};
  for (const auto& c : a.channels) rows[0].push_back(c.channel);
  for (std::size_t r = 0; r < n; ++r) {
    auto& row = rows.emplace_back(std::vector<std::string>{a.channels[r].channel});
    for (std::size_t c = 0; c < n; ++c) {
      const double value = a.correlation[r * n + c];
      row.push_back(std::isfinite(value) ? fmt::format("{:.3f}", value) : "-");
    }
  }
  return table(rows, 1);
}

}  // namespace

std::string describe_text(const shm::StreamView& stream) {
  std::string text = fmt::format("stream {}: {:.6g} frames/s, {}\n", stream.stream, stream.rate_hz,
                                 stream.ended ? "ended" : fmt::format("newest frame {} ms old", stream.age_ms));
  for (std::size_t i = 0; i < stream.windows.size(); ++i) {
    const shm::WindowView& w = stream.windows[i];
    text += "\n" + heading(w);
    if (w.closed == 0) continue;
    text += figures(w);
    if (w.shaped) text += "\n" + shapes(w);
    if (const shm::AnalysisView* a = shm::analysis_of(stream, i); a != nullptr) {
      text += "\n" + analysis_heading(*a, w) + analysed(*a);
      if (!a->correlation.empty()) text += "\n" + correlations(*a);
    }
  }
  if (stream.windows.empty()) text += "the board has no window of it yet\n";
  return text;
}

}  // namespace chappe::control
