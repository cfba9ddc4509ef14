// Recordings of real sensors against reference statistics that were computed elsewhere, with correctly rounded sums over two passes.
#include <gmock/gmock.h>

#include <iostream>

#include "aggregator/statistics.hpp"
#include "tests/aggregator/recordings.hpp"
#include "tests/aggregator/reference.hpp"

namespace chappe::aggregator {
namespace {

constexpr std::size_t kWindowFrames = 1000;

/// Names of the recordings that are CSV, LabVIEW, binary or WAV and have reference windows.
std::vector<std::string> names() {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(recordings(), error)) {
    const std::string name = entry.path().filename().string();
    for (const char* kind : {".csv", ".lvm", ".bin", ".wav"}) {
      if (name.ends_with(kind) && std::filesystem::exists(entry.path().string() + ".json")) found.push_back(name);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

struct Collector final : ClosedSink {
  std::vector<std::pair<WindowHead, std::vector<Moments>>> windows;
  void closed(const WindowHead& head, std::span<const Moments> channels, std::span<const Shape> /*shapes*/) noexcept override {
    windows.push_back({head, {channels.begin(), channels.end()}});
  }
};

Collector run(const Columns& columns, std::uint32_t block_frames) {
  const std::size_t stride = columns.size() * sizeof(double), frames = columns[0].size();
  const auto bytes = interleave(columns, stride);
  StreamStatistics statistics(columns.size(), sizeof(double), stride, block_frames, false, {{.frames = kWindowFrames, .duration_ns = 0}},
                              1);
  Collector sink;
  for (std::size_t at = 0; at < frames; at += block_frames) {
    const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(block_frames, frames - at));
    statistics.measure({.data = &bytes[at * stride],
                        .times_ns = nullptr,
                        .first_frame = at,
                        .frames = count,
                        .t_first_ns = static_cast<std::int64_t>(at),
                        .period_ns = 1});
    statistics.merge(sink);
  }
  statistics.finish(sink);
  return sink;
}

/// 1e-9 relative, and below that what rounding can do. The mean: each merge rounds it (rounding_of_means), and a block's sum of differences
/// from the shift is rounded once for each of its frames, by half an epsilon of what is summed; the differences are at most twice the
/// largest value, as the shift is a mean of earlier values. The variance: variance_error of the merges' roundings (the sums' own errors are
/// relative to it, and within the 1e-9). The RMS: sqrt(v + mean^2) moves by at most the error of the mean and that of the variance over
/// twice itself.
void expect_equal(const Moments& m, const json& reference, std::size_t window, const std::vector<double>& values,
                  std::uint32_t block_frames) {
  const Reference r = chappe::aggregator::reference(values);
  ASSERT_EQ(m.count, reference.at("count")[window].get<std::uint64_t>());
  ASSERT_EQ(m.nan, values.size() - m.count);
  if (m.count == 0) {
    EXPECT_TRUE(reference.at("mean")[window].is_null());
    return;
  }
  const auto value = [&](const char* key) { return reference.at(key)[window].get<double>(); };
  const auto near = [](double a, double b, double floor) { return std::fabs(a - b) <= 1e-9 * std::fabs(b) + floor; };
  const double merged = rounding_of_means(r, kWindowFrames / block_frames + 2);
  const double mean_error = merged + block_frames * std::numeric_limits<double>::epsilon() * static_cast<double>(r.largest);
  EXPECT_EQ(m.min, value("min"));
  EXPECT_EQ(m.max, value("max"));
  EXPECT_PRED3(near, m.mean, value("mean"), mean_error);
  if (m.count < 2) return;
  const double of_variance = variance_error(r, merged);
  EXPECT_PRED3(near, variance(m), value("var_samp"), of_variance);
  EXPECT_PRED3(near, rms(m), value("rms"), mean_error + (value("rms") > 0 ? of_variance / (2 * value("rms")) : 0));
}

class Recording : public testing::TestWithParam<std::string> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Recording);

TEST_P(Recording, gives_its_reference_statistics_in_blocks_of_any_size) {
  const json about = json::parse(read_file(recordings() / (GetParam() + ".json")));
  ASSERT_EQ(about.at("windows").at("size"), kWindowFrames);
  const std::vector<std::string> channels = channel_names(about);
  const Columns columns = parse(GetParam(), about, channels.size());
  ASSERT_EQ(columns[0].size(), about.at("frames"));
  for (const std::uint32_t block_frames : {7U, 64U, 333U, 4096U}) {
    const Collector result = run(columns, block_frames);
    ASSERT_EQ(result.windows.size(), about.at("windows").at("start").size());
    for (std::size_t w = 0; w < result.windows.size(); ++w) {
      const auto& [head, moments] = result.windows[w];
      EXPECT_EQ(head.first_frame, about.at("windows").at("start")[w]);
      EXPECT_EQ(head.frames, about.at("windows").at("frames")[w]);
      EXPECT_EQ(head.missing, 0U);
      for (std::size_t c = 0; c < channels.size(); ++c) {
        SCOPED_TRACE(testing::Message() << channels[c] << " window " << w << " blocks of " << block_frames);
        const auto begin = columns[c].begin() + static_cast<std::ptrdiff_t>(head.first_frame);
        expect_equal(moments[c], about.at("windows").at("channels").at(channels[c]), w,
                     {begin, begin + static_cast<std::ptrdiff_t>(head.frames)}, block_frames);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sensors, Recording, testing::ValuesIn(names()), [](const auto& recording) {
  std::string name = recording.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

TEST(Recordings, are_there) {
  if (names().empty()) GTEST_SKIP() << "no recordings in " << recordings() << ": set CHAPPE_DATA";
}

}  // namespace
}  // namespace chappe::aggregator
