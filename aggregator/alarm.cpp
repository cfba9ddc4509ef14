#include "aggregator/alarm.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace chappe::aggregator {
namespace {

using config::Alarm;
using config::AlarmKind;
using shm::AlarmLevel;
using shm::AlarmMemory;
using shm::AlarmState;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kSeconds = 1e-9;

/// The time that a window covers: from its first frame to one period behind its last.
struct Span {
  std::int64_t begin = 0, last = 0;
  double period_ns = 0;
  /// To half a period, which rounding of times must not decide.
  [[nodiscard]] bool has_lasted(std::int64_t since, std::int64_t wanted_ns) const noexcept {
    return static_cast<double>(last - since) + 1.5 * period_ns >= static_cast<double>(wanted_ns);
  }
  [[nodiscard]] double seconds(std::int64_t since) const noexcept { return (static_cast<double>(last - since) + period_ns) * kSeconds; }
};

Span span_of(const WindowHead& head) noexcept {
  const double period =
      head.frames > 1 ? static_cast<double>(head.t_last_ns - head.t_first_ns) / static_cast<double>(head.frames - 1) : 0.0;
  return {head.t_first_ns, head.t_last_ns, std::max(period, 0.0)};
}

bool is_cut_short(const WindowHead& head, const Span& span, const config::Window& window) noexcept {
  constexpr double kWhole = 0.9;
  return static_cast<double>(head.frames + head.missing) < kWhole * static_cast<double>(window.frames) ||
         span.seconds(span.begin) < kWhole * static_cast<double>(window.duration_ns) * kSeconds;
}

void begin(AlarmMemory& memory) noexcept {
  memory.previous = kNone;
  memory.flat_min = kInfinity;
  memory.flat_max = -kInfinity;
}

/// A limit on either side; `margin` is how far back behind it a value still counts as beyond.
bool is_beyond(double value, const std::optional<double>& above, const std::optional<double>& below, double margin) noexcept {
  return (above && value > *above - margin) || (below && value < *below + margin);
}

void advance(AlarmLevel& level, bool passed, const Span& span, const Alarm& alarm) noexcept {
  if (passed == (level.on != 0)) {
    level.changing = 0;
    return;
  }
  if (level.changing == 0 || span.last < level.since_ns) level = {level.on, 1, span.begin};
  if (span.has_lasted(level.since_ns, passed ? alarm.hold_ns : alarm.release_ns)) level = {passed ? 1U : 0U, 0, 0};
}

void advance_levels(const Alarm& alarm, double value, const Span& span, AlarmMemory& memory) noexcept {
  const auto margin = [&](const AlarmLevel& level) { return level.on != 0 ? alarm.hysteresis : 0.0; };
  advance(memory.warning, is_beyond(value, alarm.warn_above, alarm.warn_below, margin(memory.warning)), span, alarm);
  advance(memory.alarm, is_beyond(value, alarm.above, alarm.below, margin(memory.alarm)), span, alarm);
}

AlarmState state_of(const AlarmMemory& memory) noexcept {
  if (memory.alarm.on != 0) return AlarmState::alarm;
  return memory.warning.on != 0 ? AlarmState::warning : AlarmState::ok;
}

/// The nearest of the limits that the state is about; without a state that of all.
double limit_of(const Alarm& alarm, AlarmState state, double value) noexcept {
  double nearest = kNone;
  const auto consider = [&](const std::optional<double>& limit) {
    if (limit && !(std::fabs(*limit - value) >= std::fabs(nearest - value))) nearest = *limit;
  };
  if (state != AlarmState::warning) {
    consider(alarm.above);
    consider(alarm.below);
  }
  if (state != AlarmState::alarm) {
    consider(alarm.warn_above);
    consider(alarm.warn_below);
  }
  return nearest;
}

double rate_of(double figure, const Span& span, AlarmMemory& memory) noexcept {
  if (!std::isfinite(figure)) return kNone;
  const std::int64_t middle = span.begin + (span.last - span.begin) / 2;
  const double seconds = static_cast<double>(middle - memory.previous_ns) * kSeconds;
  const double rate = seconds > 0 ? (figure - memory.previous) / seconds : kNone;
  memory.previous = figure;
  memory.previous_ns = middle;
  return rate;
}

/// Welford (1962) over the figures of the first windows; then deviations from their mean in their sample deviations.
double zscore_of(double figure, std::uint64_t learn, AlarmMemory& memory) noexcept {
  if (!std::isfinite(figure)) return kNone;
  if (memory.learned < learn) {
    ++memory.learned;
    const double delta = figure - memory.mean;
    memory.mean += delta / static_cast<double>(memory.learned);
    memory.m2 += delta * (figure - memory.mean);
    return kNone;
  }
  const double away = std::fabs(figure - memory.mean);
  return away == 0 ? 0 : away / std::sqrt(memory.m2 / static_cast<double>(memory.learned - 1));
}

/// Seconds for which the channel has kept within the tolerance, up to the end of this window; 0: it moves in it.
double flat_for(const Alarm& alarm, const Moments& m, const Span& span, AlarmMemory& memory) noexcept {
  if (m.count == 0) return kNone;
  const double low = std::min(memory.flat_min, m.min), high = std::max(memory.flat_max, m.max);
  const bool was_flat = memory.flat_min <= memory.flat_max && span.begin >= memory.flat_since_ns;
  if (was_flat && high - low <= alarm.tolerance) {
    memory.flat_min = low;
    memory.flat_max = high;
  } else if (m.max - m.min <= alarm.tolerance) {
    memory.flat_min = m.min;
    memory.flat_max = m.max;
    memory.flat_since_ns = span.begin;
  } else {
    memory.flat_min = kInfinity;
    memory.flat_max = -kInfinity;
    return 0;
  }
  return span.seconds(memory.flat_since_ns);
}

double value_of(const Alarm& alarm, const Moments& m, const Span& span, AlarmMemory& memory) noexcept {
  switch (alarm.kind) {
    case AlarmKind::limit:
      return figure_of(alarm.of, m);
    case AlarmKind::rate:
      return rate_of(figure_of(alarm.of, m), span, memory);
    case AlarmKind::flat:
      return flat_for(alarm, m, span, memory);
    case AlarmKind::nan:
      return m.count + m.nan > 0 ? static_cast<double>(m.nan) / static_cast<double>(m.count + m.nan) : kNone;
    case AlarmKind::zscore:
      return zscore_of(figure_of(alarm.of, m), alarm.learn, memory);
    case AlarmKind::stale:
    case AlarmKind::band:
      break;
  }
  return kNone;
}

}  // namespace

Verdict judge(const Alarm& alarm, const WindowHead& head, const Moments& moments, AlarmMemory& memory,
              const config::Window& window) noexcept {
  if (memory.windows == 0) begin(memory);
  const Span span = span_of(head);
  const bool comparable = alarm.kind != AlarmKind::zscore || !is_cut_short(head, span, window);
  return judge_value(alarm, head, comparable ? value_of(alarm, moments, span, memory) : kNone, memory);
}

Verdict judge_value(const Alarm& alarm, const WindowHead& head, double value, AlarmMemory& memory) noexcept {
  ++memory.windows;
  memory.t_last_ns = head.t_last_ns;
  if (std::isnan(value)) return {state_of(memory), kNone, kNone};
  const Span span = span_of(head);
  if (alarm.kind == AlarmKind::flat) {
    memory.alarm.on = memory.flat_min <= memory.flat_max && span.has_lasted(memory.flat_since_ns, alarm.after_ns) ? 1 : 0;
    return {state_of(memory), value, static_cast<double>(alarm.after_ns) * kSeconds};
  }
  advance_levels(alarm, value, span, memory);
  return {state_of(memory), value, limit_of(alarm, state_of(memory), value)};
}

Verdict judge_silence(const Alarm& alarm, std::int64_t silent_ns) noexcept {
  return {silent_ns >= alarm.after_ns ? AlarmState::stale : AlarmState::ok, static_cast<double>(silent_ns) * kSeconds,
          static_cast<double>(alarm.after_ns) * kSeconds};
}

double figure_of(config::Figure figure, const Moments& m) noexcept {
  if (m.count == 0) return kNone;
  switch (figure) {
    case config::Figure::mean:
      return m.mean;
    case config::Figure::min:
      return m.min;
    case config::Figure::max:
      return m.max;
    case config::Figure::rms:
      return rms(m);
    case config::Figure::deviation:
      return std::sqrt(variance(m));
    case config::Figure::peak_to_peak:
      return m.max - m.min;
    case config::Figure::last:
      return m.last;
  }
  return kNone;
}

std::string unit_of(const Alarm& alarm, const std::string& unit) {
  switch (alarm.kind) {
    case AlarmKind::limit:
      return unit;
    case AlarmKind::rate:
      return unit.empty() ? "1/s" : unit + "/s";
    case AlarmKind::flat:
    case AlarmKind::stale:
      return "s";
    case AlarmKind::nan:
    case AlarmKind::zscore:
      return "1";
    case AlarmKind::band:
      return unit.empty() ? "" : unit + "^2";
  }
  return {};
}

std::uint64_t identity_of(const Alarm& alarm, const config::Window& window) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint64_t part :
       {static_cast<std::uint64_t>(alarm.kind), static_cast<std::uint64_t>(alarm.of), alarm.window,
        alarm.kind == AlarmKind::zscore ? alarm.learn : 0, window.frames, static_cast<std::uint64_t>(window.duration_ns)}) {
    hash = (hash ^ part) * 0x100000001b3;
  }
  for (const char c : alarm.band) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace chappe::aggregator
