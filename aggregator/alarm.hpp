// The judge of one alarm on one channel: closed windows in, a state out. Pure; any ordinary thread. All that it remembers is in
// shm::AlarmMemory, so that whoever restores that goes on as if nothing had happened. docs/statistics.md has what each kind computes.
#pragma once
#include <cstdint>
#include <limits>
#include <string>

#include "aggregator/moments.hpp"
#include "aggregator/window_log.hpp"
#include "config/config.hpp"
#include "shm/alarm_layout.hpp"

namespace chappe::aggregator {

struct Verdict {
  shm::AlarmState state = shm::AlarmState::ok;
  double value = std::numeric_limits<double>::quiet_NaN();  ///< what was compared; NaN: there was nothing to compare, and the state stands
  double limit = std::numeric_limits<double>::quiet_NaN();  ///< the limit that is passed, else the nearest
};

/// The next window of the channel, in the order in which they close. Every kind that judges_rows().
/// A limit is passed by what is beyond it, and passed no more by what is `hysteresis` back behind it; a state follows once that has held
/// for `hold`, or `release`, counted from the start of the first such window to the end of the last. A clock that went back begins the
/// count anew. A window without a value changes nothing; of a z-score neither does one that covers less than nine tenths of `window`, its
/// specification (neither length: all are judged): the end of a stream or a reload cut it short, and it compares with no whole one.
Verdict judge(const config::Alarm& alarm, const WindowHead& head, const Moments& moments, shm::AlarmMemory& memory,
              const config::Window& window = {}) noexcept;
/// The same of a value that is computed elsewhere: the power of a window, of kind band. NaN: there is none, and the state stands.
Verdict judge_value(const config::Alarm& alarm, const WindowHead& head, double value, shm::AlarmMemory& memory) noexcept;
/// Kind stale: no frame has come for so long.
Verdict judge_silence(const config::Alarm& alarm, std::int64_t silent_ns) noexcept;

/// It judges the windows that the board has: every kind but stale and band.
constexpr bool judges_rows(config::AlarmKind kind) noexcept { return kind != config::AlarmKind::stale && kind != config::AlarmKind::band; }

double figure_of(config::Figure figure, const Moments& moments) noexcept;
/// The unit of an alarm's value and limits: of a channel in this unit.
std::string unit_of(const config::Alarm& alarm, const std::string& unit);
/// Of what makes a memory worthless when it changes: kind, figure, window, baseline. Limits and delays are not among it.
std::uint64_t identity_of(const config::Alarm& alarm, const config::Window& window) noexcept;

}  // namespace chappe::aggregator
