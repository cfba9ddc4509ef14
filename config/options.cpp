#include "config/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "config/names.hpp"
#include "config/text.hpp"
#include "rt/build_info.hpp"
#include "rt/instance.hpp"
#include "rt/log.hpp"

namespace chappe::config {
namespace {

constexpr Names<DisplayFormat, 3> kDisplayFormats{
    {{"text", DisplayFormat::text}, {"json", DisplayFormat::json}, {"csv", DisplayFormat::csv}}};

constexpr const char* kProducerAbout = "chappe-producer: reads the sources, or replays recordings, into the shared-memory ring.";
constexpr const char* kProducerExamples = R"(Examples:
  chappe-producer                                                  the built-in simulated streams
  chappe-producer --config /etc/chappe/chappe.toml --require-realtime
  chappe-producer --replay walk.csv --once --as-fast-as-possible   each frame once, nothing dropped
  chappe-producer --replay ecg.bin --format i16le --channels 12 --rate 1000
  chappe-producer --replay log.csv --time-column 3 --time-unit ms

SIGUSR1 or SIGHUP reads the configuration anew; SIGTERM or SIGINT drains and stops.)";

constexpr const char* kAggregatorAbout = "chappe-aggregator: takes the ring's blocks and publishes statistics of each window and channel.";
constexpr const char* kAggregatorExamples = R"(Examples:
  chappe-aggregator                                                windows as configured, one second by default
  chappe-aggregator --window-frames 1000 --window-log out.csv      a CSV row for each channel and window
  chappe-aggregator --window-duration 250ms --instance bench

SIGUSR1 or SIGHUP reads the configuration anew; SIGTERM or SIGINT finishes and stops.)";

constexpr const char* kDisplayAbout =
    "chappe-display: shows what the instance measures. It maps the objects read-only and can harm nothing.";
constexpr const char* kDisplayExamples = R"(Examples:
  chappe-display                                                   live in the terminal, q quits
  chappe-display --plain --seconds 20                              a line a second, for logs
  chappe-display --once --format json                              one picture, for programs)";

void add_text(CLI::App& app, const std::string& name, std::string& into, const std::string& type, const std::string& help) {
  app.add_option(name, into, help)->type_name(type);
}

/// A number in a closed range, into a double or an optional one. NaN is in none.
template <class Number>
CLI::Option* add_number(CLI::App& app, const std::string& name, double low, double high, Number& into, const std::string& type,
                        const std::string& help) {
  const auto check = [low, high](const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool good = error == std::errc{} && end == text.data() + text.size() && value >= low && value <= high;
    return good ? "" : quoted_short(text) + ": expected a number from " + number_text(low) + " to " + number_text(high);
  };
  return app.add_option(name, into, help)->type_name(type)->check(check);
}

template <class E, std::size_t N>
CLI::Option* add_choice(CLI::App& app, const std::string& name, const Names<E, N>& names, E& into, const std::string& help) {
  CLI::callback_t take = [&names, &into, name](const CLI::results_t& words) {
    const std::string& word = words.back();
    const std::optional<E> value = named(names, word);
    if (!value) {
      const auto near = nearest(word, words_of(names));
      throw CLI::ValidationError(name, quoted_short(word) + ": expected " + listed(words_of(names)) + (near ? "; nearest: " + *near : ""));
    }
    into = *value;
    return true;
  };
  return app.add_option(name, std::move(take), help + ": " + listed(words_of(names)))->type_name("WORD");
}

std::string check_log_level(const std::string& word) {
  return rt::log_level_named(word) ? "" : quoted_short(word) + ": expected " + listed(log_levels());
}

std::string check_instance(const std::string& name) {
  return rt::is_instance_name(name) ? "" : quoted_short(name) + ": " + rt::kInstanceRule;
}

std::string check_not_empty(const std::string& text) { return text.empty() ? "expected a path, and it is empty" : ""; }

void add_common(CLI::App& app, Options& o) {
  app.add_option("--config", o.config_path, "configuration (default: $CHAPPE_CONFIG, else the built-in one)")
      ->type_name("FILE")
      ->check(check_not_empty);
  app.add_option("--instance", o.instance, "name of the instance, instead of the configuration's")
      ->type_name("NAME")
      ->check(check_instance);
  app.add_option("--log-level", o.log_level, listed(log_levels()))->type_name("WORD")->check(check_log_level);
}

void add_windows(CLI::App& app, Options& o) {
  auto* frames = app.add_option_function<std::int64_t>(
      "--window-frames",
      [&o](const std::int64_t& n) {
        o.window = Window{static_cast<std::uint64_t>(n), 0};
      },
      "frames in each window, of every stream");
  frames->type_name("N")->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}));
  const auto take = [&o](const std::string& text) {
    constexpr std::int64_t kShortest = 1'000'000, kLongest = 86'400'000'000'000;
    const auto ns = parse_duration(text);
    if (!ns || *ns < kShortest || *ns > kLongest) {
      throw CLI::ValidationError("--window-duration", quoted_short(text) + ": expected a duration from 1ms to 24h, such as 250ms");
    }
    o.window = Window{0, *ns};
  };
  app.add_option_function<std::string>("--window-duration", take, "length of each window on the stream's clock, such as 250ms")
      ->type_name("TIME")
      ->excludes(frames);
}

void add_producer(CLI::App& app, Options& o) {
  add_common(app, o);
  app.add_flag("--require-realtime", o.require_realtime, "end instead of running on without the real-time scheduling that was asked for");
  auto* replay = app.add_option("--replay", o.replay_files, "recordings (CSV, WAV, raw binary) instead of the configured streams");
  replay->type_name("FILE")->check(check_not_empty);
  const auto of_replay = [&](CLI::Option* option) { option->needs(replay)->group("Of a replay"); };
  of_replay(add_choice(app, "--format", kReplayFormats, o.replay_format, "format of the recordings"));
  auto* channels = app.add_option("--channels", o.channels, "channels of a raw recording")->type_name("N");
  of_replay(channels->check(CLI::Range(std::int64_t{1}, std::int64_t{4096})));
  of_replay(add_number(app, "--rate", 0.001, 1e7, o.rate_hz, "HZ", "frames per second, if the recording does not say"));
  of_replay(app.add_flag("--as-fast-as-possible", o.as_fast_as_possible,
                         "not at recorded speed; waits for the aggregator, so that nothing is dropped"));
  of_replay(app.add_flag("--once", o.once, "end after the last frame instead of beginning again"));
  of_replay(add_choice(app, "--type", kSampleTypes, o.type, "samples in the ring (default f64)"));
  of_replay(app.add_option("--time-column", o.time_column, "column of the time: its name, or its index from 0")->type_name("COLUMN"));
  of_replay(add_choice(app, "--time-unit", kTimeUnits, o.time_unit, "unit of the time column"));
  add_windows(app, o);
}

void add_aggregator(CLI::App& app, Options& o) {
  add_common(app, o);
  app.add_flag("--require-realtime", o.require_realtime, "end instead of running on without the real-time scheduling that was asked for");
  add_windows(app, o);
  app.add_option("--window-log", o.window_log, "CSV with a row for each channel and window")->type_name("FILE");
  add_text(app, "--closing-ledger", o.closing_ledger, "FILE", "write the ledger there as JSON at an orderly end");
}

void add_display(CLI::App& app, Options& o) {
  add_common(app, o);
  app.add_flag("--once", o.once, "one picture, then end");
  add_choice(app, "--format", kDisplayFormats, o.format, "of --once")->needs("--once");
  app.add_flag("--plain", o.plain, "a line a second instead of the live display");
  add_number(app, "--refresh", 0.1, 50, o.refresh_hz, "HZ", "pictures a second");
  add_number(app, "--seconds", 0.001, 1e9, o.seconds, "N", "stop after N seconds");
}

/// What contradicts itself although each word is known.
std::string contradiction(const Options& o) {
  if (is_raw(o.replay_format) && o.channels == 0) return "--format of a raw recording needs --channels: it cannot say how many it has";
  return {};
}

std::string help_for_unknown(const CLI::App& app, int argc, const char* const* argv) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) known.push_back(option->get_name());
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    word = word.substr(0, word.find('='));
    if (!word.starts_with("-") || std::find(known.begin(), known.end(), word) != known.end()) continue;
    if (const auto near = nearest(word, known)) return "; nearest to " + word + ": " + *near;
  }
  return {};
}

}  // namespace

rt::Result<std::optional<Options>> parse_options(Program program, int argc, const char* const* argv) {
  const std::string name = program == Program::producer     ? "chappe-producer"
                           : program == Program::aggregator ? "chappe-aggregator"
                                                            : "chappe-display";
  const auto wrong = [&](const std::string& text) { return rt::Error{EX_USAGE, text + ". " + name + " --help lists all"}; };
  Options options;
  options.program = program;
  const char* configured = std::getenv("CHAPPE_CONFIG");
  if (configured != nullptr) options.config_path = configured;
  CLI::App app(program == Program::producer ? kProducerAbout : program == Program::aggregator ? kAggregatorAbout : kDisplayAbout, name);
  app.set_help_flag("-h,--help", "this text");
  app.set_version_flag("--version", name + " " + rt::kVersion + " (" + rt::kCommit + ")", "version and commit");
  if (program == Program::producer) add_producer(app, options);
  if (program == Program::aggregator) add_aggregator(app, options);
  if (program == Program::display) add_display(app, options);
  app.footer(program == Program::producer ? kProducerExamples : program == Program::aggregator ? kAggregatorExamples : kDisplayExamples);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return std::optional<Options>{};
  } catch (const CLI::CallForVersion& version) {
    std::printf("%s\n", version.what());
    return std::optional<Options>{};
  } catch (const CLI::ExtrasError& error) {
    return wrong(error.what() + help_for_unknown(app, argc, argv));
  } catch (const CLI::Error& error) {
    return wrong(error.what());
  } catch (const std::exception& error) {
    return wrong(error.what());
  }
  if (const std::string text = contradiction(options); !text.empty()) return wrong(text);
  return std::optional<Options>(std::move(options));
}

}  // namespace chappe::config
