#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "play.hpp"

namespace chappe::producer {
namespace {

config::Stream stream_of(config::Waveform waveform, double rate_hz = 100'000) {
  config::Stream stream;
  stream.name = "simulated";
  stream.rate_hz = rate_hz;
  stream.type = config::SampleType::f64;
  stream.channels = channels_named(2);
  for (auto& c : stream.channels) c.waveform = waveform;
  return stream;
}

std::unique_ptr<Source> open(const config::Stream& stream) {
  auto source = make_source(stream);
  EXPECT_TRUE(source) << source.error().text;
  return std::move(*source);
}

/// Equal, where NaN equals NaN.
void expect_same(const std::vector<std::vector<double>>& a, const std::vector<std::vector<double>>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t c = 0; c < a[i].size(); ++c)
      ASSERT_TRUE(a[i][c] == b[i][c] || (std::isnan(a[i][c]) && std::isnan(b[i][c]))) << i << " " << c;
  }
}

config::Stream everything() {
  config::Stream stream = stream_of(config::Waveform::sine);
  stream.channels = channels_named(6);
  constexpr config::Waveform kAll[] = {config::Waveform::sine,  config::Waveform::square,   config::Waveform::random_walk,
                                       config::Waveform::noise, config::Waveform::constant, config::Waveform::index};
  for (std::size_t i = 0; i < 6; ++i) {
    config::Channel& c = stream.channels[i];
    c.waveform = kAll[i];
    c.frequency_hz = 333;
    c.noise = 0.1;
    c.spike_probability = 0.01;
    c.nan_probability = 0.02;
  }
  return stream;
}

TEST(Simulator, sine_is_a_function_of_the_frame_index_and_the_rate) {
  auto stream = stream_of(config::Waveform::sine);
  stream.channels[1].frequency_hz = 1234.5;
  stream.channels[1].amplitude = 3;
  stream.channels[1].offset = -7;
  const auto source = open(stream);
  const std::uint64_t start = 1'000'000'007;
  source->resume_at(start, 0);
  const auto played = play(*source, 500, 77, start);
  for (std::size_t i = 0; i < played.rows.size(); ++i) {
    const long double turns = std::fmod(1234.5L * static_cast<long double>(start + i), 100'000.0L) / 100'000.0L;
    const double expected = -7 + 3 * std::sin(2 * std::numbers::pi * static_cast<double>(turns));
    ASSERT_NEAR(played.rows[i][1], expected, 1e-6) << i;  // the step is rounded to a double: 1e9 frames times 2^-60 turns
  }
}

TEST(Simulator, sine_of_the_first_frames_is_exact_to_rounding) {
  auto stream = stream_of(config::Waveform::sine, 1000);
  stream.channels[0].frequency_hz = 50;
  const auto played = play(*open(stream), 100);
  for (std::size_t i = 0; i < 100; ++i)
    ASSERT_NEAR(played.rows[i][0], std::sin(2 * std::numbers::pi * 0.05 * static_cast<double>(i)), 1e-13) << i;
}

TEST(Simulator, square_is_high_in_the_first_half_of_a_period) {
  auto stream = stream_of(config::Waveform::square);
  stream.channels[0].frequency_hz = 10'000;  // 10 frames a period, which no double divides exactly
  stream.channels[0].amplitude = 2;
  stream.channels[0].offset = 1;
  const auto played = play(*open(stream), 1000);
  for (std::size_t i = 0; i < 1000; ++i) ASSERT_EQ(played.rows[i][0], i % 10 < 5 ? 3 : -1) << i;
}

TEST(Simulator, index_counts_frames_and_nothing_disturbs_it) {
  auto stream = stream_of(config::Waveform::index);
  for (auto& c : stream.channels) c.noise = c.spike_probability = c.nan_probability = 1;
  stream.type = config::SampleType::f32;
  const auto source = open(stream);
  source->resume_at(65'500, 0);
  const auto played = play(*source, 100, 33, 65'500);
  for (std::size_t i = 0; i < 100; ++i) {
    ASSERT_EQ(played.rows[i][0], static_cast<double>((65'500 + i) % 65'536));
    ASSERT_EQ(played.rows[i][1], static_cast<double>((65'500 + i) % 65'536 + 1));
  }
}

TEST(Simulator, the_same_seed_gives_the_same_values_however_reads_split_them) {
  const auto whole = play(*open(everything()), 5000, 5000, 100'000'000);
  expect_same(whole.rows, play(*open(everything()), 5000, 1).rows);
  expect_same(whole.rows, play(*open(everything()), 5000, 97).rows);
}

TEST(Simulator, another_seed_and_another_channel_give_other_values) {
  auto stream = stream_of(config::Waveform::noise);
  const auto one = play(*open(stream), 100);
  stream.seed = 2;
  const auto two = play(*open(stream), 100);
  EXPECT_NE(one.rows, two.rows);
  EXPECT_NE(one.rows[0][0], one.rows[0][1]);
}

TEST(Simulator, noise_has_the_deviation_asked_for) {
  auto stream = stream_of(config::Waveform::constant, 1e6);
  stream.channels[0].offset = 5;
  stream.channels[0].noise = 2;
  const auto played = play(*open(stream), 100'000);
  double sum = 0, squares = 0;
  for (const auto& row : played.rows) sum += row[0] - 5, squares += (row[0] - 5) * (row[0] - 5);
  EXPECT_NEAR(sum / 1e5, 0, 0.05);  // 8 deviations of a mean of 100,000
  EXPECT_NEAR(squares / 1e5, 4, 0.12);
}

TEST(Simulator, spikes_and_nan_come_as_often_as_asked_for) {
  auto stream = stream_of(config::Waveform::constant, 1e6);
  stream.channels[0].spike_probability = 0.01;
  stream.channels[1].nan_probability = 0.02;
  const auto played = play(*open(stream), 100'000);
  int spikes = 0, nans = 0;
  for (const auto& row : played.rows) spikes += row[0] == 100, nans += std::isnan(row[1]);
  EXPECT_NEAR(spikes, 1000, 250);  // 8 deviations
  EXPECT_NEAR(nans, 2000, 360);
}

TEST(Simulator, dropouts_are_told_as_lost_frames_and_the_index_goes_on_behind_them) {
  auto stream = stream_of(config::Waveform::index);
  stream.dropout_probability = 0.01;
  const auto source = open(stream);
  std::uint64_t next = 0, lost = 0;
  while (next < 10'000) {
    std::vector<std::byte> data(64 * 100);
    std::int64_t t = 0;
    double period = 0;
    const FrameLayout layout{.channels = 2, .value_bytes = 8, .stride = 64, .capacity = 100};
    const Room room{.data = data.data(), .frames = 100, .t_first_ns = &t, .period_ns = &period};
    const Read read = source->read(room, layout, rt::monotonic_ns() + rt::kMillisecond);
    lost += read.lost;
    next += read.lost;
    double value = 0;
    std::memcpy(&value, data.data(), sizeof value);
    if (read.frames > 0) {
      ASSERT_EQ(value, static_cast<double>(next));
    }
    next += read.frames;
  }
  EXPECT_GT(lost, 500U);  // about a third of the frames
  EXPECT_LT(lost, 8000U);
}

TEST(Simulator, a_device_that_loses_every_frame_still_keeps_the_time) {
  auto stream = stream_of(config::Waveform::index, 1000);
  stream.dropout_probability = 1;
  const auto source = open(stream);
  std::vector<std::byte> data(64 * 100);
  const FrameLayout layout{.channels = 2, .value_bytes = 8, .stride = 64, .capacity = 100};
  std::uint64_t lost = 0;
  std::int64_t t = 0;
  double period = 0;
  const std::int64_t start = rt::monotonic_ns();
  while (rt::monotonic_ns() < start + 100 * rt::kMillisecond) {
    const Room room{.data = data.data(), .frames = 100, .t_first_ns = &t, .period_ns = &period};
    const Read read = source->read(room, layout, rt::monotonic_ns() + 10 * rt::kMillisecond);
    EXPECT_EQ(read.frames, 0U);
    lost += read.lost;
  }
  const auto elapsed_ms = static_cast<std::uint64_t>((rt::monotonic_ns() - start) / rt::kMillisecond);
  EXPECT_LE(lost, elapsed_ms + 101);
}

TEST(Simulator, no_frame_comes_before_it_is_due) {
  const auto source = open(stream_of(config::Waveform::index, 20'000));
  const std::int64_t start = rt::monotonic_ns();
  std::uint32_t frames = 0;
  std::int64_t first_time = 0;
  while (frames < 400) {
    const auto played = play(*source, 37, 37, rt::kMillisecond);
    const std::int64_t now = rt::monotonic_ns();
    if (frames == 0) first_time = played.times_ns.front();
    for (const auto t : played.times_ns) ASSERT_LE(t, now);
    ASSERT_NEAR(static_cast<double>(played.times_ns.front() - first_time), frames * 50'000.0, 2);
    frames += static_cast<std::uint32_t>(played.rows.size());
  }
  EXPECT_GE(first_time, start);
}

TEST(Simulator, a_stop_of_seconds_costs_frames_and_brings_no_burst) {
  const auto source = open(stream_of(config::Waveform::index, 1000));
  const auto before = play(*source, 1, 1);
  rt::sleep_until(rt::monotonic_ns() + 1500 * rt::kMillisecond);
  const auto after = play(*source, 1, 1000, 1, false);
  EXPECT_GE(after.lost, 1490U);
  EXPECT_EQ(after.rows[0][0], static_cast<double>(1 + after.lost));
  EXPECT_NEAR(static_cast<double>(after.times_ns[0] - before.times_ns[0]), static_cast<double>(1 + after.lost) * 1e6, 2);
}

TEST(Simulator, a_new_rate_and_new_parameters_hold_from_the_next_frame_without_a_jump_of_the_index) {
  auto stream = stream_of(config::Waveform::index, 1000);
  const auto source = open(stream);
  const auto before = play(*source, 10);
  stream.rate_hz = 10'000;
  stream.channels[1].waveform = config::Waveform::constant;
  stream.channels[1].offset = 42;
  source->reconfigure(stream);
  const auto after = play(*source, 10, 1000, 10);
  EXPECT_EQ(after.rows.front()[0], 10);
  EXPECT_EQ(after.rows.front()[1], 42);
  EXPECT_EQ(after.times_ns[0] - before.times_ns[9], 1'000'000);
  EXPECT_EQ(after.times_ns[1] - after.times_ns[0], 100'000);
}

TEST(Simulator, without_a_rate_it_does_not_open_and_says_so) {
  const auto source = make_source(stream_of(config::Waveform::sine, 0));
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().exit_code, EX_CONFIG);
  EXPECT_NE(source.error().text.find("rate"), std::string::npos);
}

}  // namespace
}  // namespace chappe::producer
