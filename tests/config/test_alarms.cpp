// [[stream.alarm]]: what it says, what is refused, and that it is printed as it is read.
#include "tests/config/bad_input.hpp"

namespace chappe::config {
namespace {

using testing::HasSubstr;

std::string alarm_with(const std::string& alarm) {
  return "[[stream]]\nname = \"a\"\nrate = 100\nchannels = [\"x\", \"y\"]\n[[stream.alarm]]\nname = \"hot\"\n" + alarm + "\n";
}

constexpr const char* kBands = "[stream.analysis]\nspectrum = { length = 64, bands = [{ name = \"high\", low = 10, high = 20 }] }\n";

constexpr const char* kAll = R"([[stream]]
name = "a"
rate = 100
channels = ["x", "y"]
[[stream.window]]
duration = "1s"
[[stream.window]]
frames = 10
[[stream.alarm]]
name = "hot"
kind = "limit"
channels = ["x"]
window = 1
of = "max"
above = 80
below = -1.5
warn_above = 70
warn_below = 0
hysteresis = 2
hold = "3s"
release = "500ms"
[[stream.alarm]]
name = "fast"
kind = "rate"
above = 5
[[stream.alarm]]
name = "stuck"
kind = "flat"
channels = "y"
after = "2s"
tolerance = 0.5
[[stream.alarm]]
name = "silent"
kind = "stale"
after = "5s"
[[stream.alarm]]
name = "torn"
kind = "nan"
above = 0.01
[[stream.alarm]]
name = "odd"
kind = "zscore"
of = "rms"
learn = 30
warn_above = 3
above = 6
[[stream.alarm]]
name = "whines"
kind = "band"
band = "high"
above = 2
[stream.analysis]
spectrum = { length = 64, bands = [{ name = "low", low = 1, high = 5 }, { name = "high", low = 10, high = 20 }] }
)";

TEST(Alarms, takes_every_key_of_every_kind) {
  const LoadResult result = load_text(kAll, "t");
  ASSERT_EQ(describe(result.faults), "");
  const std::vector<Alarm>& alarms = result.loaded.config.streams.at(0).alarms;
  ASSERT_EQ(alarms.size(), 7U);
  const Alarm& hot = alarms[0];
  EXPECT_EQ(hot.kind, AlarmKind::limit);
  EXPECT_EQ(hot.channels, std::vector<std::string>{"x"});
  EXPECT_EQ(hot.window, 1U);
  EXPECT_EQ(hot.of, Figure::max);
  EXPECT_EQ(hot.above, 80);
  EXPECT_EQ(hot.below, -1.5);
  EXPECT_EQ(hot.warn_above, 70);
  EXPECT_EQ(hot.warn_below, 0);
  EXPECT_EQ(hot.hysteresis, 2);
  EXPECT_EQ(hot.hold_ns, 3'000'000'000);
  EXPECT_EQ(hot.release_ns, 500'000'000);
  EXPECT_EQ(alarms[1].of, Figure::mean);
  EXPECT_TRUE(alarms[1].channels.empty());
  EXPECT_EQ(alarms[1].below, std::nullopt);
  EXPECT_EQ(alarms[2].channels, std::vector<std::string>{"y"});
  EXPECT_EQ(alarms[2].tolerance, 0.5);
  EXPECT_EQ(alarms[3].after_ns, 5'000'000'000);
  EXPECT_EQ(alarms[5].learn, 30U);
  EXPECT_EQ(alarms[6].band, "high");
}

TEST(Alarms, are_printed_as_they_are_read) {
  const Config config = load_text(kAll, "t").loaded.config;
  const LoadResult again = load_text(to_toml(config), "again");
  EXPECT_EQ(describe(again.faults), "");
  EXPECT_EQ(again.loaded.config, config);
  EXPECT_THAT(to_json(config), HasSubstr("\"warn_above\""));
}

TEST(Alarms, of_a_recording_may_name_channels_that_only_it_knows) {
  const std::string text =
      "[[stream]]\nname = \"a\"\nsource = \"replay\"\nfile = \"f\"\n[[stream.alarm]]\nname = \"n\"\nkind = \"nan\"\nchannels = "
      "\"z\"\nabove = 0\n";
  EXPECT_EQ(describe(load_text(text, "t").faults), "");
}

TEST(Alarms, change_live) {
  const Config now = load_text(kAll, "t").loaded.config;
  Config next = now;
  next.streams[0].alarms.pop_back();
  next.streams[0].alarms[0].above = 3;
  EXPECT_TRUE(refused_live(now, next).empty());
}

class BadAlarm : public testing::TestWithParam<Bad> {};

TEST_P(BadAlarm, is_told_with_its_place) { expect_told_with_its_place(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Config, BadAlarm,
    testing::Values(
        Bad{"kind", alarm_with("kind = \"limits\"\nabove = 1"), 7, 8, "stream[0].alarm[0].kind", "nearest: \"limit\""},
        Bad{"no_kind", alarm_with("above = 1"), 5, 1, "stream[0].alarm[0].kind", "missing"},
        Bad{"no_limit", alarm_with("kind = \"limit\""), 5, 1, "stream[0].alarm[0]", "no limit: expected above, below"},
        Bad{"channel", alarm_with("kind = \"limit\"\nabove = 1\nchannels = [\"x\", \"yy\"]"), 9, 18, "stream[0].alarm[0].channels[1]",
            "\"yy\": the stream has no such channel"},
        Bad{"channel_twice", alarm_with("kind = \"limit\"\nabove = 1\nchannels = [\"x\", \"x\"]"), 9, 18, "stream[0].alarm[0].channels[1]",
            "named twice"},
        Bad{"channels_type", alarm_with("kind = \"limit\"\nabove = 1\nchannels = 3"), 9, 12, "stream[0].alarm[0].channels",
            "expected a channel's name"},
        Bad{"order", alarm_with("kind = \"limit\"\nabove = 1\nwarn_above = 2"), 9, 14, "stream[0].alarm[0].warn_above",
            "at most above = 1"},
        Bad{"crossed", alarm_with("kind = \"limit\"\nabove = 1\nbelow = 2"), 9, 9, "stream[0].alarm[0].below", "at most above = 1"},
        Bad{"share", alarm_with("kind = \"nan\"\nabove = 1.5"), 8, 9, "stream[0].alarm[0].above", "expected a number from 0 to 1"},
        Bad{"not_a_number", alarm_with("kind = \"limit\"\nabove = nan"), 8, 9, "stream[0].alarm[0].above", "expected a number from"},
        Bad{"below_of_zscore", alarm_with("kind = \"zscore\"\nabove = 3\nbelow = 1"), 9, 9, "stream[0].alarm[0].below", "stands only with"},
        Bad{"learn", alarm_with("kind = \"zscore\"\nabove = 3\nlearn = 1"), 9, 9, "stream[0].alarm[0].learn", "from 2 to 1000000"},
        Bad{"learn_of_limit", alarm_with("kind = \"limit\"\nabove = 3\nlearn = 5"), 9, 9, "stream[0].alarm[0].learn", "stands only with"},
        Bad{"no_after", alarm_with("kind = \"flat\""), 5, 1, "stream[0].alarm[0].after", "missing"},
        Bad{"after", alarm_with("kind = \"stale\"\nafter = \"0s\""), 8, 9, "stream[0].alarm[0].after", "expected 1ms to"},
        Bad{"channels_of_stale", alarm_with("kind = \"stale\"\nafter = \"1s\"\nchannels = \"x\""), 9, 12, "stream[0].alarm[0].channels",
            "stale as a whole"},
        Bad{"window", alarm_with("kind = \"limit\"\nabove = 1\nwindow = 1"), 9, 10, "stream[0].alarm[0].window", "counted from 0"},
        Bad{"hysteresis", alarm_with("kind = \"limit\"\nabove = 1\nhysteresis = -1"), 9, 14, "stream[0].alarm[0].hysteresis", "from 0 to"},
        Bad{"same_name", alarm_with("kind = \"nan\"\nabove = 1\n[[stream.alarm]]\nname = \"hot\"\nkind = \"nan\"\nabove = 1"), 10, 8,
            "stream[0].alarm[1].name", "alarm[0] has the same name"},
        Bad{"no_band", alarm_with("kind = \"band\"\nabove = 1"), 5, 1, "stream[0].alarm[0].band", "missing"},
        Bad{"band", alarm_with("kind = \"band\"\nband = \"hig\"\nabove = 1\n" + std::string(kBands)), 8, 8, "stream[0].alarm[0].band",
            "no such band; nearest: \"high\""},
        Bad{"band_without_a_spectrum", alarm_with("kind = \"band\"\nband = \"high\"\nabove = 1"), 8, 8, "stream[0].alarm[0].band",
            "no such band"},
        Bad{"band_of_limit", alarm_with("kind = \"limit\"\nband = \"high\"\nabove = 1"), 8, 8, "stream[0].alarm[0].band",
            "stands only with"},
        Bad{"figure_of_a_band", alarm_with("kind = \"band\"\nband = \"high\"\nof = \"max\"\nabove = 1\n" + std::string(kBands)), 9, 6,
            "stream[0].alarm[0].of", "stands only with"},
        Bad{"power_below_nothing", alarm_with("kind = \"band\"\nband = \"high\"\nbelow = -1\n" + std::string(kBands)), 9, 9,
            "stream[0].alarm[0].below", "expected a number from 0"},
        Bad{"band_of_a_window_that_overlaps",
            alarm_with("kind = \"band\"\nband = \"high\"\nabove = 1\n" + std::string(kBands) + "[[stream.window]]\nframes = 10\nhop = 5"),
            5, 1, "stream[0].alarm[0].window", "not analysed"},
        Bad{"unknown", alarm_with("kind = \"nan\"\nabove = 1\nabvoe = 2"), 9, 1, "stream[0].alarm[0].abvoe", "nearest known: above"}),
    [](const auto& bad) { return std::string(bad.param.name); });

TEST(Alarms, are_no_more_than_the_table_holds) {
  std::string text = "[[stream]]\nname = \"a\"\nrate = 1\nchannels = 342\n";
  for (const char* name : {"p", "q", "r"}) text += std::string("[[stream.alarm]]\nname = \"") + name + "\"\nkind = \"nan\"\nabove = 0\n";
  const LoadResult result = load_text(text, "t");
  ASSERT_EQ(result.faults.size(), 1U) << describe(result.faults);
  EXPECT_THAT(result.faults[0].text, HasSubstr("1026 alarms"));
}

}  // namespace
}  // namespace chappe::config
