// torture_product: the three real processes under load, and random kills, stops, restarts, reloads, changes of geometry, viewers. Exit 0
// only if at every look the ledger closed, every window row is exact and nothing is left. With --kill-every a soak: one kill now and then,
// and what each process holds of memory and descriptors must stay flat over its life, and the number of objects and queues at all.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <fstream>

#include "campaign.hpp"
#include "holdings.hpp"
#include "rt/clock.hpp"

namespace chappe::whole {
namespace {

struct Arguments {
  CampaignOptions campaign;
  std::uint64_t events = 300;
  double seconds = 0, kill_every_s = 0;
  bool json = false;
};

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Json report_of(const Campaign& c, const Arguments& a, double seconds) {
  Json events = Json::object(), streams = Json::array();
  std::vector<double> all;
  for (const auto& [name, t] : c.tallies()) {
    all.insert(all.end(), t.recovery_ms.begin(), t.recovery_ms.end());
    Json& event = events[name] = {{"events", t.events}, {"recovery_ms", Json::array()}};
    if (!t.recovery_ms.empty())
      event["recovery_ms"] = {quantile(t.recovery_ms, 0), quantile(t.recovery_ms, 0.5), quantile(t.recovery_ms, 1)};
  }
  for (const auto& s : c.ledger().streams) {
    streams.push_back({{"stream", s.stream},
                       {"acquired", s.acquired},
                       {"aggregated", s.aggregated},
                       {"overrun", s.overrun},
                       {"full", s.dropped.full},
                       {"pool", s.dropped.pool},
                       {"source", s.dropped.source},
                       {"paused", s.dropped.paused},
                       {"crash", s.dropped.crash}});
  }
  return {
      {"seed", a.campaign.seed},
      {"samples_per_s", a.campaign.samples_per_s},
      {"seconds", seconds},
      {"events", events},
      {"recovery_ms", {{"min", quantile(all, 0)}, {"median", quantile(all, 0.5)}, {"p99", quantile(all, 0.99)}, {"max", quantile(all, 1)}}},
      {"streams", streams},
      {"unexplained", c.unexplained()},
      {"landed", c.landed()},
      {"left_over", c.left_over() ? Json(*c.left_over()) : Json(nullptr)},
      {"evictions", c.evictions()},
      {"looks", c.looks()},
      {"unsettled", c.unsettled()},
      {"rows", c.rows()},
      {"rows_lost", c.rows_lost()},
      {"doorbell_timeouts_with_data", c.timeouts_with_data()},
      {"excused_timeouts", c.excused_timeouts()},
      {"failure", c.failure()}};
}

void print(const Json& r) {
  std::uint64_t number = 0;
  for (const auto& [name, e] : r["events"].items()) number += e["events"].get<std::uint64_t>();
  const double seconds = r["seconds"].get<double>();
  fmt::print("{} events in {:.0f} s, {:.1f} a second; seed {}, {} samples/s\n", number, seconds, static_cast<double>(number) / seconds,
             r["seed"].get<std::uint64_t>(), r["samples_per_s"].get<std::uint64_t>());
  fmt::print("{:<20} {:>7}   recovery ms {:>7} {:>7} {:>7}\n", "event", "number", "min", "median", "max");
  for (const auto& [name, e] : r["events"].items()) {
    const auto ms = e["recovery_ms"].get<std::vector<double>>();
    fmt::print("{:<20} {:>7}", name, e["events"].get<std::uint64_t>());
    if (ms.empty())  // nobody was started anew
      fmt::print("   {:>19} {:>7} {:>7}\n", "-", "-", "-");
    else
      fmt::print("   {:>19.1f} {:>7.1f} {:>7.1f}\n", ms[0], ms[1], ms[2]);
  }
  const Json& all = r["recovery_ms"];
  fmt::print("recovery of all: min {:.1f}, median {:.1f}, p99 {:.1f}, max {:.1f} ms\n", all["min"].get<double>(),
             all["median"].get<double>(), all["p99"].get<double>(), all["max"].get<double>());
  constexpr const char* kCounts[] = {"acquired", "aggregated", "overrun", "full", "pool", "source", "paused", "crash"};
  fmt::print("{:<8}", "stream");
  for (const char* count : kCounts) fmt::print(" {:>12}", count);
  for (const auto& s : r["streams"]) {
    fmt::print("\n{:<8}", s["stream"].get<std::string>());
    for (const char* count : kCounts) fmt::print(" {:>12}", s[count].get<std::uint64_t>());
  }
  fmt::print("\n");
  if (!r["landed"].empty()) {
    std::string where;
    for (const auto& [point, kills] : r["landed"].items())
      where += fmt::format("{}{} {}", where.empty() ? "" : "; ", point, kills.get<std::uint64_t>());
    fmt::print("killed at: {}\n", where);
  }
  fmt::print("unexplained {} at {} looks, {} more were not settled; left over {}\n", r["unexplained"].get<std::uint64_t>(),
             r["looks"].get<std::uint64_t>(), r["unsettled"].get<std::uint64_t>(),
             r["left_over"].is_null() ? "not counted: it did not come to an end in order" : r["left_over"].dump());
  fmt::print("evictions {}, window rows {} proved and {} lost, doorbell timeouts with data {}, and {} excused\n",
             r["evictions"].get<std::uint64_t>(), r["rows"].get<std::uint64_t>(), r["rows_lost"].get<std::uint64_t>(),
             r["doorbell_timeouts_with_data"].get<std::uint64_t>(), r["excused_timeouts"].get<std::uint64_t>());
}

/// Events one after the other, or a kill now and then for a time.
bool strike_on(Campaign& campaign, const Arguments& a, Holdings& holdings) {
  const std::int64_t start = rt::monotonic_ns();
  const auto elapsed = [&] { return static_cast<double>(rt::monotonic_ns() - start) / 1e9; };
  double next_kill = a.kill_every_s, next_word = 10;
  std::uint64_t struck = 0;
  while (a.seconds > 0 ? elapsed() < a.seconds : struck < a.events) {
    if (elapsed() > next_word) {
      fmt::print(stderr, "{:.0f} s: {} events, unexplained {} at {} looks, {} more were not settled\n", elapsed(), struck,
                 campaign.unexplained(), campaign.looks(), campaign.unsettled());
      next_word += a.kill_every_s > 0 ? 600 : 30;
    }
    if (a.kill_every_s == 0) {
      if (!campaign.strike()) return false;
      ++struck;
      continue;
    }
    if (elapsed() > next_kill) {
      if (!campaign.strike("kill one")) return false;
      ++struck;
      next_kill += a.kill_every_s;
    }
    if (!campaign.account_closes()) return false;
    holdings.sample(campaign);
    rt::sleep_until(rt::monotonic_ns() + 5 * rt::kSecond);
  }
  return true;
}

int torture(const Arguments& a) {
  Campaign campaign(a.campaign);
  Holdings holdings;
  const std::int64_t start = rt::monotonic_ns();
  const bool held = campaign.start() && strike_on(campaign, a, holdings) && campaign.finish();
  const Json report = report_of(campaign, a, static_cast<double>(rt::monotonic_ns() - start) / 1e9);
  if (a.json) {
    fmt::print("{}\n", report.dump(2));
  } else {
    print(report);
    holdings.print();
  }
  const std::string grows = holdings.grows();
  if (held && grows.empty()) return 0;
  fmt::print(stderr, "FAILED after seed {}: {}{}\n", a.campaign.seed, campaign.failure(), grows);
  for (const char* program : {"chappe-producer", "chappe-aggregator"}) {
    const std::string log = campaign.instance().log(program);
    fmt::print(stderr, "{}: ...{}\n", program, log.substr(log.size() - std::min<std::size_t>(log.size(), 3000)));
  }
  return 1;
}

}  // namespace
}  // namespace chappe::whole

int main(int argc, char** argv) {
  chappe::whole::Arguments a;
  CLI::App app("Tortures the three real processes and proves that every frame is accounted for.", "torture_product");
  app.add_option("--events", a.events, "how many")->check(CLI::Range(1ULL, 100'000'000ULL))->capture_default_str();
  app.add_option("--seconds", a.seconds, "instead of a number of events")->check(CLI::PositiveNumber);
  app.add_option("--kill-every", a.kill_every_s, "soak: seconds between kills, nothing else happens")->check(CLI::PositiveNumber);
  app.add_option("--rate", a.campaign.samples_per_s, "samples/s of the load")
      ->check(CLI::Range(1000ULL, 10'000'000ULL))
      ->capture_default_str();
  app.add_option("--seed", a.campaign.seed, "the same seed, the same events")->capture_default_str();
  app.add_flag("--json", a.json, "the table as JSON");
  CLI11_PARSE(app, argc, argv);
  if (a.kill_every_s > 0 && a.seconds == 0) return fmt::print(stderr, "torture_product: --kill-every needs --seconds\n"), 64;
  return chappe::whole::torture(a);
}
