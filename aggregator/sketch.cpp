#include "aggregator/sketch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "rt/result.hpp"

namespace chappe::aggregator {
namespace {

constexpr double kRange = 81;  // e^-81 < 1e-35: magnitudes this far below the largest share a bucket

}  // namespace

Sketch::Sketch(double relative_error)
    : log_base_(std::log1p(relative_error) - std::log1p(-relative_error)),
      value_factor_(1 - relative_error),  // 2 / (g + 1)
      most_(static_cast<std::int32_t>(std::ceil(kRange / log_base_)) + 1) {
  CHAPPE_EXPECTS(relative_error > 0 && relative_error < 1);
}

double Sketch::value_of(std::int32_t bucket) const noexcept { return value_factor_ * std::exp(log_base_ * bucket); }

void Sketch::add(double value) {
  ++count_;
  if (value == 0) {
    ++zeros_;
    return;
  }
  Side& side = value > 0 ? positive_ : negative_;
  if (std::isinf(value)) {
    ++side.infinite;
    return;
  }
  put(side, static_cast<std::int32_t>(std::ceil(std::log(std::fabs(value)) / log_base_)), 1);
}

/// The buckets of a side are one run without holes. What would make it longer than `most_` goes into its lowest bucket.
void Sketch::put(Side& side, std::int32_t bucket, std::uint64_t count) const {
  auto& counts = side.counts;
  if (counts.empty()) side.first = bucket;
  const std::int32_t end = side.first + static_cast<std::int32_t>(counts.size());
  if (bucket >= end) {
    counts.resize(static_cast<std::size_t>(std::max(bucket + 1 - side.first, 1)));
    if (const std::int32_t over = static_cast<std::int32_t>(counts.size()) - most_; over > 0) {
      std::uint64_t lowest = 0;
      for (std::int32_t i = 0; i <= over; ++i) lowest += counts[static_cast<std::size_t>(i)];
      counts.erase(counts.begin(), counts.begin() + over);
      counts[0] = lowest;
      side.first += over;
    }
  } else if (bucket < side.first) {
    const std::int32_t lowest = std::max(bucket, end - most_);
    counts.insert(counts.begin(), static_cast<std::size_t>(side.first - lowest), 0);
    side.first = lowest;
  }
  counts[static_cast<std::size_t>(std::max(bucket, side.first) - side.first)] += count;
}

void Sketch::merge(const Sketch& other) {
  CHAPPE_EXPECTS(other.log_base_ == log_base_);
  for (const auto& [mine, theirs] : {std::pair{&positive_, &other.positive_}, std::pair{&negative_, &other.negative_}}) {
    mine->infinite += theirs->infinite;
    for (std::size_t i = theirs->counts.size(); i-- > 0;) {
      if (theirs->counts[i] > 0) put(*mine, theirs->first + static_cast<std::int32_t>(i), theirs->counts[i]);
    }
  }
  zeros_ += other.zeros_;
  count_ += other.count_;
}

void Sketch::clear() noexcept {
  for (Side* side : {&positive_, &negative_}) {
    side->counts.clear();
    side->infinite = 0;
  }
  zeros_ = count_ = 0;
}

double Sketch::quantile(double p) const noexcept {
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  auto rank = static_cast<std::uint64_t>(std::floor(p * static_cast<double>(count_ - 1)));
  const auto passes = [&rank](std::uint64_t count) {
    if (rank < count) return false;
    rank -= count;
    return true;
  };
  if (!passes(negative_.infinite)) return -kInfinity;
  for (std::size_t i = negative_.counts.size(); i-- > 0;) {
    if (!passes(negative_.counts[i])) return -value_of(negative_.first + static_cast<std::int32_t>(i));
  }
  if (!passes(zeros_)) return 0;
  for (std::size_t i = 0; i < positive_.counts.size(); ++i) {
    if (!passes(positive_.counts[i])) return value_of(positive_.first + static_cast<std::int32_t>(i));
  }
  return kInfinity;
}

void Sketch::for_each(const std::function<void(double, std::uint64_t)>& visit) const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto tell = [&](double value, std::uint64_t count) {
    if (count > 0) visit(value, count);
  };
  tell(-kInfinity, negative_.infinite);
  for (std::size_t i = negative_.counts.size(); i-- > 0;)
    tell(-value_of(negative_.first + static_cast<std::int32_t>(i)), negative_.counts[i]);
  tell(0, zeros_);
  for (std::size_t i = 0; i < positive_.counts.size(); ++i)
    tell(value_of(positive_.first + static_cast<std::int32_t>(i)), positive_.counts[i]);
  tell(kInfinity, positive_.infinite);
}

}  // namespace chappe::aggregator
