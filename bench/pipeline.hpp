// The real programs, measured from outside: what they carry, what they cost, how long a frame takes. Called by the parent, which waits for
// as long as it takes. A ledger that does not close, or a window that is wrong, is a failed measurement.
#pragma once
#include <cstdint>

#include "bench/flow.hpp"
#include "bench/measure.hpp"

namespace chappe::bench {

/// channels, block_bytes, samples_per_s, producer_cpu_s_per_gigasample, aggregator_cpu_s_per_gigasample, windows: f32 samples from memory
/// to the board, without any loss, and so many closed windows checked.
Measurement pipeline(std::uint64_t channels, std::uint64_t block_bytes, double seconds);
/// samples_per_s, cpu_percent (in sum), producer_, aggregator_ and display_cpu_percent, of one processor; pss_bytes (in
/// sum, without the ring), that of each, ring_pss_bytes, lost_frames: 16 simulated channels, the display live in a terminal.
Measurement cpu(std::uint64_t samples_per_s, double seconds);

/// streams, channels, viewers, samples_per_s, cpu_percent (producer and aggregator in sum), producer_, aggregator_ and
/// viewers_cpu_percent, lost_frames.
Measurement scaling(const Flow& flow, unsigned viewers, double seconds);
/// channels, series, bytes, duration_ns, max_duration_ns, aggregator_cpu_ns of one HTTP request for the aggregator's metrics, of 10: the
/// last one's size, the median duration, the mean cost.
Measurement scrape(std::uint64_t channels);

/// p50_ns, p99_ns, max_ns, mean_ns, count: what a histogram of the programs got. A percentile is the upper bound of its bucket, a power of
/// two from 1,024 ns on, or the maximum where that is less; the maximum is exact, and since the start.
enum class Hop { frame_to_board, feed_cycle, drain_cycle };
Measurement hop(Hop which, double samples_per_s, double seconds);

/// viewers, blocks, system_calls_per_block (strace): all of the producer, its start and end too, by the blocks it has committed.
Measurement traced_calls(unsigned viewers);
/// viewers, blocks, do_work_instructions_per_block, commit_instructions_per_block (callgrind): of Feed::do_work and RingWriter::commit,
/// with what they call.
Measurement traced_instructions(unsigned viewers);

}  // namespace chappe::bench
