#include "torture_ring_report.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace chappe::shm::torture {
namespace {

struct Named {
  const char* name;
  std::uint64_t count;
};

std::vector<Named> must_be_zero(const Findings& f) {
  return {{"torn", f.torn},
          {"uncounted_gaps", f.uncounted_gaps},
          {"doubled_frames", f.doubled},
          {"wrong_windows", f.wrong_windows},
          {"unexplained_looks", f.unexplained},
          {"counts_that_fell", f.went_back},
          {"doorbell_timeouts_with_data", f.timeouts_with_data},
          {"objects_refused", f.troubles}};
}

std::vector<Named> told(const Findings& f) {
  return {{"looks", f.looks},
          {"looks_unsettled", f.unsettled_looks},
          {"looks_in_adoptions", f.adoption_looks},
          {"of_these_not_closing", f.open_adoption_looks},
          {"consumer_sleeps", f.sleeps},
          {"excused_timeouts", f.excused_timeouts},
          {"blocks_refused", f.refused},
          {"resyncs", f.resyncs},
          {"skips", f.skips}};
}

std::uint64_t inside(const Outcome& o) {
  const auto at = [](const Tally& t, Phase p) { return t.landed[static_cast<std::size_t>(p)]; };
  return at(o.producer, Phase::publish) + at(o.producer, Phase::bell) + at(o.consumer, Phase::merge) + at(o.consumer, Phase::board);
}

std::uint64_t kills(const Outcome& o) { return o.producer.kills + o.consumer.kills; }

/// The q-quantile in milliseconds; 0: none.
double quantile(std::vector<std::uint32_t> us, double q) {
  if (us.empty()) return 0;
  const auto at = us.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(us.size() - 1));
  std::nth_element(us.begin(), at, us.end());
  return *at * 1e-3;
}

void print_role(const char* name, const Tally& t) {
  std::printf("%-9s %8lu kills %7lu stops %6lu orderly ends %8lu starts; landed:", name, t.kills, t.stops, t.orderly_ends, t.starts);
  for (std::size_t p = 0; p < kPhaseCount; ++p) {
    if (t.landed[p] != 0) std::printf(" %s %lu", kPhaseNames[p], t.landed[p]);
  }
  std::puts("");
}

void print_restarts(const char* name, const Tally& t) {
  std::printf("%-9s restart to data, ms: min %.2f median %.2f p99 %.2f max %.2f (n %zu)\n", name, quantile(t.restart_us, 0),
              quantile(t.restart_us, 0.5), quantile(t.restart_us, 0.99), quantile(t.restart_us, 1), t.restart_us.size());
}

void json_role(const char* name, const Tally& t) {
  std::printf("\"%s\":{\"kills\":%lu,\"stops\":%lu,\"orderly_ends\":%lu,\"starts\":%lu,\"landed\":{", name, t.kills, t.stops,
              t.orderly_ends, t.starts);
  for (std::size_t p = 0; p < kPhaseCount; ++p) std::printf("%s\"%s\":%lu", p == 0 ? "" : ",", kPhaseNames[p], t.landed[p]);
  std::printf("},\"restart_ms\":{\"min\":%.3f,\"median\":%.3f,\"p99\":%.3f,\"max\":%.3f,\"n\":%zu}},", quantile(t.restart_us, 0),
              quantile(t.restart_us, 0.5), quantile(t.restart_us, 0.99), quantile(t.restart_us, 1), t.restart_us.size());
}

void json_counts(const std::vector<Named>& counts) {
  for (const auto& [name, count] : counts) std::printf("\"%s\":%lu,", name, count);
}

}  // namespace

std::vector<std::string> broken(const Outcome& o, const Shared& shared) {
  std::vector<std::string> all;
  if (!o.failure.empty()) all.push_back(o.failure);
  for (const auto& [name, count] : must_be_zero(shared.found)) {
    if (count != 0) all.push_back(std::string(name) + " is " + std::to_string(count));
  }
  if (shared.has_message != 0) all.emplace_back(shared.message);
  for (const auto& path : o.leftover) all.push_back("left behind: " + path);
  if (o.streams.size() != kStreams && o.failure.empty()) all.emplace_back("the last look does not show every stream");
  for (const Account& a : o.streams) {
    if (a.unexplained != 0 || a.in_flight != 0 || a.overrun_pending != 0 || a.acquired != a.aggregated + a.dropped.sum() + a.overrun)
      all.push_back("the closing ledger of " + a.stream + " does not close");
  }
  // A share of few kills says little.
  if (kills(o) >= 1000 && inside(o) * 10 < kills(o) * 3) all.emplace_back("fewer than 30 % of the kills hit publish, merge or board");
  return all;
}

void print_table(const Options& options, const Outcome& o, const Shared& shared) {
  const double rate = o.seconds > 0 ? static_cast<double>(kills(o)) / o.seconds : 0;
  std::printf("%lu kills in %.1f s, %.0f a second; seed %lu; %.1f %% inside publish, merge or board; %lu superseding starts, %lu calms\n",
              kills(o), o.seconds, rate, options.seed,
              100.0 * static_cast<double>(inside(o)) / static_cast<double>(std::max<std::uint64_t>(1, kills(o))), o.superseding_starts,
              o.calms);
  print_role("producer", o.producer);
  print_role("consumer", o.consumer);
  print_role("viewers", o.viewer);
  print_restarts("producer", o.producer);
  print_restarts("consumer", o.consumer);
  for (const Account& a : o.streams) {
    std::printf(
        "stream %-6s frames: acquired %lu = aggregated %lu + full %lu + pool %lu + source %lu + crash %lu + overrun %lu; unexplained %ld\n",
        a.stream.c_str(), a.acquired, a.aggregated, a.dropped.full, a.dropped.pool, a.dropped.source, a.dropped.crash, a.overrun,
        a.unexplained);
  }
  for (const auto& list : {must_be_zero(shared.found), told(shared.found)}) {
    const char* between = "";
    for (const auto& [name, count] : list) std::printf("%s%s %lu", std::exchange(between, ", "), name, count);
    std::puts("");
  }
  std::printf("left in /dev/shm: %zu\n", o.leftover.size());
  for (const auto& text : broken(o, shared)) std::printf("BROKEN: %s\n", text.c_str());
}

void print_json(const Options& options, const Outcome& o, const Shared& shared) {
  std::printf("{\"seed\":%lu,\"kills\":%lu,\"seconds\":%.3f,\"inside\":%lu,\"superseding_starts\":%lu,", options.seed, kills(o), o.seconds,
              inside(o), o.superseding_starts);
  json_role("producer", o.producer);
  json_role("consumer", o.consumer);
  json_role("viewers", o.viewer);
  json_counts(must_be_zero(shared.found));
  json_counts(told(shared.found));
  std::printf("\"streams\":[");
  const char* between = "";
  for (const Account& a : o.streams) {
    std::printf(
        "%s{\"stream\":\"%s\",\"acquired\":%lu,\"aggregated\":%lu,\"full\":%lu,\"pool\":%lu,\"source\":%lu,\"crash\":%lu,\"overrun\":%lu,"
        "\"unexplained\":%ld}",
        std::exchange(between, ","), a.stream.c_str(), a.acquired, a.aggregated, a.dropped.full, a.dropped.pool, a.dropped.source,
        a.dropped.crash, a.overrun, a.unexplained);
  }
  std::printf("],\"leftovers\":%zu,\"holds\":%s}\n", o.leftover.size(), broken(o, shared).empty() ? "true" : "false");
}

}  // namespace chappe::shm::torture
