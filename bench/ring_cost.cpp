// What the ring's safety costs: Chappe's ring against a plain release/acquire ring of the same geometry, under the same work, in two
// processes on CPU 0 and 1. Rounds are interleaved, each between two probes of the placement; a round whose probes differ is dropped, and
// ratios are formed within a round only.
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

constexpr const char* kHelp = R"(Usage: ring_cost [--rounds N] [--megabytes N] [--json]

  --rounds N     kept rounds for each size of block (default 9; at most four times as many are run)
  --megabytes N  carried in each run (default 2048)
  --json         one object instead of the table

Exit: 0 every sum was right; 1 one was wrong; 64 wrong option. A target that was missed is told, and is no error: so is a noisy machine.
)";

struct Options {
  std::uint64_t rounds = 9, megabytes = 2048;
  bool json = false;
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
template <class Pick>
double median_of(const Case& c, Pick pick) {
  std::vector<double> values;
  for (const Round& r : c.kept) values.push_back(pick(r));
  return median(values);
}
double ratio_of(const Case& c) {
  return median_of(c, [](const Round& r) { return r.chappe / r.plain; });
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

void print_table(const std::vector<Case>& cases, double load) {
  utsname machine{};
  uname(&machine);
  std::printf("ring_cost at %s, Linux %s, load %.2f at the start\n", rt::kCommit, machine.release, load);
  std::printf("block   kept dropped  round trip ns  plain GB/s  chappe GB/s  ratio (min-max)      target\n");
  for (const Case& c : cases) {
    double least = 1e9, most = 0;
    for (const Round& r : c.kept) {
      least = std::min(least, r.chappe / r.plain);
      most = std::max(most, r.chappe / r.plain);
    }
    if (c.kept.empty()) least = 0;
    std::printf("%5lu  %5zu %7lu  %13.0f  %10.2f  %11.2f  %.3f (%.3f-%.3f)  %.2f: %s\n", c.block_bytes, c.kept.size(), c.dropped,
                median_of(c, [](const Round& r) { return r.round_trip_ns; }), median_of(c, [](const Round& r) { return r.plain; }),
                median_of(c, [](const Round& r) { return r.chappe; }), ratio_of(c), least, most, c.target,
                c.kept.size() < 5         ? "too few rounds"
                : ratio_of(c) >= c.target ? "met"
                                          : "missed");
  }
}

void print_json(const std::vector<Case>& cases, double load) {
  std::printf("{\"commit\":\"%s\",\"load\":%.2f,\"cases\":[", rt::kCommit, load);
  const char* between = "";
  for (const Case& c : cases) {
    std::printf("%s{\"block_bytes\":%lu,\"target\":%.2f,\"ratio\":%.4f,\"dropped\":%lu,\"rounds\":[", std::exchange(between, ","),
                c.block_bytes, c.target, ratio_of(c), c.dropped);
    const char* comma = "";
    for (const Round& r : c.kept)
      std::printf("%s{\"round_trip_ns\":%.1f,\"plain\":%.3f,\"chappe\":%.3f}", std::exchange(comma, ","), r.round_trip_ns, r.plain,
                  r.chappe);
    std::printf("]}");
  }
  std::printf("]}\n");
}

std::optional<Options> parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--json") {
      options.json = true;
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
  const auto wanting = [&](const Case& c) { return c.kept.size() < options.rounds && c.kept.size() + c.dropped < 4 * options.rounds; };
  for (std::uint64_t n = 0; std::any_of(cases.begin(), cases.end(), wanting); ++n) {
    for (Case& c : cases) {
      if (wanting(c) && !run_round(c, options.megabytes, n % 2 == 0)) return 1;
    }
  }
  options.json ? print_json(cases, load) : print_table(cases, load);
  return 0;
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
  std::fputs("ring_cost: wrong option; expected --rounds N, --megabytes N, --json or --help\n", stderr);
  return 64;
}
