#include "torture_ring_report.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace chappe::shm::torture {
namespace {

std::vector<Named> must_be_zero_of(const Findings& f) {
  return {{"torn", f.torn},
          {"uncounted_gaps", f.uncounted_gaps},
          {"doubled_frames", f.doubled},
          {"wrong_windows", f.wrong_windows},
          {"unexplained_looks", f.unexplained},
          {"counts_that_fell", f.went_back},
          {"doorbell_timeouts_with_data", f.timeouts_with_data},
          {"objects_refused", f.troubles},
          {"passed_over", f.passed_over},
          {"not_adopted", f.not_adopted},
          {"lost_though_waiting", f.lost_though_waiting},
          {"refused_at_gate", f.refused_at_gate}};
}

std::vector<Named> told_of(const Findings& f) {
  return {{"looks", f.looks},
          {"looks_unsettled", f.unsettled_looks},
          {"looks_in_adoptions", f.adoption_looks},
          {"looks_in_calms", f.calm_looks},
          {"consumer_sleeps", f.sleeps},
          {"excused_timeouts", f.excused_timeouts},
          {"blocks_refused", f.refused},
          {"resyncs", f.resyncs},
          {"skips", f.skips}};
}

void add_up(std::vector<Named>& sum, const std::vector<Named>& counts) {
  if (sum.empty()) {
    sum = counts;
    return;
  }
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i].count += counts[i].count;
}

std::uint64_t inside(const Outcome& o) {
  const auto at = [](const Tally& t, Phase p) { return t.landed[static_cast<std::size_t>(p)]; };
  return at(o.producer, Phase::publish) + at(o.producer, Phase::commit) + at(o.producer, Phase::bell) + at(o.consumer, Phase::merge) +
         at(o.consumer, Phase::board);
}

void print_role(const char* name, const Tally& t) {
  std::printf("%-9s %8lu kills %7lu stops %6lu orderly ends %8lu starts; landed:", name, t.kills, t.stops, t.orderly_ends, t.starts);
  for (std::size_t p = 0; p < kPhaseCount; ++p) {
    if (t.landed[p] != 0) std::printf(" %s %lu", kPhaseNames[p], t.landed[p]);
  }
  std::puts("");
}

void print_restarts(const char* name, const Tally& t) {
  const Restarts& r = t.restarts;
  std::printf("%-9s restart to data, ms: min %.2f median %.2f p99 %.2f max %.2f (n %lu; %lu more were struck at 250 ms without data)\n",
              name, r.least_ms(), r.quantile_ms(0.5), r.quantile_ms(0.99), r.most_ms(), r.n, t.late);
}

void json_role(const char* name, const Tally& t) {
  std::printf("\"%s\":{\"kills\":%lu,\"stops\":%lu,\"orderly_ends\":%lu,\"starts\":%lu,\"late\":%lu,\"landed\":{", name, t.kills, t.stops,
              t.orderly_ends, t.starts, t.late);
  for (std::size_t p = 0; p < kPhaseCount; ++p) std::printf("%s\"%s\":%lu", p == 0 ? "" : ",", kPhaseNames[p], t.landed[p]);
  const Restarts& r = t.restarts;
  std::printf("},\"restart_ms\":{\"min\":%.3f,\"median\":%.3f,\"p99\":%.3f,\"max\":%.3f,\"n\":%lu}},", r.least_ms(), r.quantile_ms(0.5),
              r.quantile_ms(0.99), r.most_ms(), r.n);
}

void json_counts(const std::vector<Named>& counts) {
  for (const auto& [name, count] : counts) std::printf("\"%s\":%lu,", name, count);
}

const char* name_of(std::size_t kind) {
  static const RingSpec spec = spec_of({});
  return spec.streams[kind].name;  // shape 0 has them in this order
}

}  // namespace

void Report::add(const Outcome& outcome, const Shared& shared) {
  sum.add(outcome);
  add_up(must_be_zero, must_be_zero_of(shared.found));
  add_up(told, told_of(shared.found));
  if (shared.has_message != 0) broken.emplace_back(shared.message);
  if (outcome.failure[0] != 0) broken.emplace_back(outcome.failure);
}

void Report::judge() {
  for (const auto& [name, count] : must_be_zero) {
    if (count != 0) broken.push_back(std::string(name) + " is " + std::to_string(count));
  }
  // A share of few kills says little.
  if (sum.kills() >= 1000 && inside(sum) * 10 < sum.kills() * 3)
    broken.emplace_back("fewer than 30 % of the kills hit publish, merge or board");
}

void Report::print_table() const {
  const double rate = seconds > 0 ? static_cast<double>(sum.kills()) / seconds : 0;
  std::printf(
      "%lu kills in %.1f s, %.0f a second; seed %lu, %lu lanes; %.1f %% inside publish, merge or board; %lu superseding starts, %lu "
      "calms\n",
      sum.kills(), seconds, rate, options.seed, options.lanes,
      100.0 * static_cast<double>(inside(sum)) / static_cast<double>(std::max<std::uint64_t>(1, sum.kills())), sum.superseding_starts,
      sum.calms);
  print_role("producer", sum.producer);
  print_role("consumer", sum.consumer);
  print_role("viewers", sum.viewer);
  print_restarts("producer", sum.producer);
  print_restarts("consumer", sum.consumer);
  for (std::size_t kind = 0; kind < kStreams; ++kind) {
    const Frames& f = sum.streams[kind];
    std::printf(
        "stream %-6s frames: acquired %lu = aggregated %lu + full %lu + pool %lu + source %lu + crash %lu + overrun %lu; unexplained %ld\n",
        name_of(kind), f.acquired, f.aggregated, f.full, f.pool, f.source, f.crash, f.overrun, f.unexplained);
  }
  for (const auto& list : {must_be_zero, told}) {
    const char* between = "";
    for (const auto& [name, count] : list) std::printf("%s%s %lu", std::exchange(between, ", "), name, count);
    std::puts("");
  }
  std::printf("left in /dev/shm: %lu\n", sum.leftovers);
  for (const auto& text : broken) std::printf("BROKEN: %s\n", text.c_str());
}

void Report::print_json() const {
  std::printf("{\"seed\":%lu,\"lanes\":%lu,\"kills\":%lu,\"seconds\":%.3f,\"inside\":%lu,\"superseding_starts\":%lu,", options.seed,
              options.lanes, sum.kills(), seconds, inside(sum), sum.superseding_starts);
  json_role("producer", sum.producer);
  json_role("consumer", sum.consumer);
  json_role("viewers", sum.viewer);
  json_counts(must_be_zero);
  json_counts(told);
  std::printf("\"streams\":[");
  const char* between = "";
  for (std::size_t kind = 0; kind < kStreams; ++kind) {
    const Frames& f = sum.streams[kind];
    std::printf(
        "%s{\"stream\":\"%s\",\"acquired\":%lu,\"aggregated\":%lu,\"full\":%lu,\"pool\":%lu,\"source\":%lu,\"crash\":%lu,\"overrun\":%lu,"
        "\"unexplained\":%ld}",
        std::exchange(between, ","), name_of(kind), f.acquired, f.aggregated, f.full, f.pool, f.source, f.crash, f.overrun, f.unexplained);
  }
  std::printf("],\"leftovers\":%lu,\"holds\":%s}\n", sum.leftovers, broken.empty() ? "true" : "false");
}

}  // namespace chappe::shm::torture
