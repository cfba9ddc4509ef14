#include <algorithm>
#include <vector>

#include "bench/paced.hpp"
#include "bench/pipeline.hpp"
#include "rt/histogram.hpp"

namespace chappe::bench {
namespace {

using End = Measurement::End;

constexpr std::uint64_t kChannels = 16;

Flow simulated(double samples_per_s) { return {.channels = kChannels, .frames_per_s = samples_per_s / kChannels}; }

/// Upper bound of the bucket that holds the value of this rank; of the last bucket the maximum.
double percentile(const std::vector<std::uint64_t>& counts, double share, double max_ns) {
  std::uint64_t all = 0, below = 0;
  for (const std::uint64_t count : counts) all += count;
  const auto rank = static_cast<std::uint64_t>(share * static_cast<double>(all));
  for (std::size_t i = 0; i + 1 < counts.size(); ++i) {
    below += counts[i];
    if (below > rank) return std::min(max_ns, static_cast<double>(rt::Histogram::upper_bound_ns(static_cast<int>(i))));
  }
  return max_ns;
}

const shm::LatencyView& view_of(const shm::Snapshot& snapshot, Hop which) {
  switch (which) {
    case Hop::frame_to_board:
      return snapshot.latency;
    case Hop::feed_cycle:
      return snapshot.feed_cycle;
    case Hop::drain_cycle:
      return snapshot.drain_cycle;
  }
  return snapshot.latency;
}

}  // namespace

Measurement cpu(std::uint64_t samples_per_s, double seconds) {
  Flow flow = simulated(static_cast<double>(samples_per_s));
  flow.realtime = true;
  const Paced paced = run_paced(flow, {.display = true}, seconds);
  if (!paced.trouble.empty()) return {.end = End::failed, .trouble = paced.trouble};
  const Spent &p = paced.producer, &a = paced.aggregator, &d = paced.display;
  return {.trouble = {},
          .values = {{"samples_per_s", paced.frames_per_s * kChannels},
                     {"cpu_percent", p.cpu_percent + a.cpu_percent + d.cpu_percent},
                     {"producer_cpu_percent", p.cpu_percent},
                     {"aggregator_cpu_percent", a.cpu_percent},
                     {"display_cpu_percent", d.cpu_percent},
                     {"pss_bytes", p.memory.without_ring() + a.memory.without_ring() + d.memory.without_ring()},
                     {"producer_pss_bytes", p.memory.without_ring()},
                     {"aggregator_pss_bytes", a.memory.without_ring()},
                     {"display_pss_bytes", d.memory.without_ring()},
                     {"ring_pss_bytes", p.memory.ring + a.memory.ring + d.memory.ring},
                     {"lost_frames", paced.lost}}};
}

Measurement scaling(const Flow& flow, unsigned viewers, double seconds) {
  const Paced paced = run_paced(flow, {.viewers = viewers}, seconds);
  if (!paced.trouble.empty()) return {.end = End::failed, .trouble = paced.trouble};
  return {.trouble = {},
          .values = {{"streams", static_cast<double>(flow.streams)},
                     {"channels", static_cast<double>(flow.channels)},
                     {"viewers", static_cast<double>(viewers)},
                     {"samples_per_s", paced.frames_per_s * static_cast<double>(flow.channels)},
                     {"cpu_percent", paced.producer.cpu_percent + paced.aggregator.cpu_percent},
                     {"producer_cpu_percent", paced.producer.cpu_percent},
                     {"aggregator_cpu_percent", paced.aggregator.cpu_percent},
                     {"viewers_cpu_percent", paced.viewers_cpu_percent},
                     {"lost_frames", paced.lost}}};
}

Measurement hop(Hop which, double samples_per_s, double seconds) {
  Flow flow = simulated(samples_per_s);
  flow.realtime = true;
  const Paced paced = run_paced(flow, {}, seconds);
  if (!paced.trouble.empty()) return {.end = End::failed, .trouble = paced.trouble};
  const shm::LatencyView &before = view_of(paced.begin, which), &after = view_of(paced.end, which);
  std::vector<std::uint64_t> counts = after.counts;
  double all = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    counts[i] -= i < before.counts.size() ? std::min(before.counts[i], counts[i]) : 0;
    all += static_cast<double>(counts[i]);
  }
  if (all == 0) return {.end = End::failed, .trouble = "the histogram counted nothing"};
  const auto max_ns = static_cast<double>(after.max_ns);
  return {.trouble = {},
          .values = {{"p50_ns", percentile(counts, 0.5, max_ns)},
                     {"p99_ns", percentile(counts, 0.99, max_ns)},
                     {"max_ns", max_ns},
                     {"mean_ns", static_cast<double>(after.sum_ns - before.sum_ns) / all},
                     {"count", all}}};
}

}  // namespace chappe::bench
