#include "shm/snapshot_json.hpp"

#include <ctime>

#include "shm/json.hpp"

namespace chappe::shm {
namespace {

Json time_text(std::int64_t realtime_ns) {
  if (realtime_ns == 0) return nullptr;
  const std::time_t seconds = realtime_ns / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[40];
  const std::size_t used = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text + used, sizeof text - used, ".%03dZ", static_cast<int>(realtime_ns / 1'000'000 % 1000));
  return text;
}

Json account(const Account& a) {
  return {{"stream", a.stream},
          {"acquired", a.acquired},
          {"aggregated", a.aggregated},
          {"dropped",
           {{"full", a.dropped.full},
            {"pool", a.dropped.pool},
            {"source", a.dropped.source},
            {"paused", a.dropped.paused},
            {"crash", a.dropped.crash}}},
          {"overrun", a.overrun},
          {"overrun_pending", a.overrun_pending},
          {"in_flight", a.in_flight},
          {"unexplained", a.unexplained},
          {"filled", a.filled},
          {"handed", a.handed},
          {"committed", a.committed}};
}

Json ledger(const Snapshot& s) {
  Json streams = Json::array();
  for (const auto& a : s.ledger.streams) streams.push_back(account(a));
  return {{"instance", s.instance}, {"settled", s.ledger.settled}, {"streams", std::move(streams)}};
}

Json cpus(std::uint64_t mask) {
  Json list = Json::array();
  for (int cpu = 0; cpu < 64; ++cpu) {
    if ((mask >> cpu & 1U) != 0) list.push_back(cpu);
  }
  return list;
}

Json schedule(bool fifo, int priority, std::uint64_t mask) {
  return {{"policy", fifo ? "fifo" : "other"}, {"priority", priority}, {"cpus", cpus(mask)}};
}

Json process(const ProcessReport& p) {
  Json threads = Json::array();
  for (const auto& t : p.threads) {
    threads.push_back({{"thread", t.name},
                       {"asked", schedule(t.asked_fifo, t.asked_priority, t.asked_cpus)},
                       {"granted", schedule(t.granted_fifo, t.granted_priority, t.granted_cpus)}});
  }
  char hash[20];
  std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(p.config_hash));
  return {{"pid", p.pid},
          {"alive", p.alive},
          {"since", time_text(p.since_ns)},
          {"age_ms", p.age_ms},
          {"config_generation", p.config_generation},
          {"config_hash", hash},
          {"last_reload",
           {{"ok", p.reload_ok},
            {"time", time_text(p.reload_ns)},
            {"error", p.reload_error.empty() ? Json(nullptr) : Json(p.reload_error)},
            {"count", p.reloads},
            {"failed", p.reloads_failed}}},
          {"realtime",
           {{"threads", std::move(threads)},
            {"memory_lock", p.lock_asked},
            {"locked_bytes", p.locked_bytes},
            {"refused", p.realtime_refused.empty() ? Json(nullptr) : Json(p.realtime_refused)}}}};
}

Json ring(const Snapshot& s) {
  if (!s.ring_present) return nullptr;
  Json gates = Json::array();
  for (const auto& g : s.gates) {
    gates.push_back({{"gate", g.gate},
                     {"held", g.held},
                     {"state", g.state},
                     {"pid", g.pid},
                     {"tail", g.tail},
                     {"lag", g.lag},
                     {"standing_ms", g.standing_ms}});
  }
  return {{"incarnation", s.incarnation},
          {"epoch", s.epoch},
          {"state", s.state},
          {"waits", s.producer_waits},
          {"waiting_for_gate", s.producer_waiting_for_gate},
          {"blocks", s.blocks},
          {"block_bytes", s.block_bytes},
          {"head", s.head},
          {"upto", s.upto},
          {"fill", number(s.fill)},
          {"gates", std::move(gates)},
          {"stalls", s.stalls},
          {"evictions", s.evictions}};
}

Json streams(const Snapshot& s) {
  Json list = Json::array();
  for (const auto& v : s.streams) {
    Json channels = Json::array();
    for (const auto& c : v.channels) {
      channels.push_back({{"channel", c.channel},
                          {"unit", c.unit},
                          {"last", number(c.last)},
                          {"mean", number(c.mean)},
                          {"min", number(c.min)},
                          {"max", number(c.max)},
                          {"rms", number(c.rms)},
                          {"variance", number(c.variance)},
                          {"count", c.count},
                          {"nan", c.nan},
                          {"age_ms", v.age_ms}});
    }
    list.push_back({{"stream", v.stream},
                    {"type", v.value_bytes == 8 ? "f64" : "f32"},
                    {"nominal_hz", number(v.nominal_hz)},
                    {"rate_hz", number(v.rate_hz)},
                    {"age_ms", v.age_ms},
                    {"ended", v.ended},
                    {"window", v.window},
                    {"generation", v.generation},
                    {"windows_closed", v.windows_closed},
                    {"missing", v.missing},
                    {"derived", v.derived},
                    {"calibration_refused", v.calibration_refused},
                    {"channels", std::move(channels)}});
  }
  return list;
}

Json alarms(const Snapshot& s) {
  Json list = Json::array();
  for (const auto& a : s.alarms) {
    list.push_back({{"stream", a.stream},
                    {"channel", a.channel.empty() ? Json(nullptr) : Json(a.channel)},
                    {"alarm", a.alarm},
                    {"kind", a.kind},
                    {"of", a.of.empty() ? Json(nullptr) : Json(a.of)},
                    {"state", a.state},
                    {"since_ns", a.since_ns},
                    {"value", number(a.value)},
                    {"limit", number(a.limit)},
                    {"unit", a.unit},
                    {"latest", number(a.latest)},
                    {"window", a.window},
                    {"acknowledged", a.acknowledged},
                    {"shelved_until_ns", a.shelved_until_ns},
                    {"raised", a.raised},
                    {"cleared", a.cleared},
                    {"missed_windows", a.missed}});
  }
  return list;
}

std::string text(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string ledger_json(const Snapshot& s) { return text(ledger(s)); }

std::string status_json(const Snapshot& s) {
  return text({{"instance", s.instance},
               {"processes", {{"producer", process(s.producer)}, {"aggregator", process(s.aggregator)}}},
               {"ring", ring(s)},
               {"counters",
                {{"publications", s.publications},
                 {"doorbell_timeouts_with_data", s.doorbell_timeouts_with_data},
                 {"torn_blocks", s.torn},
                 {"reattachments", s.resyncs},
                 {"windows_analysed", s.analysis.windows},
                 {"windows_skipped", s.analysis.windows_skipped},
                 {"window_log_lost_rows", s.log_rows_lost},
                 {"window_log_errors", s.log_errors}}},
               {"trouble", s.trouble.empty() ? Json(nullptr) : Json(s.trouble)}});
}

std::string streams_json(const Snapshot& s) { return text({{"instance", s.instance}, {"streams", streams(s)}}); }

std::string alarms_json(const Snapshot& s) { return text(alarms(s)); }

std::string display_json(const Snapshot& s) {
  const auto who = [](const ProcessReport& p) {
    return Json{{"alive", p.alive}, {"age_ms", p.age_ms}, {"pid", p.pid}, {"config_generation", p.config_generation}};
  };
  return text({{"instance", s.instance},
               {"producer", who(s.producer)},
               {"aggregator", who(s.aggregator)},
               {"streams", streams(s)},
               {"alarms", alarms(s)},
               {"ledger", ledger(s)}});
}

namespace {

/// Throws what nlohmann throws where a value is of another type.
bool read_ledger(const std::string& bytes, std::string& instance, Ledger& out) {
  const Json json = Json::parse(bytes, nullptr, false);
  if (!json.is_object() || !json.contains("streams") || !json["streams"].is_array()) return false;
  instance = json.value("instance", "");
  out.settled = json.value("settled", false);
  for (const auto& s : json["streams"]) {
    if (!s.is_object() || !s.contains("dropped") || !s["dropped"].is_object()) return false;
    Account a;
    a.stream = s.value("stream", "");
    const auto frames = [](const Json& from, const char* key) { return from.value(key, std::uint64_t{0}); };
    a.acquired = frames(s, "acquired");
    a.filled = frames(s, "filled");
    a.handed = frames(s, "handed");
    a.committed = frames(s, "committed");
    a.aggregated = frames(s, "aggregated");
    const Json& d = s["dropped"];
    a.dropped = {frames(d, "full"), frames(d, "pool"), frames(d, "source"), frames(d, "paused"), frames(d, "crash")};
    a.overrun = frames(s, "overrun");
    a.overrun_pending = frames(s, "overrun_pending");
    a.in_flight = frames(s, "in_flight");
    a.unexplained = s.value("unexplained", std::int64_t{0});
    out.streams.push_back(std::move(a));
  }
  return true;
}

}  // namespace

bool ledger_from_json(const std::string& bytes, std::string& instance, Ledger& out) {
  try {
    return read_ledger(bytes, instance, out);
  } catch (const Json::exception&) {
    return false;
  }
}

}  // namespace chappe::shm
