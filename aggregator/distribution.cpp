#include "aggregator/distribution.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace chappe::aggregator {

Distribution::Distribution(std::size_t most_held, double relative_error)
    : most_held_(most_held), sketch_(relative_error), exact_(most_held > 0) {}

void Distribution::add(std::span<const double> values) {
  for (const double value : values) {
    if (std::isnan(value)) continue;
    if (exact_ && held_.size() < most_held_) {
      held_.push_back(value);
      continue;
    }
    if (exact_) {
      for (const double held : held_) sketch_.add(held);
      held_.clear();
      exact_ = false;
    }
    sketch_.add(value);
  }
}

void Distribution::clear() noexcept {
  held_.clear();
  sketch_.clear();
  exact_ = most_held_ > 0;
}

void Distribution::quantiles(std::span<const double> levels, std::span<double> out) {
  if (!exact_ || held_.empty()) {
    for (std::size_t i = 0; i < levels.size(); ++i)
      out[i] = exact_ ? std::numeric_limits<double>::quiet_NaN() : sketch_.quantile(levels[i]);
    return;
  }
  // Ascending, so that each search needs to look only behind the one before.
  std::vector<std::size_t> order(levels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return levels[a] < levels[b]; });
  auto from = held_.begin();
  for (const std::size_t i : order) {
    const double at = levels[i] * static_cast<double>(held_.size() - 1);
    const auto rank = static_cast<std::size_t>(std::floor(at));
    const auto here = held_.begin() + static_cast<std::ptrdiff_t>(rank);
    if (here >= from) std::nth_element(from, here, held_.end());
    from = std::max(from, here);
    const double low = *here, part = at - static_cast<double>(rank);
    out[i] = low;
    if (part > 0 && rank + 1 < held_.size()) {
      const double high = *std::min_element(here + 1, held_.end());
      if (high != low) out[i] = low + part * (high - low);
    }
  }
}

void Distribution::histogram(double low, double high, std::span<std::uint64_t> counts) const {
  std::fill(counts.begin(), counts.end(), 0);
  const double width = high - low, bins = static_cast<double>(counts.size());
  if (counts.empty() || !(width >= 0) || !std::isfinite(width)) return;
  const auto put = [&](double value, std::uint64_t count) {
    if (!(value >= low && value <= high)) return;
    const double at = width > 0 ? (value - low) / width * bins : 0;
    counts[std::min(static_cast<std::size_t>(at), counts.size() - 1)] += count;
  };
  if (exact_) {
    for (const double value : held_) put(value, 1);
  } else {
    // A bucket's value may lie just outside what it stands for.
    sketch_.for_each([&](double value, std::uint64_t count) { put(std::isfinite(value) ? std::clamp(value, low, high) : value, count); });
  }
}

}  // namespace chappe::aggregator
