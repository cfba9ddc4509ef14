// Covariance and correlation against numpy in long double, in any split, with holes, far from zero.
#include "aggregator/covariance.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "tests/reference/reference.hpp"

namespace chappe::aggregator {
namespace {

using reference::Frames;
using reference::json;
using reference::Script;

/// Mixed channels: each is noise of its own and a share of two that all have.
Frames mixed(std::size_t channels, std::size_t frames, unsigned seed, double offset = 0) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Frames out{.channels = channels, .values = {}};
  for (std::size_t f = 0; f < frames; ++f) {
    const double a = normal(random), b = normal(random);
    for (std::size_t c = 0; c < channels; ++c)
      out.values.push_back(offset + normal(random) + 0.3 * static_cast<double>(c) * a - (c % 3 == 0 ? b : 0));
  }
  return out;
}

std::vector<double> of(Covariance& covariance, std::size_t channels) {
  std::vector<double> out(channels * channels);
  covariance.covariance(out);
  return out;
}

void add(Covariance& to, const Frames& frames, std::size_t from, std::size_t count) {
  to.add(frames.bytes() + from * frames.channels * sizeof(double), count, frames.channels * sizeof(double), sizeof(double));
}

/// `bound` relative to the product of the deviations.
void expect_near(const std::vector<double>& mine, const json& theirs, std::size_t n, double bound) {
  for (std::size_t r = 0; r < n; ++r) {
    for (std::size_t c = 0; c < n; ++c) {
      const double scale = std::sqrt(theirs[r][r].get<double>() * theirs[c][c].get<double>());
      EXPECT_NEAR(mine[r * n + c], theirs[r][c].get<double>(), bound * scale) << r << ", " << c;
    }
  }
}

TEST(Covariance, is_numpys_to_1e_minus_12_whatever_the_blocks_and_the_offset) {
  Script script;
  for (const std::size_t channels : {1U, 3U, 16U, 65U}) {
    // At 1e9 the values themselves are rounded to 1e-7, and both sides are given these: the bound does not depend on the offset.
    for (const double offset : {0.0, 1e9}) {
      const Frames frames = mixed(channels, 3000, 5, offset);
      const auto expected = script.of(frames, {{"covariance", true}});
      if (!expected) return;
      for (const std::size_t block : {1U, 7U, 333U, 3000U}) {
        Covariance covariance(channels);
        for (std::size_t at = 0; at < frames.frames(); at += block) add(covariance, frames, at, std::min(block, frames.frames() - at));
        EXPECT_EQ(covariance.count(), 3000U);
        expect_near(of(covariance, channels), expected->at("covariance"), channels, 1e-12);
        std::vector<double> correlation(channels * channels);
        covariance.correlation(correlation);
        for (std::size_t i = 0; i < correlation.size(); ++i)
          EXPECT_NEAR(correlation[i], expected->at("correlation")[i / channels][i % channels].get<double>(), 1e-12);
      }
    }
  }
}

TEST(Covariance, holds_its_bound_with_a_wild_first_frame_and_a_drift) {
  Script script;
  Frames frames = mixed(4, 5000, 6);
  for (std::size_t c = 0; c < 4; ++c) frames.values[c] = 1e5;
  for (std::size_t i = 4 * 2500; i < frames.values.size(); ++i) frames.values[i] += 1e-3 * static_cast<double>(i);
  const auto expected = script.of(frames, {{"covariance", true}});
  if (!expected) return;
  Covariance covariance(4);
  add(covariance, frames, 0, 5000);
  expect_near(of(covariance, 4), expected->at("covariance"), 4, 1e-12);
}

TEST(Covariance, leaves_out_frames_that_are_not_complete) {
  Script script;
  Frames frames = mixed(5, 2000, 7);
  std::mt19937_64 random(8);
  for (int i = 0; i < 150; ++i)
    frames.values[random() % frames.values.size()] = i % 2 == 0 ? std::nan("") : std::numeric_limits<double>::infinity();
  frames.values[0] = std::nan("");
  const auto expected = script.of(frames, {{"covariance", true}});
  if (!expected) return;
  Covariance covariance(5);
  for (std::size_t at = 0; at < 2000; at += 100) add(covariance, frames, at, 100);
  expect_near(of(covariance, 5), expected->at("covariance"), 5, 1e-12);
  EXPECT_EQ(covariance.count(), expected->at("complete"));
}

TEST(Covariance, merged_in_any_split_is_that_of_all) {
  std::mt19937_64 random(9);
  for (int round = 0; round < 50; ++round) {
    const Frames frames = mixed(6, 1500, static_cast<unsigned>(round), round % 2 == 0 ? 0 : 1e6);
    Covariance whole(6);
    add(whole, frames, 0, 1500);
    std::vector<Covariance> parts;
    for (std::size_t at = 0; at < 1500;) {
      const std::size_t count = std::min<std::size_t>(1 + random() % 700, 1500 - at);
      add(parts.emplace_back(6), frames, at, count);
      at += count;
    }
    while (parts.size() > 1) {
      const std::size_t i = random() % (parts.size() - 1);
      parts[i].merge(parts[i + 1]);
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    }
    const auto a = of(parts[0], 6), b = of(whole, 6);
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12 * std::sqrt(b[i / 6 * 7] * b[i % 6 * 7]));
    EXPECT_EQ(parts[0].count(), 1500U);
  }
}

TEST(Covariance, is_undefined_below_two_frames_and_begins_anew) {
  Covariance covariance(2);
  const Frames frames{.channels = 2, .values = {1, 2, 3, 2}};
  add(covariance, frames, 0, 1);
  for (const double value : of(covariance, 2)) EXPECT_TRUE(std::isnan(value));
  add(covariance, frames, 1, 1);
  EXPECT_THAT(of(covariance, 2), testing::ElementsAre(2, 0, 0, 0));
  std::vector<double> correlation(4);
  covariance.correlation(correlation);
  EXPECT_EQ(correlation[0], 1);
  EXPECT_TRUE(std::isnan(correlation[1]) && std::isnan(correlation[3])) << "a channel that does not vary";
  covariance.clear();
  EXPECT_EQ(covariance.count(), 0U);
  add(covariance, frames, 0, 2);
  EXPECT_THAT(of(covariance, 2), testing::ElementsAre(2, 0, 0, 0));
}

TEST(Covariance, reads_f32_padded_frames) {
  const float frames[2][4] = {{1, 2, 99, 99}, {3, 5, 99, 99}};
  Covariance covariance(2);
  covariance.add(reinterpret_cast<const std::byte*>(frames), 2, sizeof frames[0], sizeof(float));
  EXPECT_THAT(of(covariance, 2), testing::ElementsAre(2, 3, 3, 4.5));
}

}  // namespace
}  // namespace chappe::aggregator
