// What a lane of a torture run counted. It lies in a page that the lane shares with the run, in numbers of a fixed size, so that lanes add
// up and a long run takes no more memory than a short one (what a lane holds, each fork copies).
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "torture_ring.hpp"

namespace chappe::shm::torture {

inline constexpr std::size_t kPhaseCount = kPhaseNames.size();

/// Times from fork to first data: exact below 64 us, to a thirty-second part above; least and most always exact.
struct Restarts {
  std::array<std::uint64_t, 768> bucket{};
  std::uint64_t n = 0, least_us = ~0ULL, most_us = 0;

  static std::size_t bucket_of(std::uint64_t us) noexcept {
    const auto halvings = static_cast<std::size_t>(std::bit_width(us | 32)) - 6;
    return 32 * halvings + static_cast<std::size_t>(us >> halvings);
  }
  void note(std::uint64_t us) noexcept {
    ++bucket[std::min(bucket_of(us), bucket.size() - 1)];
    ++n;
    least_us = std::min(least_us, us);
    most_us = std::max(most_us, us);
  }
  void add(const Restarts& o) noexcept {
    for (std::size_t i = 0; i < bucket.size(); ++i) bucket[i] += o.bucket[i];
    n += o.n;
    least_us = std::min(least_us, o.least_us);
    most_us = std::max(most_us, o.most_us);
  }
  /// In milliseconds; 0: there is none.
  [[nodiscard]] double least_ms() const noexcept { return n == 0 ? 0 : static_cast<double>(least_us) * 1e-3; }
  [[nodiscard]] double most_ms() const noexcept { return static_cast<double>(most_us) * 1e-3; }
  [[nodiscard]] double quantile_ms(double q) const noexcept {
    auto before = static_cast<std::uint64_t>(q * static_cast<double>(n));
    for (std::size_t i = 0; i < bucket.size(); ++i) {
      const std::size_t halvings = i < 64 ? 0 : i / 32 - 1;
      if (before < bucket[i]) return static_cast<double>((i - 32 * halvings) << halvings) * 1e-3;
      before -= bucket[i];
    }
    return most_ms();
  }
};

/// Of one role.
struct Tally {
  std::array<std::uint64_t, kPhaseCount> landed{};
  std::uint64_t kills = 0, stops = 0, orderly_ends = 0, starts = 0;
  std::uint64_t late = 0;  ///< starts struck for having come to no data in a quarter of a second
  Restarts restarts;
  void add(const Tally& o) noexcept {
    for (std::size_t p = 0; p < kPhaseCount; ++p) landed[p] += o.landed[p];
    kills += o.kills;
    stops += o.stops;
    orderly_ends += o.orderly_ends;
    starts += o.starts;
    late += o.late;
    restarts.add(o.restarts);
  }
};

/// One stream's frames after the orderly end; which stream is its place (kind_of).
struct Frames {
  std::uint64_t acquired = 0, aggregated = 0, full = 0, pool = 0, source = 0, crash = 0, overrun = 0;
  std::int64_t unexplained = 0;
  void add(const Frames& o) noexcept {
    acquired += o.acquired;
    aggregated += o.aggregated;
    full += o.full;
    pool += o.pool;
    source += o.source;
    crash += o.crash;
    overrun += o.overrun;
    unexplained += o.unexplained;
  }
};

struct Outcome {
  Tally producer, consumer, viewer;
  std::uint64_t superseding_starts = 0, calms = 0, leftovers = 0;
  std::array<Frames, kStreams> streams{};
  char failure[512]{};  ///< the first that the campaign met: a hang, a child that ended by itself, an object left behind

  [[nodiscard]] std::uint64_t kills() const noexcept { return producer.kills + consumer.kills; }
  void add(const Outcome& o) noexcept {
    producer.add(o.producer);
    consumer.add(o.consumer);
    viewer.add(o.viewer);
    superseding_starts += o.superseding_starts;
    calms += o.calms;
    leftovers += o.leftovers;
    for (std::size_t i = 0; i < kStreams; ++i) streams[i].add(o.streams[i]);
  }
};

}  // namespace chappe::shm::torture
