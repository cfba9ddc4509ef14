// Spectra against scipy.signal.welch, peaks against tones of known frequency, and recordings whose tone is known.
#include "aggregator/welch.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <random>

#include "aggregator/peaks.hpp"
#include "tests/reference/reference.hpp"

namespace chappe::aggregator {
namespace {

using config::WindowFunction;
using reference::Frames;
using reference::Script;
using std::numbers::pi;

const std::pair<const char*, WindowFunction> kFunctions[] = {{"rect", WindowFunction::rect},
                                                             {"hann", WindowFunction::hann},
                                                             {"hamming", WindowFunction::hamming},
                                                             {"blackman", WindowFunction::blackman},
                                                             {"flattop", WindowFunction::flattop}};

Frames tones(std::size_t frames, double rate, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Frames out{.channels = 2, .values = {}};
  for (std::size_t f = 0; f < frames; ++f) {
    const double t = static_cast<double>(f) / rate;
    out.values.push_back(3 + 2 * std::sin(2 * pi * 50.3 * t) + 0.5 * std::cos(2 * pi * 123.4 * t) + 0.1 * normal(random));
    out.values.push_back(1e6 + normal(random));
  }
  return out;
}

std::vector<double> density(const std::vector<double>& x, std::size_t length, std::size_t overlap, WindowFunction function, double rate,
                            std::size_t block) {
  Welch welch(std::make_shared<Transform>(length, function), overlap);
  for (std::size_t at = 0; at < x.size(); at += block) welch.add(std::span(x).subspan(at, std::min(block, x.size() - at)));
  std::vector<double> out(welch.transform().bins());
  welch.density(rate, out);
  return out;
}

TEST(Welch, is_scipys_to_1e_minus_9_for_every_taper_length_overlap_and_block) {
  Script script;
  const double rate = 1000;
  const Frames frames = tones(5000, rate, 1);
  for (const auto& [name, function] : kFunctions) {
    for (const auto& [length, overlap] : {std::pair{256U, 128U}, std::pair{250U, 0U}, std::pair{333U, 300U}, std::pair{5000U, 10U}}) {
      const auto expected = script.of(
          frames,
          {{"welch", {{"rate", rate}, {"length", length}, {"overlap", overlap}, {"window", name}, {"bands", {{10, 60}, {60, 500.5}}}}}});
      if (!expected) return;
      for (std::size_t c = 0; c < 2; ++c) {
        const auto& theirs = expected->at("channels")[c];
        for (const std::size_t block : {1U, 100U, 5000U}) {
          const auto mine = density(frames.column(c), length, overlap, function, rate, block);
          ASSERT_EQ(mine.size(), theirs.at("density").size());
          const double most = *std::max_element(mine.begin(), mine.end());
          // Below 1e-15 of the largest bin both sides are rounding. scipy's mean of a segment at an offset of 1e6 is off by up to two
          // epsilons of it, d, which adds d * sum(w) to a bin's transform X: 2 |X| d sum(w) + (d sum(w))^2 to its square.
          const Transform transform(length, function);
          const double d = c == 0 ? 0 : 2e6 * std::numeric_limits<double>::epsilon() * transform.sum();
          const double off = d * d / (rate * transform.sum_of_squares());
          for (std::size_t k = 0; k < mine.size(); ++k) {
            const double value = theirs.at("density")[k].get<double>();
            ASSERT_NEAR(mine[k], value, 1e-9 * value + 1e-15 * most + 2 * std::sqrt(value * off) + off)
                << name << " length " << length << " bin " << k << " channel " << c;
          }
          EXPECT_NEAR(band_power(mine, rate, length, 10, 60), theirs.at("bands")[0].get<double>(), 1e-9 * most * rate);
          EXPECT_NEAR(band_power(mine, rate, length, 60, 500.5), theirs.at("bands")[1].get<double>(), 1e-9 * most * rate);
        }
      }
    }
  }
}

TEST(Welch, total_power_of_a_density_is_the_variance_of_noise) {
  const auto x = tones(200'000, 1000, 2).column(1);
  const auto p = density(x, 1000, 500, WindowFunction::hann, 1000, 4096);
  EXPECT_NEAR(band_power(p, 1000, 1000, 0, 501), 1, 0.02);
}

TEST(Welch, leaves_out_segments_with_a_nan_and_spans_no_gap) {
  auto x = tones(1000, 1000, 3).column(0);
  const auto transform = std::make_shared<Transform>(100, WindowFunction::hann);
  Welch whole(transform, 0), holed(transform, 0);
  x[250] = std::nan("");
  whole.add(x);
  EXPECT_EQ(whole.segments(), 9U);
  EXPECT_EQ(whole.left_out(), 1U);
  holed.add(std::span(x).first(200));
  holed.add(std::span(x).subspan(300 - 50, 50));  // half a segment, and the NaN
  holed.gap();
  holed.add(std::span(x).subspan(300));
  EXPECT_EQ(holed.segments(), 9U);
  EXPECT_EQ(holed.left_out(), 0U);
  std::vector<double> a(51), b(51);
  whole.density(1000, a);
  holed.density(1000, b);
  EXPECT_EQ(a, b);
  whole.clear();
  whole.density(1000, a);
  EXPECT_TRUE(std::isnan(a[10])) << "no segment, no density";
}

TEST(Taper, response_is_its_transform) {
  for (const auto& [name, function] : kFunctions) {
    const Taper taper(function, 64);
    const auto w = taper.values();
    for (const double x : {0.0, 0.25, 0.5, 1.0, 1.49, -1.5, 3.2}) {
      std::complex<double> sum = 0;
      for (std::size_t i = 0; i < w.size(); ++i) sum += w[i] * std::polar(1.0, -2 * pi * x * static_cast<double>(i) / 64);
      EXPECT_NEAR(taper.response(x), std::abs(sum), 1e-12) << name << " " << x;
    }
  }
}

TEST(Peaks, of_a_lone_tone_are_its_frequency_and_amplitude_wherever_it_lies_between_two_bins) {
  constexpr std::size_t kLength = 1024;
  for (const auto& [name, function] : kFunctions) {
    const Transform transform(kLength, function);
    for (double bin = 100; bin < 101; bin += 0.0625) {
      std::vector<double> x(kLength);
      for (std::size_t i = 0; i < kLength; ++i) x[i] = 2.5 * std::sin(2 * pi * bin * static_cast<double>(i) / kLength + 0.7);
      const auto p = density(x, kLength, 0, function, 2048, kLength);
      const auto peaks = strongest_peaks(p, 2048, transform, 1);
      ASSERT_EQ(peaks.size(), 1U);
      // The tone's mirror image, 200 bins away, leaks into its bins: by 1 / (pi 200) and 0.08 of it where the taper ends in a step of 1
      // (none) or of 0.08 (Hamming), much less with the others.
      const double leak = function == WindowFunction::rect ? 1e-2 : function == WindowFunction::hamming ? 1e-3 : 1e-4;
      EXPECT_NEAR(peaks[0].hz, 2 * bin, 2 * leak) << name;
      EXPECT_NEAR(peaks[0].amplitude, 2.5, 2.5 * leak) << name << " at " << bin;
    }
  }
}

TEST(Peaks, come_strongest_first_and_no_side_lobe_among_them) {
  const auto x = tones(10'000, 1000, 4).column(0);
  const auto p = density(x, 1000, 500, WindowFunction::hann, 1000, 4096);
  const auto peaks = strongest_peaks(p, 1000, Transform(1000, WindowFunction::hann), 2);
  ASSERT_EQ(peaks.size(), 2U);
  EXPECT_NEAR(peaks[0].hz, 50.3, 0.01);
  EXPECT_NEAR(peaks[0].amplitude, 2, 0.02);
  EXPECT_NEAR(peaks[1].hz, 123.4, 0.02);
  EXPECT_NEAR(peaks[1].amplitude, 0.5, 0.02);
  EXPECT_TRUE(strongest_peaks(std::vector<double>(501, 0.0), 1000, Transform(1000, WindowFunction::hann), 3).empty());
}

struct Known {
  const char* file;
  std::size_t channel;
  double rate, hz, within;
  std::size_t length;
};

TEST(Recordings, have_the_tones_that_are_known_of_them_and_scipys_spectrum) {
  if (!std::filesystem::exists(reference::recording("motor_current_1kHz_SC_HLT_001.csv"))) GTEST_SKIP() << "no recordings: set CHAPPE_DATA";
  Script script;
  for (const Known& known : {Known{"motor_current_1kHz_SC_HLT_001.csv", 0, 1000, 60.0, 0.1, 1000},
                             Known{"audio_bat_250kHz_int16.wav", 0, 250'000, 105'200, 100, 1024}}) {
    Frames frames;
    const auto expected = script.of_recording(
        reference::recording(known.file), frames,
        {{"welch", {{"rate", known.rate}, {"length", known.length}, {"overlap", known.length / 2}, {"window", "hann"}}}});
    if (!expected) return;
    const auto p = density(frames.column(known.channel), known.length, known.length / 2, WindowFunction::hann, known.rate, 512);
    const auto& theirs = expected->at("channels")[known.channel];
    for (std::size_t k = 0; k < p.size(); ++k) {
      const double value = theirs.at("density")[k].get<double>();
      ASSERT_NEAR(p[k], value, 1e-9 * value + 1e-15 * p[1]) << known.file << " bin " << k;
    }
    const auto peaks = strongest_peaks(p, known.rate, Transform(known.length, WindowFunction::hann), 3);
    ASSERT_FALSE(peaks.empty());
    EXPECT_NEAR(peaks[0].hz, known.hz, known.within) << known.file;
    EXPECT_NEAR(peaks[0].hz, theirs.at("strongest_hz").get<double>(), known.rate / static_cast<double>(known.length));
  }
}

}  // namespace
}  // namespace chappe::aggregator
