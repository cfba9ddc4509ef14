// A block-sized buffer of consecutive frames of one stream, filled by a source, copied into the ring by the feed. Plain memory of this
// process; owned by one thread at a time: whoever took it from a queue of intake. A crash loses it, and the ledger counts it as
// dropped.crash.
#pragma once
#include <cstddef>
#include <cstdint>

namespace chappe::producer {

struct Buffer {
  std::uint32_t stream = 0;       ///< index of the stream
  std::uint32_t frames = 0;       ///< in use
  std::uint32_t generation = 0;   ///< of the configuration in force when its first frame came
  std::uint64_t first_frame = 0;  ///< index of the first frame
  std::uint64_t drops = 0;        ///< the stream's cumulative drops before the first frame (pool, source, paused, crash), in frames
  std::int64_t t_first_ns = 0;    ///< first frame's time on the stream's clock
  std::int64_t acquired_ns = 0;   ///< CLOCK_MONOTONIC when the first frame was read
  double period_ns = 0;           ///< between frames, when times are not explicit
  std::byte* data = nullptr;      ///< block_bytes: frames of `stride` bytes; after `capacity` of them the explicit times, int64 each
};

/// How frames lie in a buffer and in a slot; fixed for a stream's life.
struct FrameLayout {
  std::uint32_t channels = 0;
  std::uint32_t value_bytes = 4;  ///< 4 (f32) or 8 (f64)
  std::uint32_t stride = 0;       ///< bytes of one frame, padding included (zeros)
  std::uint32_t capacity = 0;     ///< frames that fit a block
  bool explicit_times = false;    ///< an int64 per frame at byte capacity * stride
};

}  // namespace chappe::producer
