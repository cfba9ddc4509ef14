#include <algorithm>

#include "bench/campaign.hpp"

namespace chappe::bench {
namespace {

constexpr std::uint64_t kSizes[] = {32, 64, 256, 1024, 4096, 16384, 65536};

void add_ring(std::vector<Cell>& cells) {
  for (const Target& target : kTargets) {
    for (const char* name : {"bare", "chappe"}) cells.push_back({.test = "ring", .kind = find_kind(name), .bytes = target.block_bytes});
  }
}

void add_delays(std::vector<Cell>& cells, const Kind& kind) {
  for (const Wait wait : {Wait::spin, Wait::spin_then_sleep, Wait::sleep})
    cells.push_back({.test = "latency", .kind = &kind, .bytes = 32, .wait = wait});
  // A consumer that looks on under SCHED_FIFO takes a processor from everybody: no way to run.
  cells.push_back({.test = "latency", .kind = &kind, .bytes = 32, .wait = Wait::sleep, .policy = rt::Policy::fifo});
}

void add_wakes(std::vector<Cell>& cells) {
  for (const char* name : {"chappe", "pipe"}) cells.push_back({.test = "wake", .kind = find_kind(name), .bytes = 32, .wait = Wait::sleep});
}

std::vector<Cell> full_cells() {
  std::vector<Cell> cells;
  cells.push_back({.test = "host"});
  add_ring(cells);
  for (const std::uint64_t bytes : kSizes) {
    for (const Kind& kind : kinds()) cells.push_back({.test = "throughput", .kind = &kind, .bytes = bytes, .wait = kind.when_full_speed});
  }
  for (const Kind& kind : kinds()) add_delays(cells, kind);
  for (const Kind& kind : kinds()) cells.push_back({.test = "cost", .kind = &kind, .bytes = 32, .wait = Wait::sleep});
  add_wakes(cells);
  add_programs(cells, true);
  return cells;
}

std::vector<Cell> quick_cells() {
  std::vector<Cell> cells;
  add_ring(cells);
  for (const char* name : {"chappe", "pipe", "boost"}) {
    const Kind* kind = find_kind(name);
    for (const std::uint64_t bytes : {4096U, 32U})
      cells.push_back({.test = "throughput", .kind = kind, .bytes = bytes, .wait = kind->when_full_speed});
    cells.push_back({.test = "latency", .kind = kind, .bytes = 32, .wait = Wait::sleep});
  }
  add_wakes(cells);
  add_programs(cells, false);
  return cells;
}

}  // namespace

std::vector<Cell> cells_of(const Options& options) {
  // What the short form leaves out is measured all the same if it is named.
  const auto named = [&](const char* test) { return std::ranges::find(options.only, test) != options.only.end(); };
  const bool in_full_alone = std::ranges::any_of(kTestsOfFull, named);
  std::vector<Cell> cells = options.full || in_full_alone ? full_cells() : quick_cells();
  std::erase_if(cells, [&](const Cell& cell) { return !options.only.empty() && !named(cell.test.c_str()); });
  return cells;
}

}  // namespace chappe::bench
