// Which measurements of the real programs each form has.
#include "bench/campaign.hpp"
#include "bench/kernel.hpp"
#include "bench/pipeline.hpp"

namespace chappe::bench {
namespace {

constexpr double kQuickSeconds = 1, kFullSeconds = 2, kQuickCostSeconds = 5, kFullCostSeconds = 10, kHopSeconds = 3, kScalingSeconds = 3;
constexpr double kMillion = 1e6;
constexpr std::uint64_t kManyBlocks = 4096;        // 256 streams of 100 blocks a second each want a deep ring
constexpr std::uint64_t kScrapedChannels = 1'420;  // of 7 series each: some 10,000
constexpr std::uint64_t kDefaultBlock = 16384, kFullRounds = 9, kQuickRounds = 2, kCostRounds = 3;

void add(std::vector<Cell>& cells, const std::string& test, const std::string& what, std::uint64_t rounds,
         std::function<Measurement()> programs, std::uint64_t bytes = 0) {
  cells.push_back({.test = test, .bytes = bytes, .what = what, .programs = std::move(programs), .rounds = rounds});
}

void add_pipeline(std::vector<Cell>& cells, std::uint64_t channels, std::uint64_t block_bytes, bool full) {
  add(
      cells, "pipeline", pipeline_name(channels), full ? kFullRounds : kQuickRounds,
      [=] { return pipeline(channels, block_bytes, full ? kFullSeconds : kQuickSeconds); }, block_bytes);
}

void add_cpu(std::vector<Cell>& cells, std::uint64_t samples_per_s, bool full) {
  add(cells, "cpu", cpu_name(samples_per_s), full ? kCostRounds : 1,
      [=] { return cpu(samples_per_s, full ? kFullCostSeconds : kQuickCostSeconds); });
}

void add_viewers(std::vector<Cell>& cells) {
  for (const unsigned viewers : {0U, 16U}) {
    const std::string count = ",viewers=" + std::to_string(viewers);
    add(cells, "viewers", "calls" + count, kCostRounds, [=] { return traced_calls(viewers); });
    add(cells, "viewers", "instructions" + count, kCostRounds, [=] { return traced_instructions(viewers); });
  }
}

void add_hops(std::vector<Cell>& cells) {
  const std::pair<const char*, Hop> hops[] = {
      {"frame_to_board", Hop::frame_to_board}, {"feed_cycle", Hop::feed_cycle}, {"drain_cycle", Hop::drain_cycle}};
  for (const std::uint64_t samples_per_s : {100'000U, 1'000'000U}) {
    for (const auto& [name, which] : hops) {
      add(cells, "hops", std::string(name) + "," + cpu_name(samples_per_s), kCostRounds,
          [=] { return hop(which, static_cast<double>(samples_per_s), kHopSeconds); });
    }
  }
}

/// Simulated streams of 1,000,000 samples a second in sum, of the waveform that costs least.
Flow million(std::uint64_t streams, std::uint64_t channels) {
  return {.waveform = "index",
          .streams = streams,
          .channels = channels,
          .frames_per_s = kMillion / static_cast<double>(streams * channels),
          .blocks = kManyBlocks,
          .block_bytes = kDefaultBlock};
}

void add_scaling(std::vector<Cell>& cells) {
  const auto add_one = [&](const std::string& what, const Flow& flow, unsigned viewers = 0) {
    add(cells, "scaling", what, kCostRounds, [=] { return scaling(flow, viewers, kScalingSeconds); });
  };
  for (const std::uint64_t streams : {1U, 16U, 256U}) add_one("streams=" + std::to_string(streams), million(streams, 16));
  for (const std::uint64_t channels : {1U, 64U, 1024U, 4096U}) add_one("channels=" + std::to_string(channels), million(1, channels));
  for (const unsigned viewers : {0U, 1U, 16U, 64U}) add_one("viewers=" + std::to_string(viewers), million(1, 16), viewers);
  add(cells, "scaling", "gates=1", 1, [] {
    return Measurement{.end = Measurement::End::skipped, .trouble = "the programs hold one gate, and no configuration knows another"};
  });
  add(cells, "scaling", "scrape", kCostRounds, [] { return scrape(kScrapedChannels); });
}

void add_kernel(std::vector<Cell>& cells) {
  for (const std::size_t channels : kKernelChannels) {
    for (const std::string_view way : kernel_ways())
      add(cells, "kernel", std::string(way) + ",channels=" + std::to_string(channels), kFullRounds,
          [=] { return kernel_rate(way, channels); });
  }
}

}  // namespace

std::string pipeline_name(std::uint64_t channels) { return "channels=" + std::to_string(channels); }
std::string cpu_name(std::uint64_t samples_per_s) { return "rate=" + std::to_string(samples_per_s); }

void add_programs(std::vector<Cell>& cells, bool full) {
  if (!full) {
    for (const std::uint64_t channels : {4U, 64U}) add_pipeline(cells, channels, kDefaultBlock, false);
    return add_cpu(cells, 100'000, false);
  }
  for (const std::uint64_t channels : {1U, 4U, 16U, 64U, 256U, 1024U, 4096U}) add_pipeline(cells, channels, kDefaultBlock, true);
  for (const std::uint64_t block_bytes : {4096U, 65536U}) add_pipeline(cells, 64, block_bytes, true);
  for (const std::uint64_t samples_per_s : {1'000U, 100'000U, 1'000'000U}) add_cpu(cells, samples_per_s, true);
  add_kernel(cells);
  add_hops(cells);
  add_viewers(cells);
  add_scaling(cells);
}

}  // namespace chappe::bench
