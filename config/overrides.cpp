#include <algorithm>
#include <cstdlib>

#include "config/options.hpp"
#include "config/parse.hpp"
#include "rt/log.hpp"

namespace chappe::config {
namespace {

constexpr std::size_t kNameBytes = 47;

/// What the command line says stands in no file: places of the replaced keys go, and the option stands for them.
class Overrides {
 public:
  explicit Overrides(Parsed& parsed) : parsed_(parsed) {}

  void came_from(const std::string& key, const std::string& source) { parsed_.places[key] = {source, 0, 0}; }
  /// Forgets the places and the faults of a key and of all inside it.
  void forget(const std::string& key) {
    const auto inside = [&](const std::string& other) {
      return other.starts_with(key) && (other.size() == key.size() || other[key.size()] == '.' || other[key.size()] == '[');
    };
    std::erase_if(parsed_.places, [&](const auto& entry) { return inside(entry.first); });
    std::erase_if(parsed_.faults, [&](const Fault& fault) { return inside(fault.key); });
  }
  void text(const std::string& key, std::string& into, const std::string& value, const std::string& source) {
    into = value;
    forget(key);
    came_from(key, source);
  }

 private:
  Parsed& parsed_;
};

void replace_streams(const Options& options, Config& config, Overrides& overrides) {
  overrides.forget("stream");
  config.streams.clear();
  for (const std::string& file : options.replay_files) {
    Stream stream;
    stream.name = stream_name_for(file, config.streams);
    stream.source = SourceKind::replay;
    stream.rate_hz = options.rate_hz;
    stream.type = options.type;
    stream.channels = numbered_channels(options.channels);
    stream.replay = {file, options.replay_format, options.time_column, options.time_unit, options.as_fast_as_possible, !options.once};
    stream.windows = config.default_windows;
    stream.analysis = config.default_analysis;
    stream.metrics = config.default_metrics;
    stream.shape = config.shape;
    const std::string path = "stream[" + std::to_string(config.streams.size()) + "]";
    for (const char* key : {"", ".name", ".source", ".file", ".type", ".loop", ".as_fast_as_possible"})
      overrides.came_from(path + key, "--replay");
    if (options.rate_hz != 0) overrides.came_from(path + ".rate", "--rate");
    if (options.replay_format != ReplayFormat::automatic) overrides.came_from(path + ".format", "--format");
    if (!options.time_column.empty()) overrides.came_from(path + ".time_column", "--time-column");
    if (options.time_unit != TimeUnit::automatic) overrides.came_from(path + ".time_unit", "--time-unit");
    for (std::size_t i = 0; i < stream.channels.size(); ++i)
      overrides.came_from(path + ".channels[" + std::to_string(i) + "]", "--channels");
    config.streams.push_back(std::move(stream));
  }
  if (!options.as_fast_as_possible) return;
  config.on_full = OnFull::wait;
  overrides.forget("producer.on_full");
  overrides.came_from("producer.on_full", "--as-fast-as-possible");
}

void replace_windows(const Window& window, Config& config, Overrides& overrides) {
  const bool by_frames = window.frames > 0;
  const std::string key = by_frames ? "frames" : "duration";
  const auto replace = [&](std::vector<Window>& windows, const std::string& path) {
    windows = {window};
    overrides.forget(path);
    overrides.came_from(path + "[0]." + key, "--window-" + key);
  };
  replace(config.default_windows, "window");
  for (std::size_t i = 0; i < config.streams.size(); ++i) replace(config.streams[i].windows, "stream[" + std::to_string(i) + "].window");
}

}  // namespace

std::string stream_name_for(const std::string& file, const std::vector<Stream>& taken) {
  std::string name = file.substr(file.find_last_of('/') + 1);  // npos + 1 is 0
  const std::size_t dot = name.find_last_of('.');
  if (dot != std::string::npos && dot > 0) name.resize(dot);
  for (char& c : name) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    if (!good) c = '_';
  }
  if (name.empty()) name = "replay";
  name.resize(std::min(name.size(), kNameBytes));
  const auto is_taken = [&](const std::string& candidate) {
    return std::any_of(taken.begin(), taken.end(), [&](const Stream& s) { return s.name == candidate; });
  };
  std::string unique = name;
  for (std::size_t n = 2; is_taken(unique); ++n) {
    const std::string suffix = "-" + std::to_string(n);
    unique = name.substr(0, kNameBytes - suffix.size()) + suffix;
  }
  return unique;
}

LoadResult effective(const Options& options) {
  Parsed parsed = parse_source(options.config_path);
  Config& config = parsed.config;
  Overrides overrides(parsed);
  if (options.instance) overrides.text("instance.name", config.instance, *options.instance, "--instance");
  if (options.log_level) overrides.text("log.level", config.log_level, *options.log_level, "--log-level");
  if (options.window_log) overrides.text("window_log.path", config.window_log, *options.window_log, "--window-log");
  const char* readers = std::getenv("CHAPPE_READERS");
  if (readers != nullptr) overrides.text("permissions.readers", config.permissions.readers, readers, "CHAPPE_READERS");
  if (options.refresh_hz) {
    config.refresh_hz = *options.refresh_hz;
    overrides.forget("display.refresh");
    overrides.came_from("display.refresh", "--refresh");
  }
  if (!options.replay_files.empty()) replace_streams(options, config, overrides);
  if (options.window) replace_windows(*options.window, config, overrides);
  return finish(std::move(parsed), options.config_path.empty() ? kBuiltinName : options.config_path);
}

rt::Result<Loaded> reload(const Options& options, const Config& in_force) {
  LoadResult next = effective(options);
  if (!next.faults.empty()) return rt::Error{EX_CONFIG, describe(next.faults)};
  std::string refused;
  for (const auto& key : refused_live(in_force, next.loaded.config))
    refused += (refused.empty() ? "cannot change while running: " : "; ") + key;
  if (!refused.empty()) return rt::Error{EX_CONFIG, refused};
  return std::move(next.loaded);
}

rt::Result<std::optional<Start>> start(Program program, int argc, const char* const* argv) {
  auto options = parse_options(program, argc, argv);
  if (!options) return options.error();
  if (!*options) return std::optional<Start>{};
  LoadResult result = effective(**options);
  if (!result.faults.empty()) return rt::Error{result.exit_code, describe(result.faults)};
  for (const auto& warning : result.loaded.warnings) rt::log(rt::LogLevel::warn, warning);
  if (auto level = rt::log_level_named(result.loaded.config.log_level)) rt::set_log_level(*level);
  return std::optional<Start>{Start{std::move(**options), std::move(result.loaded)}};
}

}  // namespace chappe::config
