#include "bench/campaign.hpp"

#include <algorithm>
#include <cstdio>

#include "bench/host.hpp"
#include "bench/pair.hpp"
#include "bench/placement.hpp"
#include "rt/clock.hpp"

namespace chappe::bench {
namespace {

constexpr double kSecondsPerRun = 0.25;
constexpr std::uint64_t kPilotMessages = 20'000, kPilotBytes = 16U << 20U, kFewestMessages = 1'000;
constexpr std::uint64_t kDelaysFull = 200'000, kDelaysQuick = 50'000, kWakesFull = 1'000, kWakesQuick = 300, kCostMilliseconds = 1'000;
constexpr std::int64_t kQuickWithin = 52 * rt::kSecond, kTellEach = 5 * rt::kSecond;

Record record_of(const Cell& cell, std::uint64_t round, double round_trip_ns) {
  Record r;
  r.test = cell.test;
  r.transport = cell.kind != nullptr ? cell.kind->name : std::string_view(cell.what);
  r.bytes = cell.bytes;
  r.round = round;
  r.round_trip_ns = round_trip_ns;
  if (cell.kind == nullptr) return r;
  r.wait = name_of(cell.wait);
  r.policy = cell.policy == rt::Policy::fifo ? "fifo" : "other";
  return r;
}

}  // namespace

Campaign::Campaign(const Options& options)
    : options_(options),
      cells_(cells_of(options)),
      rounds_(options.rounds != 0             ? options.rounds
              : options.full || options.check ? 9
                                              : 5),
      ring_megabytes_(options.megabytes != 0          ? options.megabytes
                      : options.full || options.check ? 2048
                                                      : 1024),
      began_ns_(rt::monotonic_ns()),
      told_ns_(began_ns_) {}

bool Campaign::run() {
  probe_ns_ = round_trip_ns();
  std::int64_t last_ns = 0;
  std::uint64_t round = 0;
  for (; round < rounds_; ++round) {
    const std::int64_t begin = rt::monotonic_ns();
    if (!options_.full && options_.rounds == 0 && !options_.check && begin + last_ns > began_ns_ + kQuickWithin) break;
    if (!run_round(cells_, round)) return false;
    last_ns = rt::monotonic_ns() - begin;  // later ones are no longer: the first has all cells
  }
  // For a verdict, so many rounds of one placement are wanted; a host that moves us about gives them late.
  for (; options_.check && round < 4 * rounds_ && std::ranges::any_of(kTargets, [this](const Target& t) { return wants_more(t); });
       ++round) {
    std::vector<Cell> ring;
    std::ranges::copy_if(cells_, std::back_inserter(ring), [](const Cell& cell) { return cell.test == "ring"; });
    if (!run_round(ring, round)) return false;
  }
  return true;
}

bool Campaign::wants_more(const Target& target) const {
  return std::ranges::none_of(placements_of(ring_ratios(records_, target.block_bytes)),
                              [this](const auto& group) { return group.size() >= rounds_; });
}

bool Campaign::run_round(const std::vector<Cell>& cells, std::uint64_t round) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (interrupted()) return false;
    const Cell& cell = round % 2 == 0 ? cells[i] : cells[cells.size() - 1 - i];
    if (cell.rounds != 0 && round >= cell.rounds) continue;
    tell_progress(cell, round);
    ++done_;
    if (cell.kind == nullptr && !cell.programs) {
      measure_host(round);
      continue;
    }
    Record record = record_of(cell, round, probe_ns_);
    Measurement measured = measure(cell);
    if (interrupted()) return false;
    probe_ns_ = round_trip_ns();
    // What costs at a rate of its own is compared with nothing of the same round.
    record.kept = cell.is_cost_of_programs() || same_placement(record.round_trip_ns, probe_ns_);
    record.end = measured.end;
    record.trouble = std::move(measured.trouble);
    record.values = std::move(measured.values);
    const bool failed = record.end == Measurement::End::failed;
    if (failed) std::fprintf(stderr, "chappe-bench: %s, %s: %s\n", record.test.c_str(), record.transport.c_str(), record.trouble.c_str());
    records_.push_back(std::move(record));
    if (failed && !options_.full) return false;
  }
  return std::ranges::none_of(records_, [](const Record& r) { return r.end == Measurement::End::failed; }) || options_.full;
}

Measurement Campaign::measure(const Cell& cell) {
  if (cell.programs) return cell.programs();
  if (cell.test == "ring") return throughput(*cell.kind, cell.bytes, (ring_megabytes_ << 20U) / cell.bytes);
  if (cell.test == "throughput") return measure_throughput(cell);
  if (cell.test == "latency") return latency(*cell.kind, cell.wait, cell.policy, options_.full ? kDelaysFull : kDelaysQuick);
  if (cell.test == "wake") return wake(*cell.kind, options_.full ? kWakesFull : kWakesQuick);
  return cost(*cell.kind, kCostMilliseconds);
}

/// So many messages as take kSecondsPerRun; the first time a short run says how many.
Measurement Campaign::measure_throughput(const Cell& cell) {
  if (options_.megabytes != 0)
    return throughput(*cell.kind, cell.bytes, std::min<std::uint64_t>((options_.megabytes << 20U) / cell.bytes, 20 * kPilotMessages));
  double& rate = rates_[{cell.kind->name, cell.bytes}];
  if (rate == 0) {
    const Measurement pilot = throughput(*cell.kind, cell.bytes, std::min(kPilotMessages, kPilotBytes / cell.bytes));
    if (pilot.end != Measurement::End::good) return pilot;
    rate = pilot.values.front().value;
  }
  const auto messages = static_cast<std::uint64_t>(rate * kSecondsPerRun / static_cast<double>(cell.bytes));
  Measurement result = throughput(*cell.kind, cell.bytes, std::max(messages, kFewestMessages));
  if (result.end == Measurement::End::good) rate = result.values.front().value;
  return result;
}

void Campaign::measure_host(std::uint64_t round) {
  const auto enter = [&](const char* test, const std::string& where, std::vector<Value> values) {
    Record record;
    record.test = test;
    record.transport = where;
    record.round = round;
    record.round_trip_ns = probe_ns_;
    record.values = std::move(values);
    records_.push_back(std::move(record));
  };
  enter("round_trip", "cache_line", {{"trip_ns", probe_ns_}});
  enter("clock", "monotonic", {{"read_ns", clock_read_ns()}});
  for (HostReading& reading : host_gaps()) enter("host_gaps", reading.where, std::move(reading.values));
}

std::uint64_t Campaign::runs_in_all() const noexcept {
  std::uint64_t runs = 0;
  for (const Cell& cell : cells_) runs += cell.rounds != 0 ? std::min(cell.rounds, rounds_) : rounds_;
  return runs;
}

void Campaign::tell_progress(const Cell& cell, std::uint64_t round) {
  const std::int64_t now = rt::monotonic_ns();
  if (!options_.full || now - told_ns_ < kTellEach || done_ == 0) return;
  told_ns_ = now;
  const double share = static_cast<double>(done_) / static_cast<double>(std::max(runs_in_all(), done_ + 1));
  const double left_s = static_cast<double>(now - began_ns_) / 1e9 * (1 - share) / share;
  std::fprintf(stderr, "chappe-bench: round %lu of %lu, %s %s, %.0f %%, about %.0f min left\n", round + 1, rounds_, cell.test.c_str(),
               cell.kind != nullptr ? std::string(cell.kind->name).c_str() : cell.what.c_str(), 100 * share, left_s / 60 + 0.5);
}

}  // namespace chappe::bench
