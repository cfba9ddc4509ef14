// What the ring's tables say of a stream, made from its configuration and its source: how frames lie in a block, and how many buffers
// stand between source and feed. Pure; main's thread.
#pragma once
#include "config/config.hpp"
#include "producer/source.hpp"
#include "shm/layout.hpp"

namespace chappe::producer {

/// Buffers between a paced source and the feed: a tenth of a second's worth, and a few.
std::uint32_t pool_blocks(double rate_hz, std::uint32_t capacity, std::int64_t max_delay_ns);

/// An Error if no frame fits a block.
rt::Result<FrameLayout> layout_of(const config::Stream& stream, const StreamShape& shape, std::uint64_t block_bytes);

shm::StreamEntry entry_of(const config::Stream& stream, const Source& source, const FrameLayout& layout, std::uint32_t first_channel,
                          const config::Ring& ring);

}  // namespace chappe::producer
