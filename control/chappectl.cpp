// chappectl, the operator's hand. What only looks (status, ledger, streams) reads shared memory as any viewer does, and works whoever is
// dead; what changes something (reload, stop) goes through the queues and is answered. Exit codes are those of sysexits.h.
#include <fmt/format.h>
#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "config/config.hpp"
#include "config/text.hpp"
#include "control/config_report.hpp"
#include "control/describe.hpp"
#include "control/message.hpp"
#include "control/orders.hpp"
#include "control/tables.hpp"
#include "control/top.hpp"
#include "rt/build_info.hpp"
#include "rt/clock.hpp"
#include "rt/instance.hpp"
#include "shm/snapshot_json.hpp"
#include "shm/viewer.hpp"

namespace chappe::control {
namespace {

using nlohmann::json;

struct Options {
  std::string instance;  ///< empty: of the configuration file, else "default"
  std::string config;
  double timeout_s = 10;
  bool as_json = false;
  bool check = false;   ///< ledger
  std::string from;     ///< ledger: a closing ledger's file instead of the instance
  std::string process;  ///< reload, stop
  std::string file;     ///< config check, config show
  std::string stream;   ///< describe
  AlarmOrder alarm;     ///< alarms acknowledge, alarms shelve
  std::string shelf = "1h";
  std::string by = "rms";
  std::size_t count = 20;  ///< top
};

/// The name cannot be told for sure: the file is no TOML, its [instance] is at fault, or it names none and has a table that nobody knows.
bool hides_instance(const config::LoadResult& result) {
  const bool named = result.loaded.origins.contains("instance.name") && result.loaded.origins.at("instance.name") != "default";
  return std::any_of(result.faults.begin(), result.faults.end(), [&](const config::Fault& fault) {
    const bool of_instance = fault.key == "instance" || fault.key.starts_with("instance.");
    return fault.key.empty() || of_instance || (!named && fault.key.find_first_of(".[") == std::string::npos);
  });
}

/// --instance, else the one that --config or CHAPPE_CONFIG names, else the default. Faults elsewhere in the file do not keep an operator
/// from the processes that run.
std::optional<std::string> instance_of(const Options& options, Outcome& outcome) {
  if (!options.instance.empty()) return options.instance;
  static const config::Config defaults;
  if (options.config.empty()) return defaults.instance;
  const config::LoadResult result = config::load_file(options.config);
  if (!hides_instance(result)) return result.loaded.config.instance;
  outcome = check_config(options.config, options.as_json);
  return std::nullopt;
}

std::string json_line(const json& value) { return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n"; }

/// A look at the instance; a ledger that was caught in motion is looked at again, a bounded number of times.
shm::Snapshot look(const std::string& instance) {
  shm::Viewer viewer(instance);
  shm::Snapshot snapshot = viewer.look();
  for (int i = 0; i < 20 && !snapshot.ledger.settled && (snapshot.ring_present || snapshot.board_present); ++i) {
    rt::sleep_until(rt::monotonic_ns() + 5 * rt::kMillisecond);
    snapshot = viewer.look();
  }
  return snapshot;
}

/// The ledger that an aggregator wrote at its orderly end, as if it were looked at now.
rt::Result<shm::Snapshot> read_ledger(const std::string& path) {
  std::ifstream file(path);
  if (!file) return rt::Error{EX_NOINPUT, path + ": cannot be opened: " + std::strerror(errno)};
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  shm::Snapshot snapshot;
  snapshot.board_present = true;
  if (!file || !shm::ledger_from_json(bytes, snapshot.instance, snapshot.ledger))
    return rt::Error{EX_DATAERR, path + ": not a ledger; expected the JSON that `chappectl ledger --json` prints"};
  return snapshot;
}

constexpr const char* kExamples = R"(Examples:
  chappectl status                            who lives, and what real time they were granted
  chappectl ledger --check && echo closes     the account of every frame
  chappectl config check FILE && chappectl reload
  chappectl --instance bench stop             in order, nothing left behind

Exit: 0 done; 64 wrong command line; 65 frames are unexplained (ledger --check), or the file is no ledger; 66 no such file;
69 nothing is there; 70 a fault of this program; 74 nobody takes the output; 75 not now: busy, no queue, not ended in time,
or not settled; 77 no permission; 78 the configuration is wrong, or was refused.
`chappectl COMMAND --help` lists the options of a command.)";

using ToText = std::string (*)(const shm::Snapshot&);

/// status, ledger, streams. With nothing there: one line and EX_UNAVAILABLE; as JSON the empty snapshot, too.
Outcome show(const Options& options, ToText text, ToText as_json) {
  Outcome outcome;
  const auto instance = instance_of(options, outcome);
  if (!instance) return outcome;
  const auto found = options.from.empty() ? rt::Result<shm::Snapshot>(look(*instance)) : read_ledger(options.from);
  if (!found) return {found.error().exit_code, "", found.error().text + "\n"};
  const shm::Snapshot& snapshot = *found;
  const bool nothing = !snapshot.ring_present && !snapshot.board_present && snapshot.ledger.streams.empty();
  if (options.as_json) {
    outcome.out = as_json(snapshot);
    if (!outcome.out.ends_with('\n')) outcome.out += '\n';
  } else if (!nothing) {
    outcome.out = text(snapshot);
  }
  if (!nothing && !snapshot.trouble.empty()) outcome.err = fmt::format("instance {}: {}\n", *instance, snapshot.trouble);
  if (nothing) {
    outcome.exit_code = snapshot.trouble_code == EX_NOPERM ? EX_NOPERM : EX_UNAVAILABLE;
    outcome.err =
        fmt::format("instance {}: {}\n", *instance, snapshot.trouble.empty() ? "nothing is there; is it started?" : snapshot.trouble);
  } else if (options.check && (!snapshot.ledger.settled || snapshot.ledger.streams.empty())) {
    outcome.exit_code = EX_TEMPFAIL;
  } else if (options.check && !closes(snapshot.ledger)) {
    outcome.exit_code = EX_DATAERR;
  }
  return outcome;
}

/// One stream.
Outcome describe(const Options& options) {
  Outcome outcome;
  const auto instance = instance_of(options, outcome);
  if (!instance) return outcome;
  shm::Viewer viewer(*instance);
  const shm::Snapshot snapshot = viewer.look();
  std::string known;
  for (const shm::StreamView& view : snapshot.streams) {
    if (view.stream == options.stream) return {EX_OK, options.as_json ? shm::describe_json(view) + "\n" : describe_text(view), ""};
    known += (known.empty() ? "" : ", ") + view.stream;
  }
  const std::string why = !snapshot.trouble.empty() ? snapshot.trouble
                          : known.empty()           ? "nothing is there; is it started?"
                                                    : fmt::format("no stream '{}'; there are {}", options.stream, known);
  return {snapshot.trouble_code == EX_NOPERM ? EX_NOPERM : EX_UNAVAILABLE, "", fmt::format("instance {}: {}\n", *instance, why)};
}

/// The loudest channels.
Outcome top(const Options& options) {
  const Loudness by = options.by == "crest" ? Loudness::crest : options.by == "deviation" ? Loudness::deviation : Loudness::rms;
  Outcome outcome;
  const auto instance = instance_of(options, outcome);
  if (!instance) return outcome;
  shm::Viewer viewer(*instance);
  const shm::Snapshot snapshot = viewer.look();
  if (snapshot.streams.empty()) {
    const std::string why = snapshot.trouble.empty() ? "nothing is there; is it started?" : snapshot.trouble;
    return {snapshot.trouble_code == EX_NOPERM ? EX_NOPERM : EX_UNAVAILABLE, "", fmt::format("instance {}: {}\n", *instance, why)};
  }
  const std::vector<TopRow> rows = loudest(snapshot, by, options.count);
  return {EX_OK, options.as_json ? top_json(snapshot, options.by, rows) : top_text(rows), ""};
}

/// reload, stop: a line for each process; the exit code is the first that is not 0.
Outcome order(const Options& options, const char* name, std::vector<Obeyed> (*give)(const Orders&), const std::string& argument = {}) {
  Outcome outcome;
  const auto instance = instance_of(options, outcome);
  if (!instance) return outcome;
  json processes = json::array();
  for (const Obeyed& obeyed : give({*instance, options.process, static_cast<int>(std::lround(options.timeout_s * 1000)), argument})) {
    if (outcome.exit_code == EX_OK) outcome.exit_code = obeyed.exit_code;
    const bool ok = obeyed.exit_code == EX_OK;
    processes.push_back({{"process", obeyed.process}, {"ok", ok}, {"exit_code", obeyed.exit_code}, {"text", obeyed.text}});
    (ok ? outcome.out : outcome.err) += fmt::format("{}: {}\n", obeyed.process, obeyed.text);
  }
  if (options.as_json) {
    outcome.out = json_line({{"instance", *instance}, {"command", name}, {"ok", outcome.exit_code == EX_OK}, {"processes", processes}});
    outcome.err.clear();
  }
  return outcome;
}

Outcome shelve_alarm(const Options& options) {
  AlarmOrder wanted = options.alarm;
  wanted.for_ms = config::parse_duration(options.shelf).value_or(0) / rt::kMillisecond;
  return order(options, "shelve", shelve, encode(wanted));
}

std::string version_text() { return fmt::format("chappectl {} ({}, {})", rt::kVersion, rt::kCommit, __VERSION__); }

Outcome version(const Options& options) {
  const json values{{"program", "chappectl"}, {"version", rt::kVersion}, {"commit", rt::kCommit}, {"compiler", __VERSION__}};
  if (options.as_json) return {EX_OK, json_line(values), ""};
  return {EX_OK, version_text() + "\n", ""};
}

using Action = std::function<Outcome(const Options&)>;

/// The options that every command takes, before or behind its name: what a command does not know falls through to the program.
void add_common(CLI::App& app, Options& options) {
  app.fallthrough();
  app.add_flag("--json", options.as_json, "print JSON");
  app.add_option("--instance", options.instance, "name of the instance")->check([](const std::string& name) {
    return rt::is_instance_name(name) ? std::string() : "'" + name + "': " + rt::kInstanceRule;
  });
  app.add_option("--config", options.config, "configuration file that names the instance")->envname("CHAPPE_CONFIG")->type_name("FILE");
  app.add_option("--timeout", options.timeout_s, "seconds to wait for each answer")
      ->check([](const std::string& text) {
        const double seconds = std::strtod(text.c_str(), nullptr);  // CLI::Range lets NaN pass
        return seconds >= 0.01 && seconds <= 3600 ? std::string() : "'" + text + "': expected 0.01 to 3600 seconds";
      })
      ->capture_default_str();
}

CLI::App* add(CLI::App& parent, const char* name, const char* help, Action& chosen, Action action) {
  CLI::App* sub = parent.add_subcommand(name, help);
  sub->callback([&chosen, action = std::move(action)] { chosen = action; });
  return sub;
}

void add_looks(CLI::App& app, Options& options, Action& chosen) {
  add(app, "status", "the processes, what they asked and what they were granted", chosen,
      [](const Options& o) { return show(o, status_text, shm::status_json); });
  CLI::App* const ledger =
      add(app, "ledger", "the account of every frame", chosen, [](const Options& o) { return show(o, ledger_text, shm::ledger_json); });
  ledger->add_flag("--check", options.check, "exit with 65 if frames are unexplained, with 75 if that cannot be said");
  ledger->add_option("--from", options.from, "read a closing ledger from this file and look at no process");
  add(app, "streams", "streams and channels with their last window", chosen,
      [](const Options& o) { return show(o, streams_text, shm::streams_json); });
  add(app, "describe", "all that is known of one stream's last windows", chosen, describe)
      ->add_option("STREAM", options.stream, "the stream")
      ->required();
  CLI::App* const loud = add(app, "top", "the loudest channels of all streams, by their last window", chosen, top);
  loud->add_option("--by", options.by, "rms, crest or deviation")
      ->check(CLI::IsMember({"rms", "crest", "deviation"}))
      ->capture_default_str();
  loud->add_option("--count", options.count, "channels shown at most")->check(CLI::Range(1, 4096))->capture_default_str();
  add(app, "version", "of this program", chosen, version);
}

void add_orders(CLI::App& app, Options& options, Action& chosen) {
  CLI::App* const orders[] = {
      add(app, "reload", "read the configuration anew", chosen, [](const Options& o) { return order(o, "reload", reload); }),
      add(app, "stop", "drain and end: the producer, then the aggregator", chosen,
          [](const Options& o) { return order(o, "stop", stop); })};
  for (CLI::App* sub : orders)
    sub->add_option("--process", options.process, "this one alone")->check(CLI::IsMember({"producer", "aggregator"}));
}

/// What an alarm's order is about.
CLI::App* add_choice(CLI::App* sub, Options& options) {
  sub->add_option("NAME", options.alarm.alarm, "the alarm, on each channel that it watches")->required();
  sub->add_option("--stream", options.alarm.stream, "of this stream alone");
  sub->add_option("--channel", options.alarm.channel, "on this channel alone");
  return sub;
}

void add_alarms(CLI::App& app, Options& options, Action& chosen) {
  const auto list = [](const Options& o) { return show(o, alarms_text, shm::alarms_json); };
  CLI::App* const alarms = app.add_subcommand("alarms", "what is watched and what is raised; acknowledge, shelve");
  alarms->callback([&chosen, alarms, list] {
    if (alarms->get_subcommands().empty()) chosen = list;
  });
  alarms->require_subcommand(0, 1);
  add(*alarms, "list", "the same as without a word behind it", chosen, list);
  add_choice(add(*alarms, "acknowledge", "an operator has seen that it is raised", chosen,
                 [](const Options& o) { return order(o, "acknowledge", acknowledge, encode(o.alarm)); }),
             options);
  CLI::App* const shelf =
      add_choice(add(*alarms, "shelve", "say nothing of it for a while, though it is judged", chosen, shelve_alarm), options);
  shelf->add_option("--for", options.shelf, "for so long, up to 30 days; 0s: no longer")
      ->check([](const std::string& text) {
        const auto ns = config::parse_duration(text);
        const bool good = ns && *ns <= std::int64_t{30} * 86'400 * rt::kSecond;
        return good ? std::string() : "'" + text + "': expected a duration such as 30min, 0s to 720h";
      })
      ->capture_default_str();
}

void add_config(CLI::App& app, Options& options, Action& chosen) {
  CLI::App* config = app.add_subcommand("config", "look at a configuration file");
  config->require_subcommand(1);
  add(*config, "check", "say all that is wrong with it", chosen, [](const Options& o) { return check_config(o.file, o.as_json); })
      ->add_option("FILE", options.file, "the file")
      ->required();
  add(*config, "show", "what is in force with it, and where each value comes from; the defaults without a file", chosen,
      [](const Options& o) { return show_config(o.file.empty() ? o.config : o.file, o.as_json); })
      ->add_option("FILE", options.file, "the file");
}

}  // namespace
}  // namespace chappe::control

int main(int argc, char** argv) {
  using namespace chappe::control;
  Options options;
  Action chosen;
  CLI::App app("Looks at a running Chappe, and gives it orders.", "chappectl");
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "this text; of a command, behind its name");
  app.set_version_flag("--version", version_text(), "version and commit");
  app.footer(kExamples);
  add_common(app, options);
  add_looks(app, options, chosen);
  add_alarms(app, options, chosen);
  add_orders(app, options, chosen);
  add_config(app, options, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    const auto words = app.remaining();
    if (words.empty()) return app.exit(error) == 0 ? EX_OK : EX_USAGE;
    std::string known;
    for (const CLI::App* command : app.get_subcommands(nullptr)) known += (known.empty() ? "" : ", ") + command->get_name();
    std::fprintf(stderr, "'%s': no such command; expected one of %s. Run with --help for more information.\n", words[0].c_str(),
                 known.c_str());
    return EX_USAGE;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EX_OK : EX_USAGE;
  }
  try {
    const Outcome outcome = chosen(options);
    std::fputs(outcome.err.c_str(), stderr);
    std::fputs(outcome.out.c_str(), stdout);
    const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
    return written || outcome.exit_code != EX_OK ? outcome.exit_code : EX_IOERR;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "chappectl: %s\n", failure.what());
    return EX_SOFTWARE;
  }
}
