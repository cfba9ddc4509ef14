// Moments and shape of one window that was merged from many blocks, against numpy and scipy: made-up values, ill-conditioned ones, and each
// recording of real sensors.
#include <random>

#include "shm/figures.hpp"
#include "tests/aggregator/windows.hpp"
#include "tests/reference/reference.hpp"

namespace chappe::aggregator {
namespace {

using reference::Frames;
using reference::Script;

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

/// The last window of all frames, from blocks of random length.
Closed window_of(const Frames& frames) {
  std::mt19937_64 random(frames.values.size());
  const std::size_t stride = frames.channels * sizeof(double), all = frames.frames();
  StreamStatistics statistics(frames.channels, sizeof(double), stride, kCapacity, false, {{.frames = 1'000'000'000}}, 1, 0, true);
  Collector sink;
  for (std::size_t at = 0; at < all;) {
    const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(1 + random() % kCapacity, all - at));
    statistics.measure({.data = frames.bytes() + at * stride,
                        .first_frame = at,
                        .frames = n,
                        .t_first_ns = static_cast<std::int64_t>(at),
                        .period_ns = 1});
    statistics.merge(sink);
    at += n;
  }
  statistics.finish(sink);
  return sink.windows.at(0);
}

/// `tolerance` is relative. That of skewness and kurtosis is to the sums of absolute powers, which for the skewness is at most the kurtosis
/// to the power of 3/4.
void expect_reference(const Closed& w, std::size_t c, const nlohmann::json& of_channel, double tolerance) {
  if (!of_channel.contains("moments")) return;
  const auto& r = of_channel.at("moments");
  const Moments& m = w.channels[c];
  const Shape& s = w.shapes[c];
  const shm::Powers p{
      .count = static_cast<double>(m.count), .mean = m.mean, .m2 = m.m2, .m3 = s.m3, .m4 = s.m4, .min = m.min, .max = m.max};
  EXPECT_EQ(m.count, r["count"].get<std::uint64_t>());
  EXPECT_EQ(m.min, r["min"].get<double>());
  EXPECT_EQ(m.max, r["max"].get<double>());
  const double spread = std::sqrt(p.m2 / p.count), mean = r["mean"].get<double>();
  EXPECT_NEAR(m.mean, mean, tolerance * spread + kEpsilon * std::fabs(mean));
  EXPECT_NEAR(shm::rms(p), r["rms"].get<double>(), tolerance * shm::rms(p));
  EXPECT_EQ(s.t_min_ns, of_channel["at_min"].get<std::int64_t>());
  EXPECT_EQ(s.t_max_ns, of_channel["at_max"].get<std::int64_t>());
  EXPECT_EQ(s.zero_crossings, r["zero_crossings"].get<std::uint64_t>());
  if (!of_channel["has_nan"].get<bool>()) {
    EXPECT_EQ(s.flat, r["flat"].get<std::uint64_t>());
  }
  if (!(m.min < m.max)) return;
  EXPECT_NEAR(variance(m), r["variance"].get<double>(), tolerance * variance(m));
  const double kurtosis = r["kurtosis"].get<double>();
  EXPECT_NEAR(shm::kurtosis(p), kurtosis, 4 * tolerance * kurtosis);
  EXPECT_NEAR(shm::skewness(p), r["skewness"].get<double>(), 3 * tolerance * std::pow(kurtosis, 0.75));
}

TEST(ShapeReference, of_made_up_values_agrees_with_scipy) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal(0, 1);
  std::exponential_distribution<double> skewed(1);
  for (const double offset : {0.0, 3.0, 1e9}) {
    Frames frames{.channels = 3, .values = {}};
    for (int i = 0; i < 20'000; ++i) {
      frames.values.push_back(offset + normal(random));
      frames.values.push_back(offset + skewed(random));
      frames.values.push_back(offset + std::round(normal(random)));
    }
    Script script;
    const auto wanted = script.of(frames, {{"moments", true}});
    if (!wanted) return;
    const Closed window = window_of(frames);
    // At 1e9 the mean is told to half a spacing of doubles, 6e-8; nothing else knows of the offset.
    for (std::size_t c = 0; c < 3; ++c) {
      SCOPED_TRACE(testing::Message() << "offset " << offset << ", channel " << c);
      expect_reference(window, c, wanted->at("channels")[c], 1e-12);
    }
  }
}

TEST(ShapeReference, of_each_recording_agrees_with_scipy) {
  const char* names[] = {"audio_bat_250kHz_int16.wav",  "ecg_ptb_s0010_15lead_1kHz.csv",
                         "eeg_biosemi_73ch_2048Hz.csv", "env_ambient_temperature_system_failure.csv",
                         "icu_mimic_125Hz_nan.csv",     "imu_ngimu_short_walk.csv"};
  for (const char* name : names) {
    Script script;
    Frames frames;
    const auto wanted = script.of_recording(reference::recording(name), frames, {{"moments", true}});
    if (!wanted) return;
    const Closed window = window_of(frames);
    for (std::size_t c = 0; c < frames.channels; ++c) {
      SCOPED_TRACE(testing::Message() << name << ", channel " << c);
      expect_reference(window, c, wanted->at("channels")[c], 1e-12);
    }
  }
}

}  // namespace
}  // namespace chappe::aggregator
