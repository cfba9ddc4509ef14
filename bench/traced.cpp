// What the producer does for each block, counted by strace and valgrind, with and without viewers.
#include <cstdio>
#include <fstream>
#include <numeric>
#include <optional>
#include <sstream>

#include "bench/instance.hpp"
#include "bench/pipeline.hpp"
#include "bench/viewers.hpp"
#include "rt/clock.hpp"
#include "shm/viewer.hpp"

namespace chappe::bench {
namespace {

using End = Measurement::End;

constexpr std::uint64_t kBlocks = 1'000;                    // committed when the producer is told to end
constexpr std::int64_t kAtLeast = 5 * rt::kSecond;          // before which they cannot have come
constexpr std::int64_t kPatience = 60 * rt::kSecond;        // a traced one is slow
constexpr std::int64_t kLookEach = 250 * rt::kMillisecond;  // our own looks are those of a viewer, too

/// 200 full blocks a second: paced, so that what a block takes does not hang on who waits for whom.
const Flow kFlow = {.waveform = "index", .channels = 16, .frames_per_s = 12'800, .block_bytes = 4096};

bool is_installed(const std::string& program) { return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0; }

/// Runs it under the tracer until the blocks are committed. Empty: it ended well.
std::string run_traced(Instance& instance, const std::vector<std::string>& tracer, unsigned viewers, std::uint64_t& blocks) {
  std::string what = instance.start(tracer);
  if (!what.empty()) return what;
  std::optional<Viewers> watching;
  if (viewers > 0) watching.emplace(instance.name(), viewers);
  shm::Viewer viewer(instance.name());
  const std::int64_t deadline = rt::monotonic_ns() + kPatience;
  const auto is_behind = [&](std::uint64_t wanted) { return viewer.look().head < wanted; };
  what = instance.pass(kAtLeast);
  while (what.empty() && is_behind(kBlocks) && rt::monotonic_ns() < deadline) what = instance.pass(kLookEach);
  if (what.empty() && is_behind(kBlocks)) what = "it has not come to " + std::to_string(kBlocks) + " blocks in a minute";
  if (what.empty() && watching && watching->looks() == 0) what = "the viewers have not looked";
  shm::Snapshot closing;
  if (what.empty()) what = instance.stop(closing);
  blocks = std::accumulate(closing.latency.counts.begin(), closing.latency.counts.end(), std::uint64_t{0});  // one value a block
  if (what.empty() && blocks < kBlocks) what = "the board has not got the blocks";
  return what;
}

/// Of strace -c -U calls,name: all of them.
double calls_in(const std::string& file) {
  std::ifstream summary(file);
  double all = 0;
  for (std::string line; std::getline(summary, line);) {
    std::istringstream words(line);
    double calls = 0;
    std::string name;
    if (words >> calls >> name && name != "total") all += calls;
  }
  return all;
}

/// Inclusive instructions of the one function whose name has these words, from callgrind's file; 0: it is not there.
double instructions_of(const std::string& file, const std::string& function) {
  const std::string command = "callgrind_annotate --inclusive=yes --threshold=100 --show-percs=no '" + file + "' 2>/dev/null";
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return 0;
  double found = 0;
  char line[8192];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    const std::string text = line;
    if (found != 0 || text.find(function) == std::string::npos) continue;
    for (const char c : text) {
      if (c >= '0' && c <= '9') found = 10 * found + (c - '0');
      if (c != ',' && c != ' ' && (c < '0' || c > '9')) break;
    }
  }
  pclose(pipe);
  return found;
}

Measurement failed(const std::string& what) { return {.end = End::failed, .trouble = what}; }

}  // namespace

Measurement traced_calls(unsigned viewers) {
  if (!is_installed("strace")) return {.end = End::skipped, .trouble = "strace is not installed"};
  Instance instance(kFlow);
  const std::string file = instance.path("calls");
  std::uint64_t blocks = 0;
  // setpriv: one whose strace is killed would run on.
  const std::string what =
      run_traced(instance, {"strace", "-f", "-c", "-U", "calls,name", "-o", file, "setpriv", "--pdeathsig", "KILL"}, viewers, blocks);
  if (!what.empty()) return failed(what);
  const double calls = calls_in(file);
  if (calls == 0) return failed("strace has counted nothing");
  return {.trouble = {},
          .values = {{"viewers", static_cast<double>(viewers)},
                     {"blocks", static_cast<double>(blocks)},
                     {"system_calls_per_block", calls / static_cast<double>(blocks)}}};
}

Measurement traced_instructions(unsigned viewers) {
  if (!is_installed("valgrind")) return {.end = End::skipped, .trouble = "valgrind is not installed"};
  Instance instance(kFlow);
  const std::string file = instance.path("callgrind");
  std::uint64_t blocks = 0;
  const std::string what = run_traced(instance, {"valgrind", "--tool=callgrind", "--callgrind-out-file=" + file}, viewers, blocks);
  if (!what.empty()) return failed(what);
  const double work = instructions_of(file, "Feed::do_work()"), commit = instructions_of(file, "RingWriter::commit(");
  if (work == 0 || commit == 0) return failed("callgrind has counted nothing of Feed::do_work or RingWriter::commit");
  return {.trouble = {},
          .values = {{"viewers", static_cast<double>(viewers)},
                     {"blocks", static_cast<double>(blocks)},
                     {"do_work_instructions_per_block", work / static_cast<double>(blocks)},
                     {"commit_instructions_per_block", commit / static_cast<double>(blocks)}}};
}

}  // namespace chappe::bench
