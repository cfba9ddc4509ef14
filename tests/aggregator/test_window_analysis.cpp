// Windows of one stream, cut where the drain closed them: the same whatever the blocks, nothing of a window that lacks a block, and
// scipy's.
#include "aggregator/window_analysis.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <random>

#include "tests/reference/reference.hpp"

namespace chappe::aggregator {
namespace {

using reference::Frames;
using reference::Script;
using testing::ElementsAre;

constexpr std::size_t kChannels = 3;
constexpr double kRate = 1000;

AnalysedStream stream(std::vector<config::Window> windows) {
  AnalysedStream s;
  shm::put_name(s.entry.name, "s");
  s.entry.value_bytes = 8;
  s.entry.channels = kChannels;
  s.entry.stride = 32;
  s.entry.capacity = 512;
  s.windows = std::move(windows);
  s.analysis.quantiles = {0.05, 0.5, 0.95};
  s.analysis.histogram = 10;
  s.analysis.covariance = true;
  s.analysis.ewma_ns = 20'000'000;
  s.analysis.spectrum = {.length = 100, .overlap = 0.5, .window = config::WindowFunction::hann, .peaks = 2, .bands = {{"b", 100, 200}}};
  return s;
}

Frames signal(std::size_t frames) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  Frames out{.channels = kChannels, .values = {}};
  for (std::size_t f = 0; f < frames; ++f) {
    const double t = static_cast<double>(f) / kRate, noise = normal(random);
    for (const double value : {5 + std::sin(2 * std::numbers::pi * 123 * t), noise, noise + normal(random)}) out.values.push_back(value);
  }
  return out;
}

/// What a drain would send: windows of `window` frames in blocks of `block`, those of `left_out` by number not among them.
class Feed {
 public:
  Feed(const AnalysedStream& stream, const Frames& frames) : stream_(stream), frames_(frames), analysis_(stream) {
    shm::AnalysisTables tables;
    tables.streams = {entry_of(stream)};
    image = shm::AnalysisImage(tables);
  }
  std::size_t blocks(std::size_t begin, std::size_t block, const std::vector<std::size_t>& left_out = {}) {
    std::size_t written = 0;
    for (std::size_t n = 0, at = begin; at < frames_.frames(); ++n, at += block) {
      if (std::find(left_out.begin(), left_out.end(), n) != left_out.end()) {
        ++lost_;
        continue;
      }
      written += analysis_.take(copy(at, std::min(block, frames_.frames() - at)), image, 0);
    }
    return written;
  }
  shm::AnalysisImage image;
  [[nodiscard]] std::uint64_t skipped() const { return analysis_.skipped(); }

 private:
  BlockCopy copy(std::size_t first, std::size_t count) {
    BlockCopy b;
    b.lost = lost_;
    b.first_frame = first;
    b.frames = static_cast<std::uint32_t>(count);
    b.period_ns = 1e9 / kRate;
    b.stride = stream_.entry.stride;
    b.data.resize(count * stream_.entry.stride);
    for (std::size_t f = 0; f < count; ++f)
      std::memcpy(&b.data[f * stream_.entry.stride], &frames_.values[(first + f) * kChannels], kChannels * sizeof(double));
    for (std::uint32_t w = 0; w < stream_.windows.size(); ++w) {
      const std::uint64_t length = stream_.windows[w].frames;
      for (std::uint64_t end = (first / length + 1) * length; end <= first + count; end += length) {
        Mark mark{.head = {}, .end = end};
        mark.head.which = w;
        mark.head.window = end / length - 1;
        mark.head.first_frame = end - length;
        mark.head.frames = length;
        b.marks[b.marked++] = mark;
      }
    }
    return b;
  }
  AnalysedStream stream_;
  const Frames& frames_;
  StreamAnalysis analysis_;
  std::uint64_t lost_ = 0;
};

std::vector<double> all_numbers(shm::AnalysisImage& image, std::size_t which) {
  std::vector<double> out;
  const auto put = [&](auto&& span) { out.insert(out.end(), span.begin(), span.end()); };
  for (std::size_t c = 0; c < kChannels; ++c) {
    const auto channel = image.channel(0, which, c);
    out.insert(out.end(), {static_cast<double>(channel.head->count), channel.head->low, channel.head->high, channel.head->ewma});
    put(channel.quantiles);
    put(std::vector<double>(channel.histogram.begin(), channel.histogram.end()));
    for (const auto& peak : channel.peaks) out.insert(out.end(), {peak.hz, peak.amplitude});
    put(channel.bands);
  }
  std::replace_if(
      out.begin(), out.end(), [](double x) { return std::isnan(x); }, -1.0);
  return out;
}

TEST(WindowAnalysis, is_the_same_in_blocks_of_any_size_to_the_bit) {
  const Frames frames = signal(3000);
  const AnalysedStream s = stream({{.frames = 300, .duration_ns = 0}, {.frames = 1000, .duration_ns = 0}});
  Feed whole(s, frames);
  EXPECT_EQ(whole.blocks(0, 3000), 13U);
  for (const std::size_t block : {1U, 17U, 300U, 512U}) {
    Feed feed(s, frames);
    EXPECT_EQ(feed.blocks(0, block), 13U);
    EXPECT_EQ(feed.skipped(), 0U);
    for (const std::size_t w : {0U, 1U}) {
      EXPECT_EQ(all_numbers(feed.image, w), all_numbers(whole.image, w)) << block;
      EXPECT_EQ(feed.image.window(0, w).partial, 0U);
      EXPECT_EQ(feed.image.window(0, w).rate_hz, kRate);
      const auto a = feed.image.covariance(0, w), b = whole.image.covariance(0, w);
      for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-13);
    }
    EXPECT_EQ(feed.image.window(0, 0).window, 9U);
    EXPECT_EQ(feed.image.window(0, 1).window, 2U);
    EXPECT_EQ(feed.image.window(0, 1).results, 3U);
  }
}

TEST(WindowAnalysis, is_numpys_and_scipys_of_the_last_window) {
  Script script;
  const Frames frames = signal(1000);
  const AnalysedStream s = stream({{.frames = 1000, .duration_ns = 0}});
  const auto expected =
      script.of(frames, {{"quantiles", s.analysis.quantiles},
                         {"histogram", s.analysis.histogram},
                         {"covariance", true},
                         {"ewma", {{"period", 1e6}, {"tau", 2e7}}},
                         {"welch", {{"rate", kRate}, {"length", 100}, {"overlap", 50}, {"window", "hann"}, {"bands", {{100, 200}}}}}});
  if (!expected) return;
  Feed feed(s, frames);
  feed.blocks(0, 128);
  for (std::size_t c = 0; c < kChannels; ++c) {
    const auto mine = feed.image.channel(0, 0, c);
    const auto& theirs = expected->at("channels")[c];
    EXPECT_EQ(mine.head->count, 1000U);
    EXPECT_EQ(mine.head->exact, 1U);
    EXPECT_EQ(mine.head->segments, 19U);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(mine.quantiles[i], theirs.at("quantiles")[i].get<double>(), 1e-14);
    EXPECT_EQ(std::vector<std::uint64_t>(mine.histogram.begin(), mine.histogram.end()),
              theirs.at("histogram").get<std::vector<std::uint64_t>>());
    EXPECT_NEAR(mine.bands[0], theirs.at("bands")[0].get<double>(), 1e-12);
    EXPECT_NEAR(mine.head->ewma, theirs.at("ewma").get<double>(), 1e-12);
  }
  EXPECT_NEAR(feed.image.channel(0, 0, 0).peaks[0].hz, 123, 0.05);
  EXPECT_NEAR(feed.image.channel(0, 0, 0).peaks[0].amplitude, 1, 0.01);
  auto mine = feed.image.covariance(0, 0).begin();
  for (std::size_t r = 0; r < kChannels; ++r) {
    for (std::size_t c = 0; c <= r; ++c) EXPECT_NEAR(*mine++, expected->at("covariance")[r][c].get<double>(), 1e-12);
  }
}

TEST(WindowAnalysis, skips_whole_the_windows_that_lack_a_block_and_no_other) {
  const Frames frames = signal(3000);
  const AnalysedStream s = stream({{.frames = 300, .duration_ns = 0}, {.frames = 1000, .duration_ns = 0}});
  Feed feed(s, frames);
  // Blocks of 100: those that hold frames 400 to 500 and 2100 to 2200, in neither of which a window closes.
  EXPECT_EQ(feed.blocks(0, 100, {4, 21}), 9U) << "8 of 300 frames and 1 of 1000: all but those with a hole";
  EXPECT_EQ(feed.skipped(), 4U);
}

TEST(WindowAnalysis, of_a_window_it_began_in_the_middle_of_is_partial) {
  const Frames frames = signal(1300);
  const AnalysedStream s = stream({{.frames = 1000, .duration_ns = 0}});
  Feed feed(s, frames);
  EXPECT_EQ(feed.blocks(700, 100), 1U);
  const shm::AnalysisWindow& w = feed.image.window(0, 0);
  EXPECT_EQ(w.partial, 1U);
  EXPECT_EQ(w.frames, 1000U);
  EXPECT_EQ(w.analysed, 300U);
  EXPECT_EQ(feed.skipped(), 0U);
}

TEST(WindowAnalysis, of_a_channel_without_a_value_says_so) {
  Frames frames = signal(300);
  for (std::size_t i = 1; i < frames.values.size(); i += kChannels) frames.values[i] = std::nan("");
  Feed feed(stream({{.frames = 300, .duration_ns = 0}}), frames);
  EXPECT_EQ(feed.blocks(0, 100), 1U);
  const auto c = feed.image.channel(0, 0, 1);
  EXPECT_EQ(c.head->count, 0U);
  EXPECT_EQ(c.head->nan, 300U);
  EXPECT_EQ(c.head->segments, 0U);
  EXPECT_EQ(c.head->left_out, 5U);
  EXPECT_TRUE(std::isnan(c.quantiles[1]) && std::isnan(c.peaks[0].hz) && std::isnan(c.bands[0]) && std::isnan(c.head->ewma));
  EXPECT_EQ(feed.image.window(0, 0).complete, 0U);
  EXPECT_TRUE(std::isnan(feed.image.covariance(0, 0)[0]));
}

}  // namespace
}  // namespace chappe::aggregator
