#include "producer/stream_entry.hpp"

#include <algorithm>
#include <cmath>

#include "rt/clock.hpp"

namespace chappe::producer {
namespace {

/// Between a source that is as fast as the pipeline and the feed: enough that each has a quarter of them in hand and one on its way, and no
/// more memory than this while there are kLeastBlocks.
std::uint32_t unpaced_pool_blocks(std::uint64_t block_bytes) {
  constexpr std::uint64_t kBlocks = 32, kLeastBlocks = 8, kBytes = std::uint64_t{64} << 20;
  return static_cast<std::uint32_t>(std::clamp(kBytes / block_bytes, kLeastBlocks, kBlocks));
}

}  // namespace

std::uint32_t pool_blocks(double rate_hz, std::uint32_t capacity, std::int64_t max_delay_ns) {
  const double by_rate = rate_hz / capacity;
  const double by_delay = 1e9 / static_cast<double>(std::max<std::int64_t>(max_delay_ns, rt::kMillisecond));
  return static_cast<std::uint32_t>(std::clamp(std::ceil(std::max(by_rate, std::min(by_delay, rate_hz)) * 0.1) + 4, 4.0, 64.0));
}

rt::Result<FrameLayout> layout_of(const config::Stream& stream, const StreamShape& shape, std::uint64_t block_bytes) {
  FrameLayout layout;
  layout.channels = static_cast<std::uint32_t>(shape.channels.size());
  layout.value_bytes = static_cast<std::uint32_t>(shape.type);
  layout.stride = static_cast<std::uint32_t>(config::frame_stride(layout.channels, shape.type));
  layout.explicit_times = shape.explicit_times;
  const std::uint64_t frame = layout.stride + (shape.explicit_times ? sizeof(std::int64_t) : 0);
  layout.capacity = static_cast<std::uint32_t>(block_bytes / frame);
  if (layout.explicit_times && layout.stride % 8 != 0) layout.capacity -= layout.capacity % 2;  // times begin at a multiple of 8 bytes
  if (layout.capacity == 0) {
    return rt::Error{EX_CONFIG, "stream " + stream.name + ": a frame of " + std::to_string(layout.channels) + " channels takes " +
                                    std::to_string(frame) + " bytes, more than a block of " + std::to_string(block_bytes) +
                                    "; set [ring] block_bytes to at least " + std::to_string(shm::round_up(frame, shm::kPage))};
  }
  return layout;
}

shm::StreamEntry entry_of(const config::Stream& stream, const Source& source, const FrameLayout& layout, std::uint32_t first_channel,
                          const config::Ring& ring) {
  const StreamShape& shape = source.shape();
  shm::StreamEntry e{};
  shm::put_name(e.name, stream.name);
  e.value_bytes = layout.value_bytes;
  e.channels = layout.channels;
  e.first_channel = first_channel;
  e.stride = layout.stride;
  e.capacity = layout.capacity;
  e.explicit_times = layout.explicit_times ? 1 : 0;
  e.clock = static_cast<std::uint32_t>(shape.clock);
  e.pool_blocks = source.is_paced() ? pool_blocks(std::max(shape.rate_hz, 1.0), layout.capacity, ring.max_delay_ns)
                                    : unpaced_pool_blocks(ring.block_bytes);
  e.rate_hz = shape.rate_hz;
  return e;
}

}  // namespace chappe::producer
