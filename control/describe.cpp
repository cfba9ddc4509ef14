#include "control/describe.hpp"

#include <fmt/format.h>

#include <cmath>

#include "control/tables.hpp"

namespace chappe::control {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string number(double value) { return std::isfinite(value) ? fmt::format("{:.6g}", value) : "-"; }

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
                    number(f.min), number(f.max), number(f.peak_to_peak), number(f.rms), number(f.crest)});
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

}  // namespace

std::string describe_text(const shm::StreamView& stream) {
  std::string text = fmt::format("stream {}: {:.6g} frames/s, {}\n", stream.stream, stream.rate_hz,
                                 stream.ended ? "ended" : fmt::format("newest frame {} ms old", stream.age_ms));
  for (const shm::WindowView& w : stream.windows) {
    text += "\n" + heading(w);
    if (w.closed == 0) continue;
    text += figures(w);
    if (w.shaped) text += "\n" + shapes(w);
  }
  if (stream.windows.empty()) text += "the board has no window of it yet\n";
  return text;
}

}  // namespace chappe::control
