// A mergeable sketch of a channel's distribution: DDSketch (Masson, Rim, Lee 2019, "DDSketch: a fast and fully-mergeable quantile sketch
// with relative-error guarantees", PVLDB 12(12)). Bucket i counts the magnitudes in (g^(i-1), g^i] with g = (1 + e) / (1 - e); its value 2
// g^i / (g + 1) is within e of each of them, relatively. Counts are whole numbers: merging in any split gives the same sketch. Pure; one
// thread; allocates as the range of the values grows.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace chappe::aggregator {

class Sketch {
 public:
  /// relative_error: e, above 0 and below 1.
  explicit Sketch(double relative_error);
  /// No NaN. Infinities are kept apart and come out as they went in.
  void add(double value);
  /// Both of the same relative error.
  void merge(const Sketch& other);
  void clear() noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// The value of rank floor(p (n - 1)), counted from 0, within the relative error of its magnitude; a magnitude below 1e-35 of the largest
  /// may come out as one of that size. p from 0 to 1; NaN without values.
  [[nodiscard]] double quantile(double p) const noexcept;
  /// In ascending order: the value that stands for a bucket, and how many there are. Infinities included.
  void for_each(const std::function<void(double value, std::uint64_t count)>& visit) const;

 private:
  /// Counts of one sign by bucket, from `first` on.
  struct Side {
    std::vector<std::uint64_t> counts;
    std::int32_t first = 0;
    std::uint64_t infinite = 0;
  };
  void put(Side& side, std::int32_t bucket, std::uint64_t count) const;
  [[nodiscard]] double value_of(std::int32_t bucket) const noexcept;

  double log_base_;           ///< ln g
  double value_factor_;       ///< 2 / (g + 1)
  std::int32_t most_ = 0;     ///< buckets of one side: beyond, the smallest magnitudes share one
  Side positive_, negative_;  ///< of magnitudes
  std::uint64_t zeros_ = 0, count_ = 0;
};

}  // namespace chappe::aggregator
