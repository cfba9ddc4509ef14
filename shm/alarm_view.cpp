#include "shm/alarm_view.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace chappe::shm {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

}  // namespace

std::string state_word(AlarmState state) {
  switch (state) {
    case AlarmState::ok:
      return "ok";
    case AlarmState::warning:
      return "warning";
    case AlarmState::alarm:
      return "alarm";
    case AlarmState::stale:
      return "stale";
  }
  return "unknown";
}

std::vector<AlarmView> alarm_views(std::span<const AlarmEntry> entries, std::int64_t now_ns) {
  std::vector<AlarmView> views;
  views.reserve(entries.size());
  for (const AlarmEntry& e : entries) {
    AlarmView& v = views.emplace_back();
    v.stream = text_of(e.stream);
    v.channel = text_of(e.channel);
    v.alarm = text_of(e.alarm);
    v.kind = text_of(e.kind);
    v.of = text_of(e.of);
    v.unit = text_of(e.unit);
    v.state = state_word(static_cast<AlarmState>(e.state));
    v.level = e.state;
    v.acknowledged = e.acknowledged != 0;
    v.since_ns = e.since_ns;
    v.shelved_until_ns = e.shelved_until_ns > now_ns ? e.shelved_until_ns : 0;
    v.value = e.value;
    v.limit = e.limit;
    v.latest = e.latest;
    v.window = e.window;
    v.raised = e.raised;
    v.cleared = e.cleared;
    v.missed = e.missed;
  }
  return views;
}

std::string place_of(const AlarmView& alarm) { return alarm.channel.empty() ? alarm.stream : alarm.stream + "/" + alarm.channel; }

std::string reason_of(const AlarmView& alarm) {
  static const std::pair<const char*, const char*> words[] = {
      {"limit", ""},        {"rate", "rate of "},    {"zscore", "z-score of "}, {"nan", "NaN share"},
      {"flat", "flat for"}, {"stale", "silent for"}, {"band", "power in band "}};
  const auto found = std::find_if(std::begin(words), std::end(words), [&](const auto& word) { return alarm.kind == word.first; });
  const std::string what = (found != std::end(words) ? found->second : alarm.kind) + alarm.of;
  if (std::isnan(alarm.value)) return what + ": nothing judged yet";
  const std::string unit = alarm.unit.empty() || alarm.unit == "1" ? "" : " " + alarm.unit;
  return what + " " + number(alarm.value) + unit + ", limit " + number(alarm.limit);
}

}  // namespace chappe::shm
