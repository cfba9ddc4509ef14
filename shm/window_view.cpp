#include "shm/window_view.hpp"

#include "shm/figures.hpp"

namespace chappe::shm {
namespace {

/// As a configuration writes it: in the largest unit that divides it.
std::string duration_text(std::int64_t ns) {
  constexpr std::pair<const char*, std::int64_t> kUnits[] = {{"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1'000}};
  for (const auto& [unit, length] : kUnits) {
    if (ns % length == 0) return std::to_string(ns / length) + unit;
  }
  return std::to_string(ns) + "ns";
}

std::string specification(const BoardStream& b, std::size_t which) {
  const bool by_frames = b.spec_frames[which] > 0;
  const auto length = [&](std::int64_t n) { return by_frames ? std::to_string(n) : duration_text(n); };
  std::string text = length(by_frames ? static_cast<std::int64_t>(b.spec_frames[which]) : b.spec_duration_ns[which]);
  if (by_frames) text += " frames";
  if (b.spec_hop[which] > 0) text += " hop " + length(b.spec_hop[which]);
  if (b.spec_wall[which] != 0) text += " wall";
  return text;
}

ChannelFigures figures_of(const ChannelEntry& channel, const BoardMoments& m, const BoardShape* s) {
  ChannelFigures f;
  f.channel = text_of(channel.name);
  f.unit = text_of(channel.unit);
  f.count = m.count;
  f.nan = m.nan;
  if (m.count > 0) {
    const Powers p{.count = static_cast<double>(m.count),
                   .mean = m.mean,
                   .m2 = m.m2,
                   .m3 = s != nullptr ? s->m3 : kUnknown,
                   .m4 = s != nullptr ? s->m4 : kUnknown,
                   .min = m.min,
                   .max = m.max};
    f.mean = m.mean;
    f.min = m.min;
    f.max = m.max;
    if (m.count > 1) f.variance = m.m2 / (p.count - 1);
    f.rms = rms(p);
    f.crest = crest(p);
    f.peak_to_peak = peak_to_peak(p);
    f.skewness = skewness(p);
    f.kurtosis = kurtosis(p);
  }
  if (s == nullptr) return f;
  f.t_min_ns = s->t_min_ns;
  f.t_max_ns = s->t_max_ns;
  f.zero_crossings = s->zero_crossings;
  f.flat = s->flat;
  return f;
}

}  // namespace

std::vector<WindowView> window_views(const BoardTables& tables, BoardImage& image, std::size_t at) {
  const BoardStream& b = image.stream(at);
  const StreamEntry& entry = tables.streams[at];
  std::vector<WindowView> views(std::min<std::size_t>(b.windows, kWindowsPerStream));
  for (std::size_t which = 0; which < views.size(); ++which) {
    WindowView& v = views[which];
    v.window = specification(b, which);
    v.closed = b.closed[which];
    if (v.closed == 0) continue;
    const std::size_t record = image.closed_record(v.closed - 1);
    const BoardWindow& w = image.window(at, which, record);
    v.number = static_cast<std::int64_t>(w.window);  // two's complement, as the window log prints it
    v.generation = w.generation;
    v.first_frame = w.first_frame;
    v.frames = w.frames;
    v.missing = w.missing;
    v.upto = w.next_frame;
    v.t_first_ns = w.t_first_ns;
    v.t_last_ns = w.t_last_ns;
    v.shaped = w.shaped != 0;
    for (std::uint32_t c = 0; c < entry.channels; ++c) {
      const BoardShape* const shape = v.shaped ? &image.shapes(at, which, record)[c] : nullptr;
      v.channels.push_back(figures_of(tables.channels[entry.first_channel + c], image.moments(at, which, record)[c], shape));
    }
  }
  return views;
}

}  // namespace chappe::shm
