// The ring's geometry where the operator leaves it to us.
#include <algorithm>
#include <bit>
#include <cmath>

#include "config/config.hpp"

namespace chappe::config {
namespace {

constexpr std::uint64_t kSmall = 4096, kUsual = 16384, kBulk = 65536;  ///< blocks: for low latency, where no rate is known, for bulk
constexpr std::uint64_t kFrames = 16;          ///< fewer a block, and what is done for each block costs more than they
constexpr std::uint64_t kRingBytes = 8 << 20;  ///< larger than the cores' own caches, smaller than the one that they share
constexpr std::uint64_t kMostRingBytes = 64 << 20, kMostBlocks = 65536;

/// Rounded up; 0 of what is no number: geometry() is asked for configurations that were not judged yet.
std::uint64_t whole(double value, std::uint64_t most) {
  return value > 0 ? static_cast<std::uint64_t>(std::ceil(std::min(value, static_cast<double>(most)))) : 0;
}

std::uint64_t stride_of(const Stream& stream) { return frame_stride(std::max<std::size_t>(stream.channels.size(), 1), stream.type); }

/// What comes of a stream in max_delay: a larger block would not be full when it is due.
std::uint64_t wanted_bytes(const Stream& stream, const Ring& ring) {
  if (stream.source == SourceKind::memory || (stream.source == SourceKind::replay && stream.replay.as_fast_as_possible)) return kBulk;
  if (!(stream.rate_hz > 0)) return kUsual;
  const double bytes = stream.rate_hz * static_cast<double>(stride_of(stream)) * static_cast<double>(ring.max_delay_ns) / 1e9;
  return whole(bytes, kBulk);
}

std::uint64_t automatic_block_bytes(const Config& config) {
  std::uint64_t wanted = kSmall, frame = 0;
  for (const Stream& stream : config.streams) {
    wanted = std::max({wanted, wanted_bytes(stream, config.ring), std::min(kFrames * stride_of(stream), kBulk)});
    frame = std::max(frame, stride_of(stream));
  }
  return std::bit_ceil(std::max(wanted, frame));
}

/// A second of these streams, and kRingBytes, as far as kMostRingBytes allow.
std::uint64_t automatic_blocks(const Config& config, const Ring& ring) {
  double second = 0;
  for (const Stream& stream : config.streams) second += blocks_per_second(stream, ring);
  const std::uint64_t bytes = std::max<std::uint64_t>(ring.block_bytes, 1);
  return std::bit_floor(std::clamp<std::uint64_t>(std::bit_ceil(std::max(whole(second, kMostBlocks), kRingBytes / bytes)), 8,
                                                  std::clamp<std::uint64_t>(kMostRingBytes / bytes, 8, kMostBlocks)));
}

}  // namespace

double blocks_per_second(const Stream& stream, const Ring& ring) {
  const double per_block = std::floor(static_cast<double>(ring.block_bytes) / static_cast<double>(stride_of(stream)));
  const double by_delay = 1e9 / static_cast<double>(std::max<std::int64_t>(ring.max_delay_ns, 1));
  return std::max(stream.rate_hz / std::max(per_block, 1.0), std::min(stream.rate_hz, by_delay));
}

Ring geometry(const Config& config) {
  Ring ring = config.ring;
  if (ring.block_bytes == kAutomatic) ring.block_bytes = automatic_block_bytes(config);
  if (ring.blocks == kAutomatic) ring.blocks = automatic_blocks(config, ring);
  return ring;
}

}  // namespace chappe::config
