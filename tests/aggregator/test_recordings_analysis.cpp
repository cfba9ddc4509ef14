// Covariance, correlation and dominant frequency of every recording against what its description says of them, computed elsewhere: the
// covariance with correctly rounded sums about the mean, the frequency by numpy's FFT of the whole record.
#include <gmock/gmock.h>

#include <cmath>
#include <iostream>
#include <limits>
#include <memory>
#include <span>

#include "aggregator/covariance.hpp"
#include "aggregator/peaks.hpp"
#include "aggregator/welch.hpp"
#include "tests/aggregator/recordings.hpp"
#include "tests/aggregator/reference.hpp"

namespace chappe::aggregator {
namespace {

using config::WindowFunction;

constexpr double kEps = std::numeric_limits<double>::epsilon();

/// The parts of a whole, of `block` each and the last what is left: as blocks of any size come.
template <class F>
void in_blocks(std::size_t whole, std::size_t block, F take) {
  for (std::size_t at = 0; at < whole; at += block) take(at, std::min(block, whole - at));
}

struct Recording {
  explicit Recording(const std::string& file)
      : about(json::parse(read_file(recordings() / (file + ".json")))),
        channels(channel_names(about)),
        columns(parse(file, about, channels.size())) {
    EXPECT_EQ(columns[0].size(), about.at("frames"));
  }
  json about;
  std::vector<std::string> channels;
  Columns columns;
};

/// The recordings, whatever they are: each file that has a description beside it.
std::vector<std::string> described() {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(recordings(), error)) {
    if (entry.path().extension() == ".json") found.push_back(entry.path().stem().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Calls `compare` with each recording whose description has `key`, and prints which have not. Fails where no recording has it.
template <class F>
void each_that_has(const char* key, F compare) {
  const std::vector<std::string> files = described();
  if (files.empty()) GTEST_SKIP() << "no recordings in " << recordings() << ": set CHAPPE_DATA";
  std::size_t compared = 0, channels = 0;
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    if (!json::parse(read_file(recordings() / (file + ".json"))).contains(key)) {
      std::cout << "no " << key << " in the description of " << file << "\n";
      continue;
    }
    const Recording recording(file);
    channels += compare(recording, recording.about.at(key));
    ++compared;
  }
  std::cout << key << ": compared " << compared << " of " << files.size() << " recordings, " << channels << " channels\n";
  EXPECT_GT(compared, 0U);
  EXPECT_GT(channels, 0U);
}

/// Both sides leave out a frame in which any channel is NaN, wherever it stands (`complete_frames`).
///
/// 1e-10 relative, and for entries that are small beside their deviations what rounding can do: (K + N / K + 2) eps of the product of the
/// two deviations, as docs/statistics.md says, for the worst K of 16 to 512, which the product chooses. The reference's own error is a few
/// eps of that. A correlation is an entry over two deviations, each off by half as much as its square.
void compare_covariance(const Recording& recording, const json& reference) {
  const std::size_t n = recording.channels.size(), stride = n * sizeof(double), frames = recording.columns[0].size();
  ASSERT_EQ(reference.at("rows").get<std::vector<std::string>>(), recording.channels);
  const auto complete = reference.at("complete_frames").get<std::uint64_t>();
  const auto bytes = interleave(recording.columns, stride);
  const double count = static_cast<double>(complete);
  const double rounding = (std::max(512 + count / 512, 16 + count / 16) + 2) * kEps;
  const auto& sample = reference.at("sample");
  const auto& population = reference.at("population");
  for (const std::size_t block : {std::size_t{1}, std::size_t{333}, std::size_t{4096}, frames}) {
    SCOPED_TRACE(testing::Message() << "blocks of " << block);
    Covariance product(n);
    in_blocks(frames, block, [&](std::size_t at, std::size_t part) { product.add(&bytes[at * stride], part, stride, sizeof(double)); });
    std::vector<double> covariance(n * n), correlation(n * n);
    product.covariance(covariance);
    ASSERT_EQ(product.count(), complete);
    product.correlation(correlation);
    for (std::size_t i = 0; i < n * n; ++i) {
      const std::size_t r = i / n, c = i % n;
      const double expected = sample[r][c], scale = std::sqrt(sample[r][r].get<double>() * sample[c][c].get<double>());
      const double bound = 1e-10 * std::fabs(expected) + rounding * scale;
      SCOPED_TRACE(recording.channels[r] + ", " + recording.channels[c]);
      EXPECT_NEAR(covariance[i], expected, bound);
      EXPECT_NEAR(covariance[i] * (count - 1) / count, population[r][c].get<double>(), bound);
      ASSERT_GT(scale, 0);
      EXPECT_NEAR(correlation[i], expected / scale, 2 * bound / scale);
    }
  }
}

/// The density of the whole record as one segment.
std::vector<double> density(std::span<const double> x, const std::shared_ptr<Transform>& transform, double rate, std::size_t block) {
  Welch welch(transform, 0);
  in_blocks(x.size(), block, [&](std::size_t at, std::size_t part) { welch.add(x.subspan(at, part)); });
  EXPECT_EQ(welch.segments(), 1U);
  std::vector<double> out(transform->bins());
  welch.density(rate, out);
  return out;
}

/// The strongest bin but DC.
std::size_t strongest(const std::vector<double>& density) {
  return static_cast<std::size_t>(std::max_element(density.begin() + 1, density.end()) - density.begin());
}

/// What the description calls dominant: the bin k >= 1 with the largest |X[k]| of the whole record, its mean taken off, not tapered. That
/// is the product's spectrum with one segment of the record's length and the window "rect", so that the bin is the same one, and
/// sqrt(2 density rate / N) the same amplitude 2 |X[k]| / N. The product's strongest peak lies within half a bin of it, as far as either
/// side goes between bins, and to the side of the larger neighbour, where the parabola of the description (f_interp_hz) goes, too: half a
/// bin from that as well, which is another formula. hann_freq_hz is the same bin's after a Hann window.
void compare_frequency(const std::string& name, const std::vector<double>& x, double rate, const json& reference) {
  SCOPED_TRACE(name);
  const std::size_t n = x.size();
  ASSERT_EQ(reference.at("N"), n);
  const double hz = reference.at("freq_hz"), between = reference.at("f_interp_hz"), width = rate / static_cast<double>(n);
  ASSERT_EQ(reference.at("resolution_hz"), width);
  const auto rect = std::make_shared<Transform>(n, WindowFunction::rect), hann = std::make_shared<Transform>(n, WindowFunction::hann);
  for (const std::size_t block : {std::size_t{333}, n}) {
    const auto p = density(x, rect, rate, block);
    const std::size_t bin = strongest(p);
    ASSERT_EQ(bin, reference.at("bin"));
    ASSERT_LT(bin + 1, p.size()) << "the last bin is no peak";
    EXPECT_NEAR(std::sqrt(2 * p[bin] * width), reference.at("amplitude").get<double>(), 1e-10 * reference.at("amplitude").get<double>());
    const auto peaks = strongest_peaks(p, rate, *rect, 1);
    ASSERT_EQ(peaks.size(), 1U);
    EXPECT_NEAR(peaks[0].hz, hz, width / 2 + 4 * kEps * hz);
    EXPECT_NEAR(peaks[0].hz, between, width / 2 + 4 * kEps * hz);
    const auto tapered = density(x, hann, rate, block);
    const double of_hann = reference.at("hann_freq_hz");
    EXPECT_DOUBLE_EQ(static_cast<double>(strongest(tapered)) * width, of_hann);
    const auto tapered_peaks = strongest_peaks(tapered, rate, *hann, 1);
    ASSERT_EQ(tapered_peaks.size(), 1U);
    EXPECT_NEAR(tapered_peaks[0].hz, of_hann, width / 2 + 4 * kEps * of_hann);
  }
}

TEST(Recordings, have_the_covariances_of_their_descriptions) {
  each_that_has("covariance", [](const Recording& recording, const json& reference) {
    compare_covariance(recording, reference);
    return recording.channels.size();
  });
}

TEST(Recordings, have_the_dominant_frequencies_of_their_descriptions) {
  each_that_has("dominant_frequency", [](const Recording& recording, const json& reference) {
    const double rate = reference.at("fs_hz");
    const json& channels = reference.at("channels");
    EXPECT_EQ(channels.size(), recording.channels.size());
    for (std::size_t c = 0; c < recording.channels.size(); ++c)
      compare_frequency(recording.channels[c], recording.columns[c], rate, channels.at(recording.channels[c]));
    return channels.size();
  });
}

}  // namespace
}  // namespace chappe::aggregator
