// Kills producer, consumer and viewers of small rings by the thousand, and checks every promise of docs/protocol.md all the while. A few
// lanes side by side, each a campaign with a ring, a process and a seed of its own: while one waits for a death or a start, another kills.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "rt/clock.hpp"
#include "torture_ring_campaign.hpp"
#include "torture_ring_report.hpp"

namespace {

using namespace chappe::shm::torture;
using chappe::rt::kSecond;
using chappe::rt::monotonic_ns;

constexpr const char* kHelp = R"(Usage: torture_ring [--kills N] [--seed S] [--lanes L] [--json]

Kills (SIGKILL) and stops a producer and a consumer on a small ring of their own, at random and aimed instants, restarts them, changes the
geometry, lets viewers come and go, and ends in order. Prints what happened, and the seed: it draws the same plan for each start of a run with
as many kills and lanes; at which instruction a plan meets its victim is the scheduler's. Told to end (SIGINT, SIGTERM) it does so in order,
and prints what was done until then.

  --kills N   of producer and consumer together (default 2000)
  --seed S    default 1
  --lanes L   as many rings side by side, which share the kills (default 2)
  --json      one object instead of the table

Exit: 0 everything held; 1 something did not; 64 wrong option.
)";

std::optional<Options> parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--json") {
      options.json = true;
      continue;
    }
    std::uint64_t* const value = word == "--kills"   ? &options.kills
                                 : word == "--seed"  ? &options.seed
                                 : word == "--lanes" ? &options.lanes
                                                     : nullptr;
    if (value == nullptr || i + 1 == count) return std::nullopt;
    const std::string_view text = words[++i];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  }
  if (options.lanes < 1 || options.lanes > 64) return std::nullopt;
  return options;
}

/// What a lane and the run share.
struct Lane {
  Shared shared;
  Outcome outcome;
  pid_t pid = 0;
  [[nodiscard]] bool is_broken() const { return outcome.failure[0] != 0 || shared.has_message.load() != 0; }
};

volatile std::sig_atomic_t told_to_end = 0;

/// 0: the fork failed, and the lane says so.
pid_t start(const Options& options, std::uint64_t which, Lane& lane) {
  const std::uint64_t kills = options.kills / options.lanes + (which < options.kills % options.lanes ? 1 : 0);
  const std::string instance = "torture" + std::to_string(getpid()) + "." + std::to_string(which);
  const pid_t pid = fork();
  if (pid < 0) chappe::shm::put_name(lane.outcome.failure, "the fork of a lane failed");
  if (pid != 0) return std::max(pid, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int number : {SIGINT, SIGTERM}) signal(number, SIG_IGN);  // a terminal sends it to all; the run tells its lanes
  Campaign(kills, options.seed * 64 + which, instance, lane.shared, lane.outcome).run();
  _exit(0);
}

/// Waits for all lanes, and says every ten seconds how far they are. Once one is broken all shall end.
void wait_for(std::vector<Lane*>& lanes, const Options& options) {
  const std::int64_t begin = monotonic_ns();
  std::int64_t next_word = begin + 10 * kSecond;
  auto running = std::count_if(lanes.begin(), lanes.end(), [](const Lane* lane) { return lane->pid > 0; });
  for (; running > 0; chappe::rt::sleep_until(monotonic_ns() + kSecond / 20)) {
    bool ends = told_to_end != 0;
    std::uint64_t kills = 0;
    for (Lane* lane : lanes) {
      int status = 0;
      if (lane->pid > 0 && waitpid(lane->pid, &status, WNOHANG) == lane->pid) {
        if (status != 0 && lane->outcome.failure[0] == 0) chappe::shm::put_name(lane->outcome.failure, "a lane died");
        lane->pid = 0;
        --running;
      }
      ends = ends || lane->is_broken();
      kills += lane->shared.kills.load();
    }
    for (Lane* lane : lanes) lane->shared.give_up.store(ends ? 1 : 0);
    if (monotonic_ns() < next_word) continue;
    const double seconds = static_cast<double>(monotonic_ns() - begin) * 1e-9;
    std::fprintf(stderr, "%.0f s: %lu of %lu kills, %.0f a second\n", seconds, kills, options.kills, static_cast<double>(kills) / seconds);
    next_word += (seconds < 300 ? 10 : 300) * kSecond;
  }
}

}  // namespace

int main(int count, char** words) {
  if (count > 1 && std::strcmp(words[1], "--help") == 0) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  const auto options = parse(count, words);
  if (!options) {
    std::fputs("torture_ring: wrong option; expected --kills N, --seed S, --lanes L, --json or --help\n", stderr);
    return 64;
  }
  for (const int number : {SIGINT, SIGTERM}) signal(number, [](int) { told_to_end = 1; });
  std::vector<Lane*> lanes;
  const std::int64_t begin = monotonic_ns();
  for (std::uint64_t which = 0; which < options->lanes; ++which) {
    void* page = mmap(nullptr, sizeof(Lane), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return 71;
    lanes.push_back(new (page) Lane);
    lanes.back()->pid = start(*options, which, *lanes.back());
  }
  wait_for(lanes, *options);
  Report report;
  report.options = *options;
  report.seconds = static_cast<double>(monotonic_ns() - begin) * 1e-9;
  for (const Lane* lane : lanes) report.add(lane->outcome, lane->shared);
  report.judge();
  options->json ? report.print_json() : report.print_table();
  return report.broken.empty() ? 0 : 1;
}
