// Calibrated and derived channels against the same formulas written out per frame; however the frames are cut into blocks, and after a
// kill.
#include "aggregator/calibration.hpp"

#include <cmath>
#include <random>

#include "tests/aggregator/windows.hpp"

namespace chappe::aggregator {
namespace {

using config::Operation;
using testing::ElementsAre;
using testing::HasSubstr;

config::Calibration entry(std::vector<std::string> channels) {
  config::Calibration c;
  c.channels = std::move(channels);
  return c;
}

/// A stream x, y, z as a slot holds it, calibrated block by block into windows.
template <class T>
class Sensor {
 public:
  explicit Sensor(const config::Stream& stream, std::vector<config::Window> windows = {frames(1'000'000)})
      : plan_(*plan_calibration(stream, kNames)),
        calibration_(plan_, 3, sizeof(T), kStride, kCapacity),
        statistics_(calibration_.channels(), 8, calibration_.stride(), kCapacity, true, std::move(windows), 1) {}
  /// A block of these frames; returns what became of them, by channel.
  std::vector<std::vector<double>> feed(const std::vector<std::vector<T>>& columns, const BlockView& head, bool whole = true) {
    const auto bytes = interleave(columns, kStride);
    BlockView block = head;
    block.data = bytes.data();
    block.frames = static_cast<std::uint32_t>(columns[0].size());
    block.data = calibration_.apply(block, statistics_.open(0), statistics_.open_moments(0));
    std::vector<std::vector<double>> out(calibration_.channels());
    for (std::size_t f = 0; f < block.frames; ++f) {
      for (std::size_t c = 0; c < out.size(); ++c) {
        double value = 0;
        std::memcpy(&value, block.data + f * calibration_.stride() + c * sizeof(double), sizeof value);
        out[c].push_back(value);
      }
    }
    statistics_.measure(block);
    if (whole) statistics_.merge(sink);
    return out;
  }
  StreamStatistics& statistics() { return statistics_; }
  Collector sink;

 private:
  static constexpr std::size_t kStride = sizeof(T) * 4;
  static inline const std::vector<std::string> kNames{"x", "y", "z"};
  CalibrationPlan plan_;
  Calibration calibration_;
  StreamStatistics statistics_;
};

BlockView at(std::uint64_t first, std::int64_t t_first_ns = 0, double period_ns = 0) {
  return {.data = nullptr, .times_ns = nullptr, .first_frame = first, .frames = 0, .t_first_ns = t_first_ns, .period_ns = period_ns};
}

TEST(Calibration, scales_shifts_and_bends_each_channel_in_this_order) {
  config::Stream s;
  s.calibration = {entry({"x", "z"})};
  s.calibration[0].scale = 0.1;
  s.calibration[0].offset = -3;
  s.calibration[0].polynomial = {0.5, 2, 0.25, -0.125};
  Sensor<float> sensor(s);
  const auto out = sensor.feed({{1.5F, -7}, {2, 4}, {9, 0}}, at(0));
  const auto bent = [](double raw) {
    const double x = raw * 0.1 + -3;
    return ((-0.125 * x + 0.25) * x + 2) * x + 0.5;
  };
  EXPECT_THAT(out, ElementsAre(ElementsAre(bent(1.5), bent(-7)), ElementsAre(2, 4), ElementsAre(bent(9), bent(0))));
}

TEST(Calibration, mixes_channels_by_a_matrix_and_a_bias_in_the_order_of_its_names) {
  config::Stream s;
  s.calibration = {entry({"z", "x"})};
  s.calibration[0].matrix = {{1, 0.5}, {-2, 3}};
  s.calibration[0].bias = {10, 20};
  Sensor<double> sensor(s);
  const auto out = sensor.feed({{1, 2}, {7, 8}, {3, 4}}, at(0));
  EXPECT_THAT(out,
              ElementsAre(ElementsAre(-2 * 3 + 3 * 1 + 20, -2 * 4 + 3 * 2 + 20), ElementsAre(7, 8), ElementsAre(3 + 0.5 + 10, 4 + 1 + 10)));
}

TEST(Calibration, takes_nothing_of_a_channel_whose_coefficient_is_0_not_even_its_nan) {
  config::Stream s;
  s.calibration = {entry({"x", "y"})};
  s.calibration[0].matrix = {{1, 0}, {1, 1}};
  Sensor<double> sensor(s);
  const auto out = sensor.feed({{5}, {kNan}, {0}}, at(0));
  EXPECT_EQ(out[0][0], 5);
  EXPECT_TRUE(std::isnan(out[1][0]));
}

TEST(Calibration, applies_entries_one_after_the_other) {
  config::Stream s;
  s.calibration = {entry({"x"}), entry({"x", "y"}), entry({"x"})};
  s.calibration[0].scale = 2;
  s.calibration[1].matrix = {{0, 1}, {1, 0}};
  s.calibration[2].offset = 100;
  Sensor<double> sensor(s);
  EXPECT_THAT(sensor.feed({{3}, {4}, {5}}, at(0)), ElementsAre(ElementsAre(104), ElementsAre(6), ElementsAre(5)));
}

TEST(Calibration, derives_channels_of_calibrated_ones_and_of_derived_ones_before) {
  config::Stream s;
  s.calibration = {entry({"x"})};
  s.calibration[0].scale = 3;
  s.derived = {{"a", "g", Operation::magnitude, {"x", "y"}},
               {"s", "", Operation::sum, {"x", "y", "z"}},
               {"d", "", Operation::difference, {"x", "y"}},
               {"r", "", Operation::ratio, {"a", "z"}}};
  Sensor<double> sensor(s);
  const auto out = sensor.feed({{1, 2}, {4, -8}, {2, 0}}, at(0));
  EXPECT_THAT(out, ElementsAre(ElementsAre(3, 6), ElementsAre(4, -8), ElementsAre(2, 0), ElementsAre(5, 10), ElementsAre(9, -2),
                               ElementsAre(-1, 14), ElementsAre(2.5, std::numeric_limits<double>::infinity())));
}

TEST(Calibration, differentiates_by_the_time_of_each_frame_and_has_none_where_that_stands_or_goes_back) {
  config::Stream s;
  s.derived = {{"v", "", Operation::derivative, {"x"}}};
  Sensor<double> sensor(s);
  const std::vector<std::int64_t> times{1'000'000'000, 1'500'000'000, 1'500'000'000, 1'400'000'000, 2'400'000'000};
  BlockView block = at(0);
  block.times_ns = times.data();
  const auto out = sensor.feed({{1, 2, 4, 8, 16}, {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}}, block);
  EXPECT_THAT(out[3], ElementsAre(testing::IsNan(), 2, testing::IsNan(), testing::IsNan(), 8));
  EXPECT_EQ(sensor.statistics().open_moments(0)[3].nan, 3U);
}

TEST(Calibration, differentiates_across_blocks_and_over_a_gap_by_the_time_in_between) {
  config::Stream s;
  s.derived = {{"v", "", Operation::derivative, {"x"}}};
  Sensor<float> sensor(s);
  constexpr double kPeriod = 1e9 / 3;  // the block's first time is rounded, and the period is not
  const auto zeros = std::vector<float>(2);
  EXPECT_THAT(sensor.feed({{1, 2}, zeros, zeros}, at(0, 0, kPeriod))[3], ElementsAre(testing::IsNan(), 1 / (kPeriod / 1e9)));
  EXPECT_THAT(sensor.feed({{4, 8}, zeros, zeros}, at(2, 666'666'667, kPeriod))[3], ElementsAre(2 / (kPeriod / 1e9), 4 / (kPeriod / 1e9)));
  const auto late = sensor.feed({{16, 16}, zeros, zeros}, at(30, 10'000'000'000, kPeriod))[3];
  EXPECT_THAT(late, ElementsAre(8 / 9.0, 0)) << "28 frames never came: the mean slope from one second on";
}

TEST(Calibration, leaves_no_trace_of_a_block_that_was_torn) {
  config::Stream s;
  s.derived = {{"v", "", Operation::derivative, {"x"}}};
  Sensor<double> sensor(s);
  sensor.feed({{1, 2}, {0, 0}, {0, 0}}, at(0, 0, 1e9));
  sensor.feed({{1e300, kNan}, {0, 0}, {0, 0}}, at(2, 77, -5), false);
  EXPECT_EQ(sensor.feed({{5}, {0}, {0}}, at(2, 2'000'000'000, 1e9))[3][0], 3);
}

TEST(Calibration, reads_no_more_than_a_block_holds_whatever_a_torn_head_says) {
  config::Stream s;
  s.derived = {{"v", "", Operation::derivative, {"x"}}};
  const auto plan = plan_calibration(s, std::vector<std::string>{"x"});
  Calibration calibration(*plan, 1, 8, 8, 4);
  const std::vector<double> values{1, 2, 3, 4};  // a sanitizer watches what lies behind
  const std::vector<std::int64_t> times{std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(), 0, -1};
  const BlockView torn{.data = reinterpret_cast<const std::byte*>(values.data()),
                       .times_ns = times.data(),
                       .first_frame = ~std::uint64_t{0},
                       .frames = ~std::uint32_t{0},
                       .t_first_ns = 0,
                       .period_ns = kNan};
  const auto* out = reinterpret_cast<const double*>(calibration.apply(torn, {}, {}));
  EXPECT_EQ(out[6], 4);
}

/// A value is a function of its frame, so blocks of any length give the same bits; so does a successor that has only what the board holds.
TEST(Calibration, gives_the_same_bits_in_any_blocks_and_after_a_restart_in_between) {
  config::Stream s;
  s.calibration = {entry({"x", "y", "z"}), entry({"y"})};
  s.calibration[0].scale = 1.0 / 3;
  s.calibration[0].matrix = {{0.99, 0.01, -0.02}, {0.03, 1.01, 0.004}, {-0.005, 0.006, 0.97}};
  s.calibration[0].bias = {0.1, -0.2, 0.3};
  s.calibration[1].polynomial = {0.1, 1.1, -0.01};
  s.derived = {{"a", "", Operation::magnitude, {"x", "y", "z"}}, {"v", "", Operation::derivative, {"a"}}};
  constexpr double kPeriod = 1e9 / 44'100;
  constexpr std::size_t kFrames = 3'000;
  std::mt19937_64 random(5);
  std::normal_distribution<float> normal(2, 3);
  std::vector<std::vector<float>> all(3, std::vector<float>(kFrames));
  for (auto& column : all) {
    for (auto& value : column) value = random() % 50 == 0 ? std::numeric_limits<float>::quiet_NaN() : normal(random);
  }
  std::vector<std::vector<double>> first;
  for (int round = 0; round < 20; ++round) {
    std::optional<Sensor<float>> sensor(std::in_place, s, std::vector{frames(7), duration(3'000'000)});
    std::vector<std::vector<double>> values(5);
    for (std::size_t begin = 0, end = 0; begin < kFrames; begin = end) {
      end = std::min<std::size_t>(kFrames, begin + 1 + random() % kCapacity);
      std::vector<std::vector<float>> part;
      for (const auto& column : all)
        part.emplace_back(column.begin() + static_cast<std::ptrdiff_t>(begin), column.begin() + static_cast<std::ptrdiff_t>(end));
      const auto t = std::llround(kPeriod * static_cast<double>(begin));
      const auto out = sensor->feed(part, at(begin, t, kPeriod));
      for (std::size_t c = 0; c < values.size(); ++c) values[c].insert(values[c].end(), out[c].begin(), out[c].end());
      if (random() % 8 != 0) continue;
      std::optional<Sensor<float>> next(std::in_place, s, std::vector{frames(7), duration(3'000'000)});
      for (std::size_t w = 0; w < 2; ++w) {
        const StreamStatistics& before = sensor->statistics();
        next->statistics().restore(w, before.open(w), before.open_moments(w), before.open_shapes(w));
      }
      sensor.swap(next);
    }
    if (first.empty()) first = values;
    for (std::size_t c = 0; c < values.size(); ++c) {
      for (std::size_t f = 0; f < kFrames; ++f) ASSERT_TRUE(same_bits(values[c][f], first[c][f])) << "channel " << c << " frame " << f;
    }
  }
  EXPECT_FALSE(std::isnan(first[4][kFrames - 1]) && std::isnan(first[4][kFrames - 2]) && std::isnan(first[4][kFrames - 3]));
}

TEST(CalibrationPlan, has_work_only_where_values_change) {
  config::Stream s;
  const std::vector<std::string> names{"x", "y"};
  EXPECT_FALSE(plan_calibration(s, names)->has_work());
  s.calibration = {entry({"x"})};
  s.calibration[0].unit = "m/s^2";
  EXPECT_FALSE(plan_calibration(s, names)->has_work());
  EXPECT_NE(plan_calibration(s, names)->hash, 0U);
  s.calibration[0].offset = 1;
  EXPECT_TRUE(plan_calibration(s, names)->has_work());
  s.calibration.clear();
  s.derived = {{"d", "", Operation::sum, {"x"}}};
  EXPECT_TRUE(plan_calibration(s, names)->has_work());
}

TEST(CalibrationPlan, is_refused_by_the_first_name_that_the_stream_does_not_have) {
  config::Stream s;
  s.name = "imu";
  s.calibration = {entry({"x"}), entry({"x", "q"})};
  s.calibration[1].scale = 2;
  auto plan = plan_calibration(s, std::vector<std::string>{"x", "y"});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().text, "stream imu: calibration[1] names channel \"q\", which the stream does not have");
  s.calibration.clear();
  s.derived = {{"d", "", Operation::sum, {"d"}}};
  EXPECT_THAT(plan_calibration(s, std::vector<std::string>{"x"}).error().text, HasSubstr("derived[0] names channel \"d\""));
  s.derived = {{"y", "", Operation::sum, {"x"}}};
  EXPECT_THAT(plan_calibration(s, std::vector<std::string>{"x", "y"}).error().text, HasSubstr("derived[0] is called \"y\""));
}

}  // namespace
}  // namespace chappe::aggregator
