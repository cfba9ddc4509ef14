// The canonical text: every value in force, in one order, as TOML that parses back to the same configuration.
#include "config/names.hpp"
#include "config/parse.hpp"
#include "config/text.hpp"

namespace chappe::config {
namespace {

class Printer {
 public:
  void header(const std::string& table) { lines_.push_back({"", (lines_.empty() ? "" : "\n") + table}); }
  void bare(const std::string& text) { lines_.push_back({"", text}); }
  void line(const std::string& key, const std::string& text) { lines_.push_back({key, text}); }
  /// `name = text`, where the dotted key is path.name.
  void value(const std::string& path, const std::string& name, const std::string& text) { line(path + "." + name, name + " = " + text); }
  std::vector<PrintedLine> take() { return std::move(lines_); }

 private:
  std::vector<PrintedLine> lines_;
};

std::string whole_or_auto(std::uint64_t value) { return value == kAutomatic ? "\"auto\"" : std::to_string(value); }
std::string truth(bool value) { return value ? "true" : "false"; }

void print_windows(Printer& out, const std::vector<Window>& windows, const std::string& header, const std::string& path) {
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const std::string here = path + "[" + std::to_string(i) + "]";
    out.header("[[" + header + "]]");
    if (windows[i].frames > 0)
      out.value(here, "frames", std::to_string(windows[i].frames));
    else
      out.value(here, "duration", quoted(duration_text(windows[i].duration_ns)));
    if (windows[i].hop_frames > 0) out.value(here, "hop", std::to_string(windows[i].hop_frames));
    if (windows[i].hop_ns > 0) out.value(here, "hop", quoted(duration_text(windows[i].hop_ns)));
    if (windows[i].wall) out.value(here, "align", quoted(name_of(kAligns, windows[i].wall)));
  }
}

void print_channels_of(Printer& out, const Alarm& alarm, const std::string& path) {
  if (alarm.channels.empty()) return;
  std::string names;
  for (const std::string& name : alarm.channels) names += (names.empty() ? "" : ", ") + quoted(name);
  out.value(path, "channels", "[" + names + "]");
}

void print_limits(Printer& out, const Alarm& alarm, const std::string& path) {
  for (const auto& [name, limit] : {std::pair{"above", alarm.above}, std::pair{"below", alarm.below},
                                    std::pair{"warn_above", alarm.warn_above}, std::pair{"warn_below", alarm.warn_below}}) {
    if (limit) out.value(path, name, number_text(*limit));
  }
  out.value(path, "hysteresis", number_text(alarm.hysteresis));
  out.value(path, "hold", quoted(duration_text(alarm.hold_ns)));
  out.value(path, "release", quoted(duration_text(alarm.release_ns)));
}

void print_alarm(Printer& out, const Alarm& alarm, const std::string& path) {
  out.header("[[stream.alarm]]");
  out.value(path, "name", quoted(alarm.name));
  out.value(path, "kind", quoted(name_of(kAlarmKinds, alarm.kind)));
  print_channels_of(out, alarm, path);
  const bool by_time = alarm.kind == AlarmKind::flat || alarm.kind == AlarmKind::stale;
  if (alarm.kind != AlarmKind::stale) out.value(path, "window", std::to_string(alarm.window));
  if (by_time) out.value(path, "after", quoted(duration_text(alarm.after_ns)));
  if (alarm.kind == AlarmKind::flat) out.value(path, "tolerance", number_text(alarm.tolerance));
  if (by_time) return;
  if (alarm.kind == AlarmKind::band)
    out.value(path, "band", quoted(alarm.band));
  else if (alarm.kind != AlarmKind::nan)
    out.value(path, "of", quoted(name_of(kFigures, alarm.of)));
  if (alarm.kind == AlarmKind::zscore) out.value(path, "learn", std::to_string(alarm.learn));
  print_limits(out, alarm, path);
}

std::string channel_text(const Channel& c, SourceKind source) {
  std::string out = "{ name = " + quoted(c.name) + ", unit = " + quoted(c.unit);
  if (source == SourceKind::simulator) {
    out += ", waveform = " + quoted(name_of(kWaveforms, c.waveform));
    for (const auto& [name, value] :
         {std::pair{"amplitude", c.amplitude}, std::pair{"offset", c.offset}, std::pair{"frequency", c.frequency_hz},
          std::pair{"noise", c.noise}, std::pair{"spikes", c.spike_probability}, std::pair{"nans", c.nan_probability}}) {
      out += std::string(", ") + name + " = " + number_text(value);
    }
  }
  return out + " },";
}

void print_replay(Printer& out, const Replay& replay, const std::string& path) {
  out.value(path, "file", quoted(replay.file));
  out.value(path, "format", quoted(name_of(kReplayFormats, replay.format)));
  if (!replay.time_column.empty()) out.value(path, "time_column", quoted(replay.time_column));
  out.value(path, "time_unit", quoted(name_of(kTimeUnits, replay.time_unit)));
  out.value(path, "as_fast_as_possible", truth(replay.as_fast_as_possible));
  out.value(path, "loop", truth(replay.loop));
}

std::string array_of(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : ", ") + number_text(value);
  return "[" + text + "]";
}

std::string array_of(const std::vector<std::string>& texts) {
  std::string text;
  for (const std::string& one : texts) text += (text.empty() ? "" : ", ") + quoted(one);
  return "[" + text + "]";
}

std::string array_of(const std::vector<std::vector<double>>& rows) {
  std::string text;
  for (const auto& row : rows) text += (text.empty() ? "" : ", ") + array_of(row);
  return "[" + text + "]";
}

void print_calibration(Printer& out, const Stream& stream, const std::string& path) {
  for (std::size_t i = 0; i < stream.calibration.size(); ++i) {
    const Calibration& c = stream.calibration[i];
    const std::string here = path + ".calibration[" + std::to_string(i) + "]";
    out.header("[[stream.calibration]]");
    out.value(here, "channels", array_of(c.channels));
    out.value(here, "scale", number_text(c.scale));
    out.value(here, "offset", number_text(c.offset));
    if (!c.polynomial.empty()) out.value(here, "polynomial", array_of(c.polynomial));
    if (!c.matrix.empty()) out.value(here, "matrix", array_of(c.matrix));
    if (!c.bias.empty()) out.value(here, "bias", array_of(c.bias));
    if (!c.unit.empty()) out.value(here, "unit", quoted(c.unit));
  }
  for (std::size_t i = 0; i < stream.derived.size(); ++i) {
    const Derived& d = stream.derived[i];
    const std::string here = path + ".derived[" + std::to_string(i) + "]";
    out.header("[[stream.derived]]");
    out.value(here, "name", quoted(d.name));
    out.value(here, "unit", quoted(d.unit));
    out.value(here, name_of(kOperations, d.operation), array_of(d.of));
  }
}

std::uint64_t hash_of_text(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

void print_stream(Printer& out, const Stream& stream, const std::string& path) {
  out.header("[[stream]]");
  out.value(path, "name", quoted(stream.name));
  out.value(path, "source", quoted(name_of(kSourceKinds, stream.source)));
  out.value(path, "rate", number_text(stream.rate_hz));
  out.value(path, "type", quoted(name_of(kSampleTypes, stream.type)));
  out.value(path, "shape", truth(stream.shape));
  if (stream.source == SourceKind::replay) {
    print_replay(out, stream.replay, path);
  } else if (stream.source == SourceKind::simulator) {
    out.value(path, "seed", std::to_string(stream.seed));
    out.value(path, "dropout", number_text(stream.dropout_probability));
  }
  if (!stream.channels.empty()) {
    out.bare("channels = [");
    for (std::size_t i = 0; i < stream.channels.size(); ++i) {
      out.line(path + ".channels[" + std::to_string(i) + "]", "  " + channel_text(stream.channels[i], stream.source));
    }
    out.bare("]");
  }
  print_windows(out, stream.windows, "stream.window", path + ".window");
  print_calibration(out, stream, path);
  for (std::size_t i = 0; i < stream.alarms.size(); ++i) print_alarm(out, stream.alarms[i], path + ".alarm[" + std::to_string(i) + "]");
}

/// `header`: as the file writes it; `path`: the dotted key.
void print_analysis(Printer& out, const Analysis& a, const std::string& header, const std::string& path) {
  out.header("[" + header + "]");
  out.value(path, "quantiles", array_of(a.quantiles));
  out.value(path, "hold", std::to_string(a.hold));
  out.value(path, "relative_error", number_text(a.relative_error));
  out.value(path, "histogram", std::to_string(a.histogram));
  out.value(path, "ewma", quoted(duration_text(a.ewma_ns)));
  out.value(path, "covariance", truth(a.covariance));
  const std::string spectrum = path + ".spectrum";
  out.header("[" + header + ".spectrum]");
  out.value(spectrum, "length", std::to_string(a.spectrum.length));
  out.value(spectrum, "overlap", number_text(a.spectrum.overlap));
  out.value(spectrum, "window", quoted(name_of(kWindowFunctions, a.spectrum.window)));
  out.value(spectrum, "peaks", std::to_string(a.spectrum.peaks));
  for (std::size_t i = 0; i < a.spectrum.bands.size(); ++i) {
    const Band& band = a.spectrum.bands[i];
    const std::string here = spectrum + ".bands[" + std::to_string(i) + "]";
    out.header("[[" + header + ".spectrum.bands]]");
    out.value(here, "name", quoted(band.name));
    out.value(here, "low", number_text(band.low_hz));
    out.value(here, "high", number_text(band.high_hz));
  }
}

void print_channel_metrics(Printer& out, const ChannelMetrics& metrics, const std::string& path) {
  out.value(path, "channels", metrics.all ? quoted("all") : array_of(metrics.channels));
  out.value(path, "figures", array_of(metrics.figures));
}

void print_realtime(Printer& out, const Realtime& realtime) {
  out.header("[realtime]");
  out.value("realtime", "lock_memory", truth(realtime.lock_memory));
  for (const auto& [name, plan] : realtime.threads) {
    const std::string path = "realtime." + name;
    out.header("[" + path + "]");
    out.value(path, "policy", quoted(name_of(kPolicies, plan.policy)));
    out.value(path, "priority", std::to_string(plan.priority));
    std::string cpus;
    for (const int cpu : plan.cpus) cpus += (cpus.empty() ? "" : ", ") + std::to_string(cpu);
    out.value(path, "cpus", "[" + cpus + "]");
    out.value(path, "stack", std::to_string(plan.stack_bytes));
  }
}

}  // namespace

std::vector<PrintedLine> printed_lines(const Config& config) {
  Printer out;
  const auto table = [&](const std::string& path, std::initializer_list<std::pair<const char*, std::string>> values) {
    out.header("[" + path + "]");
    for (const auto& [name, text] : values) out.value(path, name, text);
  };
  const Permissions& p = config.permissions;
  table("instance", {{"name", quoted(config.instance)}});
  table("permissions", {{"readers", quoted(p.readers)}, {"consumers", quoted(p.consumers)}, {"operators", quoted(p.operators)}});
  table("ring", {{"blocks", whole_or_auto(config.ring.blocks)},
                 {"block_bytes", whole_or_auto(config.ring.block_bytes)},
                 {"max_delay", quoted(duration_text(config.ring.max_delay_ns))},
                 {"stall_timeout", quoted(duration_text(config.ring.stall_timeout_ns))}});
  table("producer", {{"on_full", quoted(name_of(kOnFulls, config.on_full))}});
  table("window_log", {{"path", quoted(config.window_log)}, {"columns", quoted(name_of(kColumns, config.window_log_all))}});
  table("log", {{"level", quoted(config.log_level)}});
  table("display", {{"refresh", number_text(config.refresh_hz)}});
  table("metrics", {{"max_series", std::to_string(config.max_series)}});
  print_channel_metrics(out, config.default_metrics, "metrics");
  for (const auto& [process, endpoint] : config.metrics) {
    table("metrics." + process, {{"address", quoted(endpoint.address)}, {"port", std::to_string(endpoint.port)}});
  }
  print_realtime(out, config.realtime);
  table("statistics", {{"shape", truth(config.shape)}});
  print_windows(out, config.default_windows, "window", "window");
  print_analysis(out, config.default_analysis, "analysis", "analysis");
  for (std::size_t i = 0; i < config.streams.size(); ++i) {
    const std::string path = "stream[" + std::to_string(i) + "]";
    print_stream(out, config.streams[i], path);
    if (config.streams[i].analysis != config.default_analysis)
      print_analysis(out, config.streams[i].analysis, "stream.analysis", path + ".analysis");
    if (config.streams[i].metrics == config.default_metrics) continue;
    out.header("[stream.metrics]");
    print_channel_metrics(out, config.streams[i].metrics, path + ".metrics");
  }
  return out.take();
}

std::string to_toml(const Config& config, const Origins* origins) {
  std::string text;
  for (const PrintedLine& line : printed_lines(config)) {
    text += line.text;
    if (origins != nullptr && !line.key.empty()) {
      const auto found = origins->find(line.key);
      std::string origin = found != origins->end() ? found->second : "default";
      for (char& c : origin) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;  // a file's name may hold anything
      text += "  # " + origin;
    }
    text += '\n';
  }
  return text;
}

std::uint64_t hash_of(const Config& config) { return hash_of_text(to_toml(config)); }

std::uint64_t calibration_hash(const Stream& stream) {
  Printer out;
  print_calibration(out, stream, "");
  std::string text;
  for (const PrintedLine& line : out.take()) text += line.text + '\n';
  return text.empty() ? 0 : hash_of_text(text);
}

}  // namespace chappe::config
