// The distribution of one channel over a window: quantiles and histogram. Exact as long as the values are held, up to a number that the
// operator chose; from the first value beyond, a sketch of a stated relative error (sketch.hpp). Pure; one ordinary thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "aggregator/sketch.hpp"

namespace chappe::aggregator {

class Distribution {
 public:
  /// most_held: values kept as they are, 0: none.
  Distribution(std::size_t most_held, double relative_error);
  /// NaN is left out.
  void add(std::span<const double> values);
  void clear() noexcept;
  /// Reorders what is held; the values of the sketch are those of rank floor(p (n - 1)).
  /// Exact: between the values of the ranks around p (n - 1), linearly (Hyndman and Fan 1996, "Sample quantiles in statistical packages",
  /// type 7, numpy's default). NaN without values. `levels` from 0 to 1, in any order.
  void quantiles(std::span<const double> levels, std::span<double> out);
  /// counts.size() bins of equal width from low to high, which are the smallest and the largest finite value, the last one closed above;
  /// infinities count in none. Held: exact, but for a value within rounding of an edge. Sketched: a value counts where its bucket's stands.
  void histogram(double low, double high, std::span<std::uint64_t> counts) const;
  [[nodiscard]] bool is_exact() const noexcept { return exact_; }
  [[nodiscard]] std::uint64_t count() const noexcept { return exact_ ? held_.size() : sketch_.count(); }

 private:
  std::size_t most_held_;
  std::vector<double> held_;
  Sketch sketch_;
  bool exact_ = true;
};

}  // namespace chappe::aggregator
