// What is made to flow through the real programs, and the configuration that says so.
#pragma once
#include <cstdint>
#include <string>

namespace chappe::bench {

/// What flows: all streams alike.
struct Flow {
  bool from_memory = false;  ///< as fast as it goes, and waits; else simulated, and drops
  std::string waveform{};    ///< of all simulated channels; empty: as it comes
  std::uint64_t streams = 1;
  std::uint64_t channels = 16;      ///< of each stream
  double frames_per_s = 0;          ///< of each simulated stream
  std::uint64_t window_frames = 0;  ///< 0: a second
  std::uint64_t blocks = 512, block_bytes = 16384;
  bool realtime = false;  ///< as it comes; else without, and pinned: the aggregator alone on processor 1 if it is from memory
  int port = 0;           ///< of the aggregator's metrics

  [[nodiscard]] std::uint64_t all_channels() const noexcept { return streams * channels; }
};

/// The whole file. Metrics are off but for the aggregator's port.
std::string configuration_of(const Flow& flow, const std::string& instance);

}  // namespace chappe::bench
