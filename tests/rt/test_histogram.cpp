#include <gtest/gtest.h>

#include "rt/histogram.hpp"

namespace chappe::rt {
namespace {

TEST(Histogram, a_value_on_a_bound_belongs_to_the_bucket_below_it) {
  for (int bucket = 0; bucket < Histogram::kBuckets - 1; ++bucket) {
    Histogram histogram;
    histogram.record(Histogram::upper_bound_ns(bucket));
    histogram.record(Histogram::upper_bound_ns(bucket) + 1);
    EXPECT_EQ(histogram.count_in(bucket), 1U) << bucket;
    EXPECT_EQ(histogram.count_in(bucket + 1), 1U) << bucket;
  }
}

TEST(Histogram, nothing_falls_out_at_either_end) {
  Histogram histogram;
  histogram.record(-5);
  histogram.record(0);
  histogram.record(INT64_MAX);
  EXPECT_EQ(histogram.count_in(0), 2U);
  EXPECT_EQ(histogram.count_in(Histogram::kBuckets - 1), 1U);
  EXPECT_EQ(histogram.max_ns(), static_cast<std::uint64_t>(INT64_MAX));
}

}  // namespace
}  // namespace chappe::rt
