// What a process shows to Prometheus: plain values turned into families. Pure functions: they read no clock, no memory of others, and
// may run on any ordinary thread; never on a real-time one, since they allocate. Nothing is kept, so a crash leaves nothing.
//
// The producer shows its own hops of the ledger and the ring, the aggregator the board's, the display who lives. Together the three
// endpoints hold every term of the ledger once.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "shm/snapshot.hpp"

namespace chappe::metrics {

struct Label {
  std::string name, value;
};

/// A histogram as Prometheus wants it: each bucket counts all values up to its bound.
struct Buckets {
  std::vector<double> upper_bounds;       ///< seconds, rising, without the infinite one
  std::vector<std::uint64_t> cumulative;  ///< as many
  std::uint64_t count = 0;                ///< of all values, those beyond the last bound included
  double sum = 0;                         ///< seconds
};

struct Sample {
  std::vector<Label> labels;
  double value = 0;  ///< of a counter or a gauge
  Buckets buckets;   ///< of a histogram
};

enum class Type { counter, gauge, histogram };

struct Family {
  std::string name, help;
  Type type = Type::gauge;
  std::vector<Sample> samples;
};

enum class Role { producer, aggregator, display };

struct BuildInfo {
  std::string version, commit;
  std::string compiler = __VERSION__;
};

/// What the display counts of itself.
struct DisplayCounts {
  std::uint64_t looks = 0;     ///< snapshots taken
  std::uint64_t troubled = 0;  ///< of them, those in which an object was refused
};

/// All families of the producer or the aggregator, to which this one adds those of channels (metrics/channels.hpp); of the display, who
/// lives and its build, to which it adds two of those below.
std::vector<Family> families_of(const shm::Snapshot& snapshot, Role role, const BuildInfo& build);
/// Configuration and reloads, and real time, of one process. families_of() adds both for producer and aggregator; the display adds the
/// first.
std::vector<Family> config_families(const shm::ProcessReport& process);
std::vector<Family> realtime_families(const shm::ProcessReport& process);
std::vector<Family> display_families(const DisplayCounts& counts);

/// One histogram from the counts of rt::Histogram; missing counts are zero.
Buckets buckets_of(const shm::LatencyView& view);

}  // namespace chappe::metrics
