#include "bench/pipeline.hpp"

#include <algorithm>

#include "bench/closed_form.hpp"
#include "bench/instance.hpp"
#include "rt/clock.hpp"

namespace chappe::bench {
namespace {

using End = Measurement::End;

constexpr std::int64_t kWarmUp = 400 * rt::kMillisecond;
constexpr std::uint64_t kWindowSamples = 4'000'000, kFewestWindowFrames = 1'001;
constexpr std::uint64_t kRing = 8U << 20U;  // bytes, as by default

/// What the board and the kernel say at one instant.
struct Look {
  std::optional<shm::BoardCopy> board;
  double producer_s = 0, aggregator_s = 0;

  explicit Look(const Instance& instance)
      : board(shm::copy_board(instance.name())),
        producer_s(cpu_s_of(instance.producer.pid())),
        aggregator_s(cpu_s_of(instance.aggregator.pid())) {}
  [[nodiscard]] double frames() { return static_cast<double>(board->image.stream(0).aggregated); }
  [[nodiscard]] double seconds() { return static_cast<double>(board->image.head().published_ns) / 1e9; }
};

Flow memory_flow(std::uint64_t channels, std::uint64_t block_bytes) {
  // Windows end amid blocks.
  const std::uint64_t frames = std::max(kWindowSamples / channels, kFewestWindowFrames) | 1U;
  return {.from_memory = true,
          .channels = channels,
          .window_frames = frames,
          .blocks = std::max<std::uint64_t>(kRing / block_bytes, 8),
          .block_bytes = block_bytes};
}

/// The right end; empty: nothing was dropped, and all is explained.
std::string end_without_loss(Instance& instance) {
  shm::Snapshot closing;
  if (std::string what = instance.stop(closing); !what.empty()) return what;
  const std::uint64_t lost = lost_frames(closing);
  return lost == 0 ? "" : std::to_string(lost) + " frames were lost";
}

}  // namespace

Measurement pipeline(std::uint64_t channels, std::uint64_t block_bytes, double seconds) {
  const Flow flow = memory_flow(channels, block_bytes);
  Instance instance(flow);
  std::string what = instance.start();
  if (what.empty()) what = instance.pass(kWarmUp);
  if (!what.empty()) return {.end = End::failed, .trouble = what};
  Look first(instance);
  what = instance.pass(static_cast<std::int64_t>(seconds * 1e9));
  if (!what.empty()) return {.end = End::failed, .trouble = what};
  Look last(instance);
  if (!first.board || !last.board || last.seconds() <= first.seconds()) return {.end = End::failed, .trouble = "the board cannot be read"};
  std::uint64_t windows = 0;
  what = check_windows(*last.board, flow.window_frames, windows);
  if (what.empty() && windows == 0) what = "no window was closed";
  if (what.empty()) what = end_without_loss(instance);
  if (!what.empty()) return {.end = End::failed, .trouble = what};
  const double samples = (last.frames() - first.frames()) * static_cast<double>(channels);
  return {.trouble = {},
          .values = {{"channels", static_cast<double>(channels)},
                     {"block_bytes", static_cast<double>(block_bytes)},
                     {"samples_per_s", samples / (last.seconds() - first.seconds())},
                     {"producer_cpu_s_per_gigasample", (last.producer_s - first.producer_s) / samples * 1e9},
                     {"aggregator_cpu_s_per_gigasample", (last.aggregator_s - first.aggregator_s) / samples * 1e9},
                     {"windows", static_cast<double>(windows)}}};
}

}  // namespace chappe::bench
