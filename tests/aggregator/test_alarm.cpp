// The judge of one alarm over windows made by hand: limits, hysteresis, delays, and what each kind computes.
#include "aggregator/alarm.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace chappe::aggregator {
namespace {

using config::Alarm;
using config::AlarmKind;
using shm::AlarmMemory;
using shm::AlarmState;
using testing::ElementsAre;

constexpr std::int64_t kSecond = 1'000'000'000;
using enum AlarmState;

Alarm of_kind(AlarmKind kind) {
  Alarm a;
  a.name = "a";
  a.kind = kind;
  return a;
}

Moments around(double mean, double half_width = 0.5, std::uint64_t count = 10) {
  Moments m;
  m.count = count;
  m.mean = mean;
  m.min = mean - half_width;
  m.max = mean + half_width;
  m.m2 = half_width * half_width * static_cast<double>(count);
  m.last = mean;
  return m;
}

/// Ten frames a second: the window of second n.
WindowHead second(std::int64_t n) {
  WindowHead head;
  head.window = static_cast<std::uint64_t>(n);
  head.frames = 10;
  head.t_first_ns = n * kSecond;
  head.t_last_ns = n * kSecond + 9 * kSecond / 10;
  return head;
}

class Judged {
 public:
  explicit Judged(Alarm spec) : spec_(std::move(spec)) {}
  Verdict at(std::int64_t n, const Moments& m) { return judge(spec_, second(n), m, memory_); }
  AlarmState see(const Moments& m) { return at(next_++, m).state; }
  AlarmState see(double mean) { return see(around(mean)); }
  std::vector<AlarmState> see_all(const std::vector<double>& means) {
    std::vector<AlarmState> states;
    for (const double mean : means) states.push_back(see(mean));
    return states;
  }
  double value(const Moments& m) { return at(next_++, m).value; }
  AlarmMemory& memory() { return memory_; }

 private:
  Alarm spec_;
  AlarmMemory memory_{};
  std::int64_t next_ = 0;
};

TEST(AlarmLimit, is_passed_by_what_is_beyond_it_on_either_side) {
  Alarm a = of_kind(AlarmKind::limit);
  a.above = 10;
  a.below = -10;
  a.warn_above = 8;
  a.warn_below = -8;
  EXPECT_THAT(Judged(a).see_all({8, 8.1, 10, 10.1, 9, 0, -8, -9, -11, -8.5, 0}),
              ElementsAre(ok, warning, warning, alarm, warning, ok, ok, warning, alarm, warning, ok));
}

TEST(AlarmLimit, is_passed_no_more_only_by_what_is_the_hysteresis_back_behind_it) {
  Alarm a = of_kind(AlarmKind::limit);
  a.above = 10;
  a.hysteresis = 2;
  EXPECT_THAT(Judged(a).see_all({9, 10.5, 9.9, 8.1, 8, 9.9, 10}), ElementsAre(ok, alarm, alarm, alarm, ok, ok, ok));
}

TEST(AlarmLimit, names_the_value_and_the_limit_that_it_is_about) {
  Alarm a = of_kind(AlarmKind::limit);
  a.above = 10;
  a.below = -10;
  a.warn_above = 8;
  Judged judged(a);
  EXPECT_EQ(judged.at(0, around(1)).limit, 8) << "the nearest of all";
  EXPECT_EQ(judged.at(1, around(9)).limit, 8);
  const Verdict low = judged.at(2, around(-12));
  EXPECT_EQ(low.value, -12);
  EXPECT_EQ(low.limit, -10);
}

TEST(AlarmLimit, judges_the_figure_that_is_asked_for) {
  Alarm a = of_kind(AlarmKind::limit);
  a.above = 3;
  for (const auto& [figure, value] :
       {std::pair{config::Figure::mean, 2.0}, std::pair{config::Figure::min, 1.5}, std::pair{config::Figure::max, 2.5},
        std::pair{config::Figure::last, 2.0}, std::pair{config::Figure::peak_to_peak, 1.0}}) {
    a.of = figure;
    EXPECT_EQ(Judged(a).value(around(2)), value);
  }
  a.of = config::Figure::rms;
  EXPECT_DOUBLE_EQ(Judged(a).value(around(2)), std::sqrt(4.25));
  a.of = config::Figure::deviation;
  EXPECT_DOUBLE_EQ(Judged(a).value(around(2)), std::sqrt(2.5 / 9));
}

TEST(AlarmLimit, stands_through_windows_without_a_value) {
  Alarm a = of_kind(AlarmKind::limit);
  a.above = 10;
  Judged judged(a);
  EXPECT_EQ(judged.see(Moments{}), ok);
  EXPECT_EQ(judged.see(11.0), alarm);
  EXPECT_EQ(judged.see(Moments{}), alarm);
  EXPECT_EQ(judged.see(kNone), alarm);
  EXPECT_EQ(judged.see(9.0), ok);
}

TEST(AlarmLimit, takes_an_infinity_for_beyond) {
  Alarm a = of_kind(AlarmKind::limit);
  a.above = 10;
  EXPECT_EQ(Judged(a).see(std::numeric_limits<double>::infinity()), alarm);
}

TEST(AlarmDelay, a_limit_must_be_passed_for_the_hold_time_and_not_be_for_the_release_time) {
  Alarm a = of_kind(AlarmKind::limit);
  a.above = 10;
  a.hold_ns = 3 * kSecond;
  a.release_ns = 2 * kSecond;
  EXPECT_THAT(Judged(a).see_all({11, 11, 9, 11, 11, 11, 9, 11, 9, 9, 9}),
              ElementsAre(ok, ok, ok, ok, ok, alarm, alarm, alarm, alarm, ok, ok));
}

TEST(AlarmDelay, counts_for_each_level_apart) {
  Alarm a = of_kind(AlarmKind::limit);
  a.above = 10;
  a.warn_above = 5;
  a.hold_ns = 2 * kSecond;
  EXPECT_THAT(Judged(a).see_all({6, 11, 11, 6, 4}), ElementsAre(ok, warning, alarm, warning, ok));
}

TEST(AlarmDelay, begins_anew_where_the_clock_went_back) {
  Alarm a = of_kind(AlarmKind::limit);
  a.above = 10;
  a.hold_ns = 2 * kSecond;
  Judged judged(a);
  EXPECT_EQ(judged.at(100, around(11)).state, ok);
  EXPECT_EQ(judged.at(0, around(11)).state, ok);
  EXPECT_EQ(judged.at(1, around(11)).state, alarm);
}

TEST(AlarmRate, is_the_change_from_middle_to_middle_for_each_second) {
  Alarm a = of_kind(AlarmKind::rate);
  a.above = 4;
  a.below = -4;
  Judged judged(a);
  EXPECT_TRUE(std::isnan(judged.at(0, around(1)).value)) << "there is none before";
  EXPECT_DOUBLE_EQ(judged.at(1, around(4)).value, 3);
  EXPECT_DOUBLE_EQ(judged.at(3, around(14)).value, 5) << "a window that never came lies between";
  EXPECT_EQ(judged.at(4, around(14)).state, ok);
  EXPECT_EQ(judged.at(5, around(9)).state, alarm);
  EXPECT_TRUE(std::isnan(judged.at(5, around(20)).value)) << "no time has passed";
  EXPECT_DOUBLE_EQ(judged.at(6, around(21)).value, 1);
}

TEST(AlarmFlat, is_the_time_for_which_a_channel_stands_still) {
  Alarm a = of_kind(AlarmKind::flat);
  a.after_ns = 2 * kSecond;
  Judged judged(a);
  EXPECT_EQ(judged.value(around(5, 0.5)), 0);
  EXPECT_DOUBLE_EQ(judged.value(around(5, 0)), 1);
  const Verdict second_one = judged.at(2, around(5, 0));
  EXPECT_DOUBLE_EQ(second_one.value, 2);
  EXPECT_EQ(second_one.state, alarm);
  EXPECT_EQ(second_one.limit, 2);
  const Verdict stepped = judged.at(3, around(6, 0));
  EXPECT_DOUBLE_EQ(stepped.value, 1) << "it moved between the windows";
  EXPECT_EQ(stepped.state, ok);
  EXPECT_DOUBLE_EQ(judged.at(4, around(6, 0)).value, 2);
  EXPECT_EQ(judged.at(5, Moments{}).state, alarm) << "without a value the state stands";
  EXPECT_EQ(judged.at(6, around(6, 0.1)).state, ok);
}

TEST(AlarmFlat, takes_what_keeps_within_the_tolerance_for_flat_and_a_drift_for_none) {
  Alarm a = of_kind(AlarmKind::flat);
  a.after_ns = 3 * kSecond;
  a.tolerance = 1;
  Judged judged(a);
  for (const double mean : {0.0, 0.2, 0.4}) judged.see(around(mean, 0.3));
  EXPECT_DOUBLE_EQ(judged.at(3, around(0.6, 0.3)).value, 1) << "-0.3 to 0.9 in all";
}

TEST(AlarmFlat, a_channel_at_zero_from_the_first_window_on_is_flat_since_then) {
  Alarm a = of_kind(AlarmKind::flat);
  a.after_ns = kSecond;
  EXPECT_EQ(Judged(a).see(around(0, 0)), alarm);
  Judged without(a);
  without.see(Moments{});
  EXPECT_DOUBLE_EQ(without.value(around(3, 0)), 1) << "and no memory of a zero that was never there";
}

TEST(AlarmNan, is_the_share_of_values_that_are_none) {
  Alarm a = of_kind(AlarmKind::nan);
  a.above = 0.25;
  Moments m = around(1, 0.5, 3);
  m.nan = 1;
  Judged judged(a);
  EXPECT_EQ(judged.see(m), ok);
  m.nan = 2;
  EXPECT_EQ(judged.see(m), alarm);
  Moments none;
  EXPECT_TRUE(std::isnan(judged.value(none)));
  none.nan = 4;
  EXPECT_EQ(judged.value(none), 1);
}

TEST(AlarmZscore, learns_its_baseline_and_keeps_it) {
  Alarm a = of_kind(AlarmKind::zscore);
  a.learn = 4;
  a.above = 3;
  Judged judged(a);
  for (const double mean : {1.0, 3.0, 1.0, 3.0}) EXPECT_TRUE(std::isnan(judged.value(around(mean)))) << "it learns";
  const double deviation = std::sqrt(4.0 / 3);
  EXPECT_DOUBLE_EQ(judged.value(around(2)), 0);
  EXPECT_DOUBLE_EQ(judged.value(around(2 - 2 * deviation)), 2) << "on either side";
  EXPECT_EQ(judged.see(2 + 3.1 * deviation), alarm);
  EXPECT_EQ(judged.see(2 + 3.1 * deviation), alarm) << "what is abnormal never becomes the baseline";
  EXPECT_EQ(judged.see(2.5), ok);
}

TEST(AlarmZscore, of_a_baseline_that_never_varied_takes_any_change_for_abnormal) {
  Alarm a = of_kind(AlarmKind::zscore);
  a.learn = 2;
  a.above = 3;
  EXPECT_THAT(Judged(a).see_all({5, 5, 5, 5.001, 5}), ElementsAre(ok, ok, ok, alarm, ok));
}

TEST(AlarmZscore, compares_no_window_that_was_cut_short) {
  Alarm a = of_kind(AlarmKind::zscore);
  a.learn = 2;
  a.above = 3;
  for (const config::Window& window : {config::Window{10, 0}, config::Window{0, kSecond}}) {
    AlarmMemory memory{};
    for (const std::int64_t n : {0, 1}) judge(a, second(n), around(5), memory, window);
    WindowHead cut = second(2);
    cut.frames = 3;
    cut.t_last_ns = cut.t_first_ns + kSecond / 5;
    EXPECT_TRUE(std::isnan(judge(a, cut, around(9), memory, window).value));
    WindowHead missing = second(3);
    missing.frames = 5;
    missing.missing = 5;
    EXPECT_EQ(judge(a, missing, around(9), memory, window).state, alarm) << "frames that never came cut nothing";
    a.kind = AlarmKind::limit;
    EXPECT_EQ(judge(a, cut, around(9), memory, window).state, alarm) << "a limit is passed by whatever is there";
    a.kind = AlarmKind::zscore;
  }
}

TEST(AlarmStale, is_a_matter_of_time_alone) {
  Alarm a = of_kind(AlarmKind::stale);
  a.after_ns = 2 * kSecond;
  EXPECT_EQ(judge_silence(a, 2 * kSecond - 1).state, ok);
  const Verdict verdict = judge_silence(a, 2 * kSecond);
  EXPECT_EQ(verdict.state, AlarmState::stale);
  EXPECT_EQ(verdict.value, 2);
  EXPECT_EQ(verdict.limit, 2);
}

TEST(AlarmMemory, goes_on_in_a_successor_to_the_bit) {
  for (const AlarmKind kind : {AlarmKind::limit, AlarmKind::rate, AlarmKind::flat, AlarmKind::nan, AlarmKind::zscore}) {
    Alarm a = of_kind(kind);
    a.above = 1;
    a.learn = 3;
    a.hold_ns = 2 * kSecond;
    a.after_ns = 2 * kSecond;
    Judged whole(a), first(a), second_one(a);
    for (std::int64_t n = 0; n < 12; ++n) {
      if (n == 6) second_one.memory() = first.memory();
      const Moments m = around(n % 5 < 3 ? 0.1 * static_cast<double>(n) : 7, n % 4 < 2 ? 0 : 0.5);
      const Verdict expected = whole.at(n, m), got = (n < 6 ? first : second_one).at(n, m);
      EXPECT_EQ(got.state, expected.state);
      EXPECT_TRUE(got.value == expected.value || (std::isnan(got.value) && std::isnan(expected.value)));
    }
  }
}

TEST(AlarmIdentity, changes_with_what_was_learned_and_not_with_limits) {
  Alarm a = of_kind(AlarmKind::zscore);
  const config::Window window{10, 0};
  const std::uint64_t before = identity_of(a, window);
  Alarm limits = a;
  limits.above = 3;
  limits.hold_ns = 1;
  limits.hysteresis = 1;
  EXPECT_EQ(identity_of(limits, window), before);
  Alarm other = a;
  other.of = config::Figure::rms;
  EXPECT_NE(identity_of(other, window), before);
  other = a;
  other.learn = 61;
  EXPECT_NE(identity_of(other, window), before);
  EXPECT_NE(identity_of(a, {0, 10}), before);
}

}  // namespace
}  // namespace chappe::aggregator
