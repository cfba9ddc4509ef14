#include <algorithm>
#include <cmath>
#include <map>

#include "config/checker.hpp"
#include "config/names.hpp"

namespace chappe::config {
namespace {

constexpr std::size_t kNameBytes = 47;     // the table in shared memory has 48, with a closing zero
constexpr std::size_t kMostAlarms = 1024;  // that table's entries: an alarm takes one for each of its channels
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kDay = 86'400'000 * kMillisecond;

bool is_alarm_name(const std::string& name) {
  return !name.empty() && name.size() <= kNameBytes &&
         std::none_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// Those of a recording are judged when it is there.
void check_names(Checker& check, const Stream& stream, const Alarm& alarm, const std::string& path) {
  const std::vector<std::string> known = channel_names(stream);
  for (std::size_t i = 0; i < alarm.channels.size(); ++i) {
    const std::string& name = alarm.channels[i];
    const std::string here = path + ".channels[" + std::to_string(i) + "]";
    const auto end = alarm.channels.begin() + static_cast<std::ptrdiff_t>(i);
    check.expect(std::find(alarm.channels.begin(), end, name) == end, here, quoted_short(name) + ": named twice");
    if (!known.empty()) check.known(here, name, known, "the stream has no such channel");
  }
}

void check_order(Checker& check, const std::string& path, const char* low_key, const std::optional<double>& low, const char* high_key,
                 const std::optional<double>& high) {
  if (!low || !high) return;
  check.expect(*low <= *high, path + "." + low_key, number_text(*low) + ": expected at most " + high_key + " = " + number_text(*high));
}

void check_limits(Checker& check, const Alarm& alarm, const std::string& path) {
  check.expect(alarm.above || alarm.below || alarm.warn_above || alarm.warn_below, path,
               alarm.kind == AlarmKind::nan || alarm.kind == AlarmKind::zscore
                   ? "no limit: expected above or warn_above"
                   : "no limit: expected above, below, warn_above or warn_below");
  constexpr double kFar = 1e300;
  const double most = alarm.kind == AlarmKind::nan ? 1 : kFar;
  const bool has_a_sign = alarm.kind == AlarmKind::limit || alarm.kind == AlarmKind::rate;
  const double least = has_a_sign ? -kFar : 0;
  for (const auto& [key, limit] : {std::pair{".above", alarm.above}, std::pair{".below", alarm.below},
                                   std::pair{".warn_above", alarm.warn_above}, std::pair{".warn_below", alarm.warn_below}}) {
    if (limit) check.number_within(path + key, *limit, least, most);
  }
  check_order(check, path, "warn_above", alarm.warn_above, "above", alarm.above);
  check_order(check, path, "below", alarm.below, "warn_below", alarm.warn_below);
  check_order(check, path, "below", alarm.below, "above", alarm.above);
  check_order(check, path, "warn_below", alarm.warn_below, "warn_above", alarm.warn_above);
  check.number_within(path + ".hysteresis", alarm.hysteresis, 0, kFar);
  check.duration_within(path + ".hold", alarm.hold_ns, 0, kDay);
  check.duration_within(path + ".release", alarm.release_ns, 0, kDay);
}

void check_band(Checker& check, const Stream& stream, const Alarm& alarm, const std::string& path) {
  std::vector<std::string> known;
  if (stream.analysis.spectrum.length > 0) {
    for (const Band& band : stream.analysis.spectrum.bands) known.push_back(band.name);
  }
  check.known(path + ".band", alarm.band, known, "the spectrum of the stream's analysis has no such band");
  const bool overlaps = alarm.window < stream.windows.size() && stream.windows[alarm.window].hops() > 1;
  check.expect(!overlaps, path + ".window", std::to_string(alarm.window) + ": windows with a hop are not analysed; expected one without");
}

void check_alarm(Checker& check, const Stream& stream, const Alarm& alarm, const std::string& path) {
  check.expect(is_alarm_name(alarm.name), path + ".name", quoted_short(alarm.name) + ": expected 1 to 47 bytes without control characters");
  check_names(check, stream, alarm, path);
  check.expect(alarm.window < stream.windows.size(), path + ".window",
               std::to_string(alarm.window) + ": the stream has " + std::to_string(stream.windows.size()) + " windows, counted from 0");
  if (alarm.kind == AlarmKind::band) check_band(check, stream, alarm, path);
  if (alarm.kind == AlarmKind::zscore) check.within<std::uint64_t>(path + ".learn", alarm.learn, 2, 1'000'000, " windows");
  if (alarm.kind == AlarmKind::flat || alarm.kind == AlarmKind::stale) {
    check.duration_within(path + ".after", alarm.after_ns, kMillisecond, kDay);
    check.number_within(path + ".tolerance", alarm.tolerance, 0, 1e300);
  } else {
    check_limits(check, alarm, path);
  }
}

}  // namespace

void check_alarms(Checker& check, const Stream& stream, const std::string& path) {
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < stream.alarms.size(); ++i) {
    const Alarm& alarm = stream.alarms[i];
    const std::string here = path + ".alarm[" + std::to_string(i) + "]";
    check_alarm(check, stream, alarm, here);
    const auto [other, is_new] = seen.insert({alarm.name, i});
    check.expect(is_new, here + ".name", quoted_short(alarm.name) + ": alarm[" + std::to_string(other->second) + "] has the same name");
  }
}

void check_alarm_count(Checker& check, const Config& config) {
  std::size_t count = 0;
  for (const Stream& stream : config.streams) {
    for (const Alarm& alarm : stream.alarms) {
      const bool of_all = alarm.kind != AlarmKind::stale && alarm.channels.empty();
      count += std::max<std::size_t>(1, of_all ? stream.channels.size() + stream.derived.size() : alarm.channels.size());
    }
  }
  check.expect(count <= kMostAlarms, "stream", std::to_string(count) + " alarms, counted by channel: expected at most 1024");
}

}  // namespace chappe::config
