// Seeded faults: a fault of each kind, in simulated and in recorded data, raises the alarm of that kind, once, within one window, and
// clears it once. Each kind watches a channel of its own; the others stay as they are.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "aggregator/alarm.hpp"
#include "aggregator/statistics.hpp"
#include "config/names.hpp"
#include "tests/aggregator/recordings.hpp"
#include "tests/aggregator/reference.hpp"

namespace chappe::aggregator {
namespace {

using config::Alarm;
using config::AlarmKind;
using shm::AlarmState;

constexpr std::size_t kWindows = 60, kFirst = 30, kLast = 36;  // the fault begins in window kFirst, and ends in kLast
constexpr std::uint64_t kLearn = 20;
constexpr std::int64_t kPeriod = 1'000'000;
constexpr AlarmKind kKinds[] = {AlarmKind::limit, AlarmKind::rate, AlarmKind::flat, AlarmKind::nan, AlarmKind::zscore};

struct Collector final : ClosedSink {
  std::vector<std::pair<WindowHead, std::vector<Moments>>> windows;
  void closed(const WindowHead& head, std::span<const Moments> channels, std::span<const Shape> /*shapes*/) noexcept override {
    windows.push_back({head, {channels.begin(), channels.end()}});
  }
};

/// The closed windows of these columns, in blocks that agree with no window.
Collector windows_of(const Columns& columns, std::size_t window_frames) {
  constexpr std::uint32_t kBlock = 37;
  const std::size_t stride = columns.size() * sizeof(double);
  const auto bytes = interleave(columns, stride);
  StreamStatistics statistics(columns.size(), sizeof(double), stride, kBlock, false, {{.frames = window_frames, .duration_ns = 0}}, 1);
  Collector sink;
  for (std::size_t at = 0; at < columns[0].size(); at += kBlock) {
    statistics.measure({.data = &bytes[at * stride],
                        .times_ns = nullptr,
                        .first_frame = at,
                        .frames = static_cast<std::uint32_t>(std::min<std::size_t>(kBlock, columns[0].size() - at)),
                        .t_first_ns = static_cast<std::int64_t>(at) * kPeriod,
                        .period_ns = static_cast<double>(kPeriod)});
    statistics.merge(sink);
  }
  return sink;
}

struct Scene {
  std::string name;
  std::vector<double> values;  ///< kWindows windows of a sound channel
  [[nodiscard]] std::size_t window_frames() const { return values.size() / kWindows; }
};

std::vector<double> simulated() {
  std::mt19937_64 random(7);
  std::normal_distribution<double> noise(0, 0.05);
  std::vector<double> values;
  for (std::size_t i = 0; i < kWindows * 100; ++i)
    values.push_back(std::sin(0.1 * std::numbers::pi * static_cast<double>(i)) + noise(random));
  return values;
}

std::vector<Scene> scenes() {
  std::vector<Scene> all{{"simulated", simulated()}};
  const std::pair<const char*, std::size_t> recorded[] = {
      {"motor_current_1kHz_SC_HLT_001.csv", 0}, {"ecg_ptb_s0010_12lead_1kHz.i16le.bin", 1},        {"imu_ngimu_short_walk.csv", 5},
      {"audio_bat_250kHz_int16.wav", 0},        {"env_ambient_temperature_system_failure.csv", 0}, {"eeg_biosemi_73ch_2048Hz.csv", 3}};
  for (const auto& [file, channel] : recorded) {
    if (!std::filesystem::exists(recordings() / file)) continue;
    const json about = json::parse(read_file(recordings() / (std::string(file) + ".json")));
    std::vector<double> values = parse(file, about, about.at("channels").size()).at(channel);
    values.resize(values.size() / kWindows * kWindows);
    all.push_back({file, std::move(values)});
  }
  return all;
}

/// The kind's alarm, with a limit of twice what the sound channel reaches.
Alarm alarm_for(AlarmKind kind, const Scene& scene, const Collector& sound, std::size_t channel) {
  Alarm alarm;
  alarm.kind = kind;
  alarm.of = kind == AlarmKind::limit ? config::Figure::max : kind == AlarmKind::zscore ? config::Figure::deviation : config::Figure::mean;
  alarm.learn = kLearn;
  alarm.after_ns = std::numeric_limits<std::int64_t>::max();
  alarm.above = std::numeric_limits<double>::infinity();
  shm::AlarmMemory memory{};
  double most = 0;
  for (const auto& [head, channels] : sound.windows) {
    const double value = judge(alarm, head, channels[channel], memory).value;
    if (std::isfinite(value)) most = std::max(most, value);
  }
  alarm.above = kind == AlarmKind::nan ? most + 0.05 : 2 * most + 1e-9;
  alarm.after_ns = static_cast<std::int64_t>(scene.window_frames()) * kPeriod;
  if (kind == AlarmKind::flat) {
    EXPECT_LT(most * 1e9, static_cast<double>(alarm.after_ns)) << "no sound channel for this: it stands still";
  }
  return alarm;
}

/// What breaks in this kind's channel, from a third of window kFirst to the half of kLast.
void seed(AlarmKind kind, std::vector<double>& values, std::size_t window_frames, double most_limit, double rate_limit, double z_limit) {
  const std::size_t begin = kFirst * window_frames + window_frames / 3, end = kLast * window_frames + window_frames / 2;
  const double seconds = static_cast<double>(window_frames) * static_cast<double>(kPeriod) * 1e-9;
  const double held = values[begin];
  for (std::size_t i = begin; i < end; ++i) {
    switch (kind) {
      case AlarmKind::limit:
        values[i] += 2 * most_limit;
        break;
      case AlarmKind::rate:
        values[i] += 4 * rate_limit * seconds;
        break;
      case AlarmKind::flat:
        values[i] = held;
        break;
      case AlarmKind::nan:
        if (i % 4 == 0) values[i] = std::numeric_limits<double>::quiet_NaN();
        break;
      case AlarmKind::zscore:
        values[i] += (i % 2 == 0 ? 4 : -4) * z_limit;
        break;
      case AlarmKind::stale:
      case AlarmKind::band:
        break;
    }
  }
}

struct Course {
  std::vector<std::size_t> raised, cleared;  ///< windows
};

Course course_of(const Alarm& alarm, const Collector& windows, std::size_t channel) {
  Course course;
  shm::AlarmMemory memory{};
  AlarmState before = AlarmState::ok;
  for (std::size_t w = 0; w < windows.windows.size(); ++w) {
    const auto& [head, channels] = windows.windows[w];
    const AlarmState state = judge(alarm, head, channels[channel], memory).state;
    if (state != before) (state == AlarmState::ok ? course.cleared : course.raised).push_back(w);
    before = state;
  }
  return course;
}

/// The sample deviation of the windows that were learned, and their mean: what a z-score is in.
double spread_limit(const Alarm& alarm, const Collector& sound, std::size_t channel) {
  shm::AlarmMemory memory{};
  for (const auto& [head, channels] : sound.windows) judge(alarm, head, channels[channel], memory);
  return memory.mean + *alarm.above * std::sqrt(memory.m2 / static_cast<double>(memory.learned - 1));
}

class SeededFault : public testing::TestWithParam<AlarmKind> {};

TEST_P(SeededFault, raises_its_alarm_once_within_a_window_and_clears_once_and_raises_no_other) {
  const AlarmKind broken = GetParam();
  for (const Scene& scene : scenes()) {
    SCOPED_TRACE(scene.name);
    const Columns columns(std::size(kKinds), scene.values);
    const Collector sound = windows_of(columns, scene.window_frames());
    ASSERT_EQ(sound.windows.size(), kWindows);
    std::vector<Alarm> alarms;
    for (std::size_t k = 0; k < std::size(kKinds); ++k) alarms.push_back(alarm_for(kKinds[k], scene, sound, k));
    Columns faulty = columns;
    for (std::size_t k = 0; k < std::size(kKinds); ++k) {
      if (kKinds[k] == broken)
        seed(broken, faulty[k], scene.window_frames(), *alarms[0].above - *std::ranges::min_element(scene.values), *alarms[1].above,
             spread_limit(alarms[4], sound, 4));
    }
    const Collector seen = windows_of(faulty, scene.window_frames());
    for (std::size_t k = 0; k < std::size(kKinds); ++k) {
      const Course course = course_of(alarms[k], seen, k);
      if (kKinds[k] != broken) {
        EXPECT_THAT(course.raised, testing::IsEmpty()) << "kind " << k << " is not at fault";
        continue;
      }
      ASSERT_EQ(course.raised.size(), 1U);
      ASSERT_EQ(course.cleared.size(), 1U);
      EXPECT_GE(course.raised[0], kFirst);
      EXPECT_LE(course.raised[0], kFirst + 1) << "the window in which it began, or the first that it fills";
      EXPECT_GT(course.cleared[0], course.raised[0]);
      EXPECT_LE(course.cleared[0], kLast + 1);
    }
  }
}

std::string word_of(const testing::TestParamInfo<AlarmKind>& kind) { return config::name_of(config::kAlarmKinds, kind.param); }
INSTANTIATE_TEST_SUITE_P(Kinds, SeededFault, testing::ValuesIn(kKinds), word_of);

}  // namespace
}  // namespace chappe::aggregator
