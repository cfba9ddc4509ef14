// What the ring's safety costs: Chappe's ring against a plain release/acquire ring of the same geometry, under the same work, in two
// processes on CPU 0 and 1. Rounds are interleaved, each between two probes of the placement; a round whose probes differ is dropped. A
// ratio is formed within a round, and its median over rounds of one placement.
#include <sys/utsname.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/placement.hpp"
#include "bench/rivals.hpp"
#include "rt/build_info.hpp"

namespace chappe::bench {
namespace {

constexpr const char* kHelp = R"(Usage: ring_cost [--rounds N] [--megabytes N] [--json] [--check]

  --rounds N     rounds of one placement for each size of block (default 9; at most four times as many are run in all)
  --megabytes N  carried in each run (default 2048)
  --json         one object instead of the table
  --check        a target that was missed, in any placement with five rounds, is an error, and so is none that could be judged

Exit: 0 every sum was right; 1 one was wrong, or what --check says; 64 wrong option.
)";

struct Options {
  std::uint64_t rounds = 9, megabytes = 2048;
  bool json = false, check = false;
};

struct Round {
  double round_trip_ns, plain, chappe;  ///< GB/s
};

struct Case {
  std::uint64_t block_bytes;
  double target;  ///< of plain's rate, at least
  std::vector<Round> kept{};
  std::uint64_t dropped = 0;
};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}
using Rounds = std::vector<Round>;
template <class Pick>
double median_of(const Rounds& rounds, Pick pick) {
  std::vector<double> values;
  for (const Round& r : rounds) values.push_back(pick(r));
  return median(values);
}
double ratio(const Round& r) { return r.chappe / r.plain; }

/// The kept rounds, those of one placement together: each group is what a same round trip as its shortest belongs to.
std::vector<Rounds> placements_of(Rounds rounds) {
  std::ranges::sort(rounds, {}, &Round::round_trip_ns);
  std::vector<Rounds> groups;
  for (const Round& r : rounds) {
    if (groups.empty() || !same_placement(groups.back().front().round_trip_ns, r.round_trip_ns)) groups.emplace_back();
    groups.back().push_back(r);
  }
  return groups;
}

bool can_be_judged(const Rounds& rounds) { return rounds.size() >= 5; }
bool is_met(const Rounds& rounds, double target) { return median_of(rounds, ratio) >= target; }
bool holds(const Case& c) {
  const auto groups = placements_of(c.kept);
  return std::ranges::any_of(groups, can_be_judged) &&
         std::ranges::all_of(groups, [&](const Rounds& g) { return !can_be_judged(g) || is_met(g, c.target); });
}

/// False: a wrong sum.
bool run_round(Case& c, std::uint64_t megabytes, bool plain_first) {
  constexpr std::uint64_t kRingBytes = 8U << 20U;  // the default ring: 512 blocks of 16 KiB
  const Work work{.blocks = kRingBytes / c.block_bytes,
                  .block_bytes = c.block_bytes,
                  .messages = kRingBytes / c.block_bytes + (megabytes << 20U) / c.block_bytes};
  Round round{.round_trip_ns = round_trip_ns(), .plain = 0, .chappe = 0};
  if (plain_first) round.plain = plain_ring(work);
  round.chappe = chappe_ring(work);
  if (!plain_first) round.plain = plain_ring(work);
  if (round.plain == 0 || round.chappe == 0) return false;
  if (same_placement(round.round_trip_ns, round_trip_ns()))
    c.kept.push_back(round);
  else
    ++c.dropped;
  return true;
}

void print_line(const Case& c, const Rounds& rounds) {
  const auto [least, most] = std::ranges::minmax(rounds, {}, ratio);
  std::printf("%5lu  %13.0f  %6zu  %10.2f  %11.2f  %.3f (%.3f-%.3f)  %.2f: %s\n", c.block_bytes,
              median_of(rounds, [](const Round& r) { return r.round_trip_ns; }), rounds.size(),
              median_of(rounds, [](const Round& r) { return r.plain; }), median_of(rounds, [](const Round& r) { return r.chappe; }),
              median_of(rounds, ratio), ratio(least), ratio(most), c.target,
              !can_be_judged(rounds)     ? "too few rounds"
              : is_met(rounds, c.target) ? "met"
                                         : "missed");
}

void print_table(const std::vector<Case>& cases, double load) {
  utsname machine{};
  uname(&machine);
  std::printf("ring_cost at %s, Linux %s, load %.2f at the start\n", rt::kCommit, machine.release, load);
  std::printf("block  round trip ns  rounds  plain GB/s  chappe GB/s  ratio (min-max)      target\n");
  for (const Case& c : cases) {
    for (const Rounds& rounds : placements_of(c.kept)) print_line(c, rounds);
    std::printf("%5lu: %lu rounds dropped, the placement changed in them\n", c.block_bytes, c.dropped);
  }
}

void print_json(const std::vector<Case>& cases, double load) {
  std::printf("{\"commit\":\"%s\",\"load\":%.2f,\"cases\":[", rt::kCommit, load);
  const char* between_cases = "";
  for (const Case& c : cases) {
    std::printf("%s{\"block_bytes\":%lu,\"target\":%.2f,\"dropped\":%lu,\"placements\":[", std::exchange(between_cases, ","), c.block_bytes,
                c.target, c.dropped);
    const char* between_groups = "";
    for (const Rounds& rounds : placements_of(c.kept)) {
      std::printf("%s{\"ratio\":%.4f,\"rounds\":[", std::exchange(between_groups, ","), median_of(rounds, ratio));
      const char* comma = "";
      for (const Round& r : rounds)
        std::printf("%s{\"round_trip_ns\":%.1f,\"plain\":%.3f,\"chappe\":%.3f}", std::exchange(comma, ","), r.round_trip_ns, r.plain,
                    r.chappe);
      std::printf("]}");
    }
    std::printf("]}");
  }
  std::printf("]}\n");
}

std::optional<Options> parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--json" || word == "--check") {
      (word == "--json" ? options.json : options.check) = true;
      continue;
    }
    if ((word != "--rounds" && word != "--megabytes") || i + 1 == count) return std::nullopt;
    const std::string_view text = words[++i];
    std::uint64_t& value = word == "--rounds" ? options.rounds : options.megabytes;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value == 0) return std::nullopt;
  }
  return options;
}

int run(const Options& options) {
  double load = 0;
  getloadavg(&load, 1);
  if (!pin(0)) std::fputs("ring_cost: not pinned; the figures mean little\n", stderr);
  std::vector<Case> cases{{.block_bytes = 4096, .target = 0.85}, {.block_bytes = 16384, .target = 0.90}};
  const auto wanting = [&](const Case& c) {
    const auto enough = [&](const Rounds& rounds) { return rounds.size() >= options.rounds; };
    return std::ranges::none_of(placements_of(c.kept), enough) && c.kept.size() + c.dropped < 4 * options.rounds;
  };
  for (std::uint64_t n = 0; std::any_of(cases.begin(), cases.end(), wanting); ++n) {
    for (Case& c : cases) {
      if (!wanting(c) || run_round(c, options.megabytes, n % 2 == 0)) continue;
      std::fputs("ring_cost: a sum was wrong, or a consumer ended early\n", stderr);
      return 1;
    }
  }
  options.json ? print_json(cases, load) : print_table(cases, load);
  return options.check && !std::ranges::all_of(cases, holds) ? 1 : 0;
}

}  // namespace
}  // namespace chappe::bench

int main(int count, char** words) {
  using namespace chappe::bench;
  if (count > 1 && std::strcmp(words[1], "--help") == 0) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  const auto options = parse(count, words);
  if (options) return run(*options);
  std::fputs("ring_cost: wrong option; expected --rounds N, --megabytes N, --json, --check or --help\n", stderr);
  return 64;
}
