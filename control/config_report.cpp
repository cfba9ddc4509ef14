#include "control/config_report.hpp"

#include <fmt/format.h>
#include <sysexits.h>

#include <nlohmann/json.hpp>

#include "config/config.hpp"

namespace chappe::control {
namespace {

using nlohmann::json;

std::string hex(std::uint64_t hash) { return fmt::format("{:016x}", hash); }

std::string warnings_of(const config::Loaded& loaded) {
  std::string text;
  for (const std::string& warning : loaded.warnings) text += "warning: " + warning + "\n";
  return text;
}

json faults_json(const std::vector<config::Fault>& faults) {
  json list = json::array();
  for (const config::Fault& f : faults) {
    list.push_back({{"file", f.file}, {"line", f.line}, {"column", f.column}, {"key", f.key}, {"text", f.text}});
  }
  return list;
}

std::string dump(const json& value) { return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n"; }

/// Without a file: the built-in text of config/chappe.toml.
config::LoadResult load(const std::string& file) { return file.empty() ? config::load_default() : config::load_file(file); }

}  // namespace

Outcome check_config(const std::string& file, bool as_json) {
  Outcome outcome;
  const config::LoadResult result = config::load_file(file);
  const bool good = result.faults.empty();
  outcome.exit_code = good ? EX_OK : result.exit_code;
  if (as_json) {
    json report{{"file", file}, {"ok", good}, {"faults", faults_json(result.faults)}, {"warnings", result.loaded.warnings}};
    if (good) report["hash"] = hex(result.loaded.hash);
    outcome.out = dump(report);
    return outcome;
  }
  outcome.err = warnings_of(result.loaded);
  if (good) {
    outcome.out = fmt::format("{}: good, {} stream{}, hash {}\n", file, result.loaded.config.streams.size(),
                              result.loaded.config.streams.size() == 1 ? "" : "s", hex(result.loaded.hash));
  } else {
    outcome.err += config::describe(result.faults);
    if (outcome.err.back() != '\n') outcome.err += '\n';
  }
  return outcome;
}

Outcome show_config(const std::string& file, bool as_json) {
  Outcome outcome;
  const config::LoadResult result = load(file);
  if (!result.faults.empty()) return check_config(file, as_json);
  const config::Loaded& loaded = result.loaded;
  if (as_json) {
    outcome.out = dump({{"file", file},
                        {"hash", hex(loaded.hash)},
                        {"config", json::parse(config::to_json(loaded.config))},
                        {"origins", loaded.origins},
                        {"warnings", loaded.warnings}});
  } else {
    outcome.out = config::to_toml(loaded.config, &loaded.origins);
    outcome.err = warnings_of(loaded);
  }
  return outcome;
}

}  // namespace chappe::control
