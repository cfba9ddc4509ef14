#include "config/parse.hpp"

#include <exception>
#include <sstream>

#include "config/parse_analysis.hpp"
#include "config/parse_metrics.hpp"
#include "config/parse_reader.hpp"
#include "config/parse_stream.hpp"

namespace chappe::config {
namespace {

constexpr std::size_t kDeepestKey = 8;  // no key of ours has more than three parts

/// The place after the dots of a key that has too many parts, if any. Every part of a key is a table inside a table, and those are freed
/// recursively: without this a line of dots ends the process. Text in quotes has its own dots.
std::optional<Place> too_deep(const std::string& text) {
  Place at{{}, 1, 1};
  std::size_t dots = 0;
  char quote = 0;
  bool long_quote = false, comment = false;
  std::size_t i = 0;
  const auto skip = [&](std::uint32_t bytes) {
    i += bytes;
    at.column += bytes;
  };
  for (; i < text.size(); skip(1)) {
    const char c = text[i];
    const bool triple = (c == '"' || c == '\'') && text.compare(i, 3, std::string(3, c)) == 0;
    if (c == '\n') {
      at = {{}, at.line + 1, 0};
      comment = false;
      if (!long_quote) quote = 0;
      if (quote == 0) dots = 0;
    } else if (comment) {
      continue;
    } else if (quote != 0) {
      if (c == '\\' && quote == '"' && text[i + 1] != '\n') skip(1);  // an escaped quote closes nothing
      if (c != quote || (long_quote && !triple)) continue;
      if (long_quote) skip(2);
      quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
      long_quote = triple;
      if (long_quote) skip(2);
    } else if (c == '#') {
      comment = true;
    } else if (c == '.') {
      if (++dots > kDeepestKey) return at;
    } else if (std::string_view("=,[]{}").find(c) != std::string_view::npos) {
      dots = 0;
    }
  }
  return std::nullopt;
}

void read_permissions(Reader& in, Permissions& permissions) {
  for (const auto& [key, into] : {std::pair{"readers", &permissions.readers}, std::pair{"consumers", &permissions.consumers},
                                  std::pair{"operators", &permissions.operators}}) {
    in.text(key, *into);
  }
}

void read_metrics(Reader& in, Config& config) {
  in.whole("max_series", config.max_series);
  read_channel_metrics(in, config.default_metrics);
  for (auto& entry : config.metrics) {
    in.table(entry.first, [&entry](Reader& inner) {
      inner.text("address", entry.second.address);
      inner.whole("port", entry.second.port);
    });
  }
}

void read_cpus(Reader& in, std::vector<int>& cpus) {
  const toml::node* value = in.node("cpus");
  if (value == nullptr) return;
  const auto* array = value->as_array();
  cpus.clear();
  for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
    const auto* cpu = array->get(i)->as_integer();
    if (cpu == nullptr) return in.wrong_type("cpus", *array->get(i), "numbers of processors, such as [2, 3]");
    cpus.push_back(cpu->get() >= 0 && cpu->get() < 1'000'000 ? static_cast<int>(cpu->get()) : -1);  // -1 is refused by config/validate
  }
  if (array == nullptr) in.wrong_type("cpus", *value, "an array of processor numbers, such as [2, 3]");
}

void read_realtime(Reader& in, Realtime& realtime) {
  in.boolean("lock_memory", realtime.lock_memory);
  for (auto& entry : realtime.threads) {
    in.table(entry.first, [&plan = entry.second](Reader& inner) {
      inner.choice("policy", kPolicies, plan.policy);
      if (plan.policy == rt::Policy::other) plan.priority = 0;  // the default priority belongs to the default policy
      inner.whole("priority", plan.priority);
      read_cpus(inner, plan.cpus);
      std::uint64_t stack = plan.stack_bytes;
      inner.whole("stack", stack);
      plan.stack_bytes = stack;
    });
  }
}

void read_all(Reader& in, Config& config) {
  in.table("instance", [&](Reader& t) { t.text("name", config.instance); });
  in.table("permissions", [&](Reader& t) { read_permissions(t, config.permissions); });
  in.table("ring", [&](Reader& t) {
    t.whole_or_auto("blocks", config.ring.blocks);
    t.whole_or_auto("block_bytes", config.ring.block_bytes);
    t.duration("max_delay", config.ring.max_delay_ns);
    t.duration("stall_timeout", config.ring.stall_timeout_ns);
  });
  in.table("producer", [&](Reader& t) { t.choice("on_full", kOnFulls, config.on_full); });
  in.table("window_log", [&](Reader& t) {
    t.text("path", config.window_log);
    t.choice("columns", kColumns, config.window_log_all);
  });
  in.table("log", [&](Reader& t) { t.text("level", config.log_level); });
  in.table("display", [&](Reader& t) { t.number("refresh", config.refresh_hz); });
  in.table("metrics", [&](Reader& t) { read_metrics(t, config); });
  in.table("realtime", [&](Reader& t) { read_realtime(t, config.realtime); });
  if (in.has("window")) config.default_windows.clear();
  in.tables("window", [&](Reader& t) { config.default_windows.push_back(read_window(t)); });
  in.table("statistics", [&](Reader& t) { t.boolean("shape", config.shape); });
  in.table("analysis", [&](Reader& t) { config.default_analysis = read_analysis(t); });
  in.tables("stream", [&](Reader& t) {
    config.streams.push_back(read_stream(t, config.shape));
    Stream& stream = config.streams.back();
    if (!t.has("analysis")) stream.analysis = config.default_analysis;
    stream.metrics = config.default_metrics;
    t.table("metrics", [&](Reader& m) { read_channel_metrics(m, stream.metrics); });
  });
  in.reject_unknown();
  for (Stream& stream : config.streams) {
    if (stream.windows.empty()) stream.windows = config.default_windows;
  }
}

}  // namespace

Config defaults() {
  Config config;
  config.metrics = {{"producer", {"127.0.0.1", 9464}}, {"aggregator", {"127.0.0.1", 9465}}, {"display", {"127.0.0.1", 9466}}};
  for (const auto& [name, priority] : {std::pair{"feed", 60}, std::pair{"drain", 50}, std::pair{"source", 55}}) {
    config.realtime.threads[name] = {.name = std::string("chappe-") + name, .policy = rt::Policy::fifo, .priority = priority};
  }
  return config;
}

Parsed parse_text(const std::string& text, const std::string& name) {
  Parsed parsed;
  parsed.config = defaults();
  const auto refuse = [&](const std::string& why, std::uint32_t line, std::uint32_t column) {
    parsed.faults.push_back({name, line, column, "", why});
    return parsed;
  };
  if (const auto at = too_deep(text)) return refuse("a key of more than " + std::to_string(kDeepestKey) + " parts", at->line, at->column);
  // The library of the system is built with exceptions; this is the one place where they end.
  try {
    const toml::table table = toml::parse(text, name);
    Reader in(parsed, name, table, "");
    read_all(in, parsed.config);
  } catch (const toml::parse_error& error) {
    return refuse("not TOML: " + std::string(error.description()), error.source().begin.line, error.source().begin.column);
  } catch (const std::exception& error) {
    return refuse(std::string("cannot be parsed: ") + error.what(), 0, 0);
  }
  return parsed;
}

std::string to_json(const Config& config) {
  try {
    const toml::table table = toml::parse(to_toml(config));
    std::ostringstream out;
    out << toml::json_formatter{table};
    return out.str();
  } catch (const std::exception&) {
    return "{}";  // a configuration that was never validated
  }
}

}  // namespace chappe::config
