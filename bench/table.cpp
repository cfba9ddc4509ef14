#include <fmt/format.h>

#include "bench/kinds.hpp"
#include "bench/summary.hpp"
#include "rt/build_info.hpp"

namespace chappe::bench {
namespace {

/// 12.3 G, 4.56 k: three digits that matter.
std::string short_number(double value) {
  constexpr const char* kUnits[] = {"", " k", " M", " G", " T"};
  std::size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return fmt::format("{:.{}f}{}", value, value >= 99.5 || value == 0 ? 0 : value >= 9.95 ? 1 : value >= 0.995 ? 2 : 4, kUnits[unit]);
}

/// The cells of the records, in the order of their first run.
Records first_of_each(const Records& records) {
  Records first;
  for (const Record& r : records) {
    if (std::ranges::none_of(first, [&](const Record& seen) { return seen.is_like(r); })) first.push_back(r);
  }
  return first;
}

std::string line_of(const Record& cell, const Records& group) {
  std::vector<double> trips;
  for (const Record& r : group) trips.push_back(r.round_trip_ns);
  std::string line = fmt::format("{:<10} {:<13} {:>6} {:<15} {:<6} {:>5.0f} {:>4}  ", cell.test, cell.transport,
                                 cell.bytes != 0 ? std::to_string(cell.bytes) : "", cell.wait, cell.policy, median(trips), group.size());
  for (const Value& value : group.front().values) {
    std::vector<double> values;
    for (const Record& r : group) values.push_back(r.value(value.name).value_or(0));
    line += fmt::format("  {} {}", value.name, short_number(median(std::move(values))));
  }
  return line + (group.front().trouble.empty() ? "\n" : "  (" + group.front().trouble + ")\n");
}

std::string lines_of(const Record& cell, const Records& records) {
  Records good;
  std::size_t moved = 0;
  const Record* bad = nullptr;
  for (const Record& r : records) {
    if (!r.is_like(cell)) continue;
    if (r.end != Measurement::End::good)
      bad = &r;
    else if (r.kept)
      good.push_back(r);
    else
      ++moved;
  }
  std::string lines;
  for (const Records& group : placements_of(std::move(good))) lines += line_of(cell, group);
  const std::string name = fmt::format("{:<10} {:<13} {:>6} {:<15} {:<6} ", cell.test, cell.transport,
                                       cell.bytes != 0 ? std::to_string(cell.bytes) : "", cell.wait, cell.policy);
  if (bad != nullptr) lines += name + (bad->end == Measurement::End::skipped ? "skipped: " : "FAILED: ") + bad->trouble + "\n";
  if (moved != 0) lines += name + fmt::format("{} dropped: the placement changed in them\n", moved);
  return lines;
}

std::string verdict_on(const Target& target, const Records& records) {
  std::string lines;
  for (const auto& rounds : placements_of(ring_ratios(records, target.block_bytes))) {
    const auto [least, most] = std::ranges::minmax(rounds, {}, &RingRatio::ratio);
    std::vector<double> trips;
    for (const RingRatio& r : rounds) trips.push_back(r.round_trip_ns);
    const double ratio = median_ratio(rounds);
    const char* verdict = rounds.size() < kFewestRounds ? "too few rounds" : ratio >= target.ratio ? "met" : "missed";
    lines += fmt::format(
        "chappe / bare, blocks of {:>5} bytes, round trip {:>3.0f} ns, {:>2} rounds: {:.3f} ({:.3f} to {:.3f}); target {:.2f}: {}\n",
        target.block_bytes, median(trips), rounds.size(), ratio, least.ratio(), most.ratio(), target.ratio, verdict);
  }
  return lines;
}

}  // namespace

std::string to_table(const Records& records, const Machine& machine) {
  std::string text = fmt::format("chappe-bench at {}; {}, {} processors, {}, load {:.2f} at the start\n", rt::kCommit, machine.cpu,
                                 machine.processors, machine.kernel, machine.load);
  text += "Medians over rounds of one placement, which the round trip of a cache line tells.\n";
  text +=
      fmt::format("{:<10} {:<13} {:>6} {:<15} {:<6} {:>5} {:>4}\n", "test", "transport", "bytes", "consumer waits", "policy", "ns", "runs");
  for (const Record& cell : first_of_each(records)) text += lines_of(cell, records);
  for (const Target& target : kTargets) text += verdict_on(target, records);
  return text;
}

std::string list_of_kinds() {
  std::string text;
  for (const Kind& kind : kinds())
    text += fmt::format("{:<10} {:<11} {}{}\n", kind.name, kind.group, kind.about,
                        kind.is_there() ? "" : "; skipped: " + std::string(kind.why_not));
  return text;
}

}  // namespace chappe::bench
