// Latency histogram: one writer (the loop it measures), any readers. Buckets are powers of two of nanoseconds: bucket k counts
// values up to 2^(k+10) ns (about 1 us, 2 us, 4 us ... 8.6 s), the last one everything beyond. record() is a few instructions, never a
// call.
#pragma once
#include <array>
#include <bit>
#include <cstdint>

#include "rt/counter.hpp"

namespace chappe::rt {

class Histogram {
 public:
  static constexpr int kBuckets = 25;
  static constexpr std::int64_t upper_bound_ns(int bucket) noexcept { return std::int64_t{1} << (bucket + 10); }

  /// Counts one value in nanoseconds; a negative one counts as zero.
  void record(std::int64_t ns) noexcept {
    const auto value = static_cast<std::uint64_t>(ns > 0 ? ns : 0);
    const int width = value <= 1 ? 0 : static_cast<int>(std::bit_width(value - 1));  // smallest w with value <= 2^w
    int bucket = width <= 10 ? 0 : width - 10;
    if (bucket > kBuckets - 1) bucket = kBuckets - 1;
    buckets_[static_cast<std::size_t>(bucket)].add();
    sum_.add(value);
    max_.raise_to(value);
  }
  [[nodiscard]] std::uint64_t count_in(int bucket) const noexcept { return buckets_[static_cast<std::size_t>(bucket)].get(); }
  [[nodiscard]] std::uint64_t sum_ns() const noexcept { return sum_.get(); }
  [[nodiscard]] std::uint64_t max_ns() const noexcept { return max_.get(); }

 private:
  std::array<Counter, kBuckets> buckets_{};
  Counter sum_, max_;
};

}  // namespace chappe::rt
