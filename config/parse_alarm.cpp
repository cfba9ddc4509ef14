#include "config/parse_alarm.hpp"

#include <initializer_list>

namespace chappe::config {
namespace {

void reject(Reader& in, std::initializer_list<const char*> keys, const std::string& why) {
  for (const char* key : keys) in.misplaced(key, why);
}

void read_limit(Reader& in, const char* key, std::optional<double>& into) {
  double value = 0;
  in.number(key, value);
  if (in.has(key)) into = value;
}

/// A name, or an array of names.
void read_names(Reader& in, std::vector<std::string>& names) {
  const toml::node* value = in.node("channels");
  if (value == nullptr) return;
  if (const auto* name = value->as_string()) return names.push_back(name->get());
  const auto* list = value->as_array();
  if (list == nullptr || list->empty()) return in.wrong_type("channels", *value, "a channel's name, or an array of names");
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string key = "channels[" + std::to_string(i) + "]";
    const toml::node& element = *list->get(i);
    in.out().places[in.path_of(key)] = {in.file(), element.source().begin.line, element.source().begin.column};
    if (const auto* name = element.as_string())
      names.push_back(name->get());
    else
      in.wrong_type(key, element, "a channel's name");
  }
}

void read_values(Reader& in, Alarm& alarm) {
  const bool two_sided = alarm.kind == AlarmKind::limit || alarm.kind == AlarmKind::rate || alarm.kind == AlarmKind::band;
  read_limit(in, "above", alarm.above);
  read_limit(in, "warn_above", alarm.warn_above);
  if (two_sided) {
    read_limit(in, "below", alarm.below);
    read_limit(in, "warn_below", alarm.warn_below);
  } else {
    reject(in, {"below", "warn_below"}, "stands only with kind = \"limit\", \"rate\" or \"band\"");
  }
  if (alarm.kind != AlarmKind::nan && alarm.kind != AlarmKind::band)
    in.choice("of", kFigures, alarm.of);
  else
    in.misplaced("of", "stands only with kind = \"limit\", \"rate\" or \"zscore\"");
  in.number("hysteresis", alarm.hysteresis);
  in.duration("hold", alarm.hold_ns);
  in.duration("release", alarm.release_ns);
  reject(in, {"after", "tolerance"}, "stands only with kind = \"flat\" or \"stale\"");
}

void read_times(Reader& in, Alarm& alarm) {
  in.duration("after", alarm.after_ns);
  require(in, "after");
  if (alarm.kind == AlarmKind::flat)
    in.number("tolerance", alarm.tolerance);
  else
    in.misplaced("tolerance", "stands only with kind = \"flat\"");
  reject(in, {"above", "below", "warn_above", "warn_below", "of", "hysteresis", "hold", "release"},
         "has no place beside kind = " + config::quoted(name_of(kAlarmKinds, alarm.kind)) + ", whose limit is after");
}

}  // namespace

Alarm read_alarm(Reader& in) {
  Alarm alarm;
  in.text("name", alarm.name);
  require(in, "name");
  in.choice("kind", kAlarmKinds, alarm.kind);
  require(in, "kind");
  if (alarm.kind == AlarmKind::stale) {
    reject(in, {"channels", "window"}, "has no place beside kind = \"stale\": a stream is stale as a whole, and when no window comes");
  } else {
    read_names(in, alarm.channels);
    in.whole("window", alarm.window);
  }
  if (alarm.kind == AlarmKind::zscore)
    in.whole("learn", alarm.learn);
  else
    in.misplaced("learn", "stands only with kind = \"zscore\"");
  if (alarm.kind == AlarmKind::band) {
    in.text("band", alarm.band);
    require(in, "band");
  } else {
    in.misplaced("band", "stands only with kind = \"band\"");
  }
  if (alarm.kind == AlarmKind::flat || alarm.kind == AlarmKind::stale)
    read_times(in, alarm);
  else
    read_values(in, alarm);
  return alarm;
}

}  // namespace chappe::config
