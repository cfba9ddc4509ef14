// Seeded pseudo-random numbers for the simulator: the same seed gives the same numbers on every machine. Not for secrets. Each user owns
// its generator, so that what one draws never moves another. A crash loses nothing that a seed does not bring back.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace chappe::producer {

/// xoshiro256** of Blackman and Vigna, filled by their splitmix64 from (seed, stream of numbers).
class Random {
 public:
  Random() : Random(0, 0) {}
  Random(std::uint64_t seed, std::uint64_t which) noexcept {
    std::uint64_t state = splitmix(seed) ^ splitmix(~which);
    for (auto& word : state_) word = splitmix(state += 0x9e3779b97f4a7c15);
  }
  std::uint64_t next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  /// Uniform in (0, 1].
  double uniform() noexcept { return (static_cast<double>(next() >> 11) + 1) * 0x1p-53; }
  /// Mean 0, deviation 1, nearly normal up to 3.4 deviations and never beyond: the sum of four uniform numbers out of one draw.
  double normal() noexcept {
    constexpr double kMean = 2 * 65535.0;
    constexpr double kInverseDeviation = 1.7320508075688772 / 65536;  // four times (65536^2 - 1) / 12; the -1 is below 1e-9
    const std::uint64_t bits = next();
    const std::uint64_t sum = (bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48);
    return (static_cast<double>(static_cast<std::int64_t>(sum)) - kMean) * kInverseDeviation;
  }

 private:
  static std::uint64_t splitmix(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::array<std::uint64_t, 4> state_{};
};

/// An event that happens in each frame with the same probability. It draws the distance to the next event, so that frames without one
/// cost nothing, and the events do not depend on how the frames are split into calls.
class Chance {
 public:
  /// Other random numbers from here on, the same probability.
  void reseed(Random random) noexcept {
    random_ = random;
    draw();
  }
  /// Frames before the next event; 0: in the next frame.
  [[nodiscard]] std::uint64_t distance() const noexcept { return distance_; }
  /// Passes these frames and calls event(i) for each that has one.
  template <class Event>
  void pass(std::uint64_t frames, Event event) noexcept {
    for (; distance_ < frames; distance_ += 1 + gap()) event(distance_);
    distance_ -= frames;
  }
  /// The event has happened before the next frame, not in it: draws the distance to another one.
  void draw() noexcept { distance_ = probability_ > 0 ? gap() : kNever; }
  /// Leaves the next event where it is if the probability stays.
  void set(double probability) noexcept {
    if (probability == probability_) return;
    probability_ = probability;
    draw();
  }
  [[nodiscard]] Random& random() noexcept { return random_; }

 private:
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  /// Geometric by inversion: floor(ln u / ln(1 - p)).
  std::uint64_t gap() noexcept {
    const double u = random_.uniform();
    return probability_ < 1 ? static_cast<std::uint64_t>(std::min(std::log(u) / std::log1p(-probability_), 1e18)) : 0;
  }
  Random random_;
  double probability_ = 0;
  std::uint64_t distance_ = kNever;
};

}  // namespace chappe::producer
