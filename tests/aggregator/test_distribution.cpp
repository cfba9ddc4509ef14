// Quantiles and histograms against numpy, held and sketched; sketches merged in any split.
#include "aggregator/distribution.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "tests/reference/reference.hpp"

namespace chappe::aggregator {
namespace {

using reference::Frames;
using reference::Script;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const std::vector<double> kLevels{0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1};

/// A channel of each kind that breaks a careless sketch: both signs, an offset, many decades, few values, all the same.
Frames channels(std::size_t frames, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform(-12, 12);
  Frames out{.channels = 6, .values = {}};
  for (std::size_t f = 0; f < frames; ++f) {
    for (const double value : {normal(random), 1e9 + normal(random), std::pow(10, uniform(random)), std::floor(3 * normal(random)), -7.25,
                               std::sin(0.1 * static_cast<double>(f))})
      out.values.push_back(value);
  }
  return out;
}

TEST(Distribution, held_is_numpys_to_rounding) {
  Script script;
  const Frames frames = channels(2001, 1);
  const auto expected = script.of(frames, {{"quantiles", kLevels}, {"histogram", 20}});
  if (!expected) return;
  for (std::size_t c = 0; c < frames.channels; ++c) {
    const std::vector<double> x = frames.column(c);
    Distribution d(x.size(), 0.01);
    for (std::size_t at = 0; at < x.size(); at += 100) d.add(std::span(x).subspan(at, std::min<std::size_t>(100, x.size() - at)));
    ASSERT_TRUE(d.is_exact());
    std::vector<double> q(kLevels.size());
    d.quantiles(kLevels, q);
    const auto& theirs = expected->at("channels")[c].at("quantiles");
    for (std::size_t i = 0; i < q.size(); ++i)
      EXPECT_NEAR(q[i], theirs[i].get<double>(), 4e-16 * std::fabs(q[i])) << c << " " << kLevels[i];
    std::vector<std::uint64_t> counts(20);
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    d.histogram(*low, *high, counts);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0ULL), x.size());
    if (*high == *low) continue;
    EXPECT_EQ(counts, expected->at("channels")[c].at("histogram").get<std::vector<std::uint64_t>>()) << c;
  }
}

TEST(Distribution, sketched_is_within_its_relative_error) {
  Script script;
  const Frames frames = channels(20'000, 2);
  const auto expected = script.of(frames, {{"quantiles", kLevels}});
  if (!expected) return;
  for (const double error : {0.001, 0.01, 0.05}) {
    for (std::size_t c = 0; c < frames.channels; ++c) {
      Distribution d(100, error);
      d.add(frames.column(c));
      ASSERT_FALSE(d.is_exact());
      ASSERT_EQ(d.count(), frames.frames());
      std::vector<double> q(kLevels.size());
      d.quantiles(kLevels, q);
      for (std::size_t i = 0; i < q.size(); ++i) {
        const double theirs = expected->at("channels")[c].at("lower")[i].get<double>();
        EXPECT_NEAR(q[i], theirs, error * std::fabs(theirs) * (1 + 1e-12)) << "channel " << c << " level " << kLevels[i];
      }
    }
  }
}

TEST(Distribution, leaves_out_nan_and_has_no_quantile_of_nothing) {
  for (const std::size_t most_held : {std::size_t{0}, std::size_t{10}}) {
    Distribution d(most_held, 0.01);
    const double levels[] = {0.5};
    double q[1] = {0};
    d.quantiles(levels, q);
    EXPECT_TRUE(std::isnan(q[0]));
    d.add(std::vector{std::nan(""), 3.0, std::nan("")});
    EXPECT_EQ(d.count(), 1U);
    d.quantiles(levels, q);
    EXPECT_NEAR(q[0], 3, 0.03);
    d.clear();
    EXPECT_EQ(d.count(), 0U);
    EXPECT_EQ(d.is_exact(), most_held > 0);
  }
}

TEST(Distribution, keeps_infinities_at_the_ends) {
  for (const std::size_t most_held : {std::size_t{0}, std::size_t{10}}) {
    Distribution d(most_held, 0.01);
    d.add(std::vector{-kInfinity, 1.0, kInfinity});
    const double levels[] = {0, 0.5, 1};
    double q[3];
    d.quantiles(levels, q);
    EXPECT_EQ(q[0], -kInfinity);
    EXPECT_NEAR(q[1], 1, 0.01 + 1e-12);
    EXPECT_EQ(q[2], kInfinity);
    std::vector<std::uint64_t> counts(4);
    d.histogram(1, 2, counts);
    EXPECT_THAT(counts, testing::ElementsAre(1, 0, 0, 0)) << "an infinity is in no bin";
  }
}

TEST(Distribution, goes_over_to_the_sketch_with_nothing_lost) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  std::vector<double> x(5000);
  for (double& value : x) value = normal(random);
  Distribution late(3000, 0.01), early(0, 0.01);
  late.add(x);
  early.add(x);
  std::vector<double> a(kLevels.size()), b(kLevels.size());
  late.quantiles(kLevels, a);
  early.quantiles(kLevels, b);
  EXPECT_EQ(a, b);
}

std::vector<std::pair<double, std::uint64_t>> buckets(const Sketch& sketch) {
  std::vector<std::pair<double, std::uint64_t>> out;
  sketch.for_each([&](double value, std::uint64_t count) { out.emplace_back(value, count); });
  return out;
}

TEST(Sketch, merged_in_any_split_is_the_same_sketch) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 100; ++round) {
    const Frames frames = channels(300, static_cast<unsigned>(round));
    Sketch whole(0.01);
    const std::size_t pieces = 1 + random() % 7;
    std::vector<Sketch> parts(pieces, Sketch(0.01));
    for (const double value : frames.values) {
      whole.add(value);
      parts[random() % pieces].add(value);
    }
    for (std::size_t i = 1; i < pieces; ++i) parts[0].merge(parts[i]);
    ASSERT_EQ(parts[0].count(), whole.count());
    ASSERT_EQ(buckets(parts[0]), buckets(whole));
  }
}

TEST(Sketch, is_bounded_over_the_whole_range_of_doubles_and_keeps_its_largest) {
  for (const bool ascending : {true, false}) {
    Sketch sketch(0.01);
    std::size_t count = 0;
    for (int e = -1074; e < 1024; ++e, ++count) sketch.add(std::ldexp(1.0, ascending ? e : -51 - e));
    EXPECT_EQ(sketch.count(), count);
    std::size_t used = 0;
    std::uint64_t sum = 0;
    sketch.for_each([&](double, std::uint64_t n) { ++used, sum += n; });
    EXPECT_EQ(sum, count);
    EXPECT_LT(used, 130U) << "magnitudes below 1e-35 of the largest share a bucket";
    EXPECT_NEAR(sketch.quantile(1), std::ldexp(1.0, 1023), std::ldexp(0.01, 1023));
  }
}

}  // namespace
}  // namespace chappe::aggregator
