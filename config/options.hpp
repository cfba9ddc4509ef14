// The command lines of the three processes, and the configuration that holds with them. Called by each main, and effective() again by each
// reload: the file may have changed, the command line still overrides it. Not thread-safe (reads the environment); never throws.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "rt/result.hpp"

namespace chappe::config {

enum class Program { producer, aggregator, display };
enum class DisplayFormat { text, json, csv };

struct Options {
  Program program = Program::producer;
  std::string config_path;  ///< --config, else CHAPPE_CONFIG; empty: the built-in text of config/chappe.toml
  std::optional<std::string> instance;
  std::optional<std::string> log_level;
  bool require_realtime = false;  ///< producer and aggregator
  bool once = false;              ///< producer: replays end; display: one picture
  // producer
  std::vector<std::string> replay_files;  ///< not empty: they replace the streams
  ReplayFormat replay_format = ReplayFormat::automatic;
  std::uint64_t channels = 0;  ///< of a raw recording; 0: its own
  double rate_hz = 0;          ///< 0: the recording's own
  SampleType type = SampleType::f64;
  std::string time_column;
  TimeUnit time_unit = TimeUnit::automatic;
  bool as_fast_as_possible = false;
  // producer and aggregator
  std::optional<Window> window;  ///< of every stream
  // aggregator
  std::optional<std::string> window_log;
  std::string closing_ledger;  ///< path of a JSON file written at an orderly end; empty: none
  // display
  std::optional<double> refresh_hz;
  double seconds = 0;  ///< 0: until told to stop
  DisplayFormat format = DisplayFormat::text;
  bool plain = false;
};

/// Nothing: --help or --version was asked for and has been printed. A wrong command line: EX_USAGE, with what is wrong and where help is.
rt::Result<std::optional<Options>> parse_options(Program program, int argc, const char* const* argv);

/// The file, or the built-in text, with the command line and CHAPPE_READERS (which overrides permissions.readers) on top; validated.
LoadResult effective(const Options& options);
/// The same for a running process: all of it can be in force now, or an Error says what is wrong or cannot change live.
rt::Result<Loaded> reload(const Options& options, const Config& in_force);

struct Start {
  Options options;
  Loaded loaded;
};
/// What each main begins with: options and configuration, its warnings in the log, the log level in force. Nothing: --help or --version.
rt::Result<std::optional<Start>> start(Program program, int argc, const char* const* argv);

/// The stream name for a recording: the file's name without folder and extension, with every other character than letters, digits, _ . and
/// - replaced by _, at most 47 bytes, and made different from those in `taken`.
std::string stream_name_for(const std::string& file, const std::vector<Stream>& taken);

}  // namespace chappe::config
