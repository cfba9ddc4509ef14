// One measurement each: a transport is made, two children carry messages over it, and the sums are checked. Called by the parent, which
// waits for as long as it takes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "bench/kinds.hpp"
#include "rt/thread.hpp"

namespace chappe::bench {

/// A figure; the name says its unit, as in p50_ns.
struct Value {
  std::string name;
  double value;
};

struct Measurement {
  enum class End { good, skipped, failed } end = End::good;
  std::string trouble;  ///< why it was skipped or failed; of a good one what was not as asked
  std::vector<Value> values{};
};

inline constexpr std::uint64_t kRingBytes = 8U << 20U;  ///< the default ring: 512 blocks of 16 KiB

/// bytes_per_s, messages_per_s, messages: as fast as it goes, so many of `bytes` each after what is not timed. A ring is not timed in its
/// first pass, the others not in their first tenth.
Measurement throughput(const Kind& kind, std::uint64_t bytes, std::uint64_t messages);
/// p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns, messages, late_share (sends more than 10 us after they were due): frames of 32 bytes at
/// 100,000/s, one way. The first tenth is dropped. fifo: the producer has priority 80, the consumer 81; `trouble` says if the kernel
/// refused.
Measurement latency(const Kind& kind, Wait wait, rt::Policy policy, std::uint64_t messages);
/// The same without late_share, of a consumer that sleeps and a producer that does, a message each millisecond.
Measurement wake(const Kind& kind, std::uint64_t messages);
/// cpu_s_per_million, producer_cpu_s_per_million, consumer_cpu_s_per_million, memory_bytes, messages: 100 frames of 32 bytes each
/// millisecond, the consumer sleeps. Daemons are not counted.
Measurement cost(const Kind& kind, std::uint64_t milliseconds);

}  // namespace chappe::bench
