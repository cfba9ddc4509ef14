// The choice of channels' figures, its limit, and what it names in vain. Snapshots made by hand.
#include "metrics/channels.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "metrics/text.hpp"

namespace chappe::metrics {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A stream with a closed window and its analysis, of channels x, y, z.
shm::StreamView stream(const std::string& name) {
  shm::StreamView view;
  view.stream = name;
  view.windows.emplace_back().shaped = true;
  shm::AnalysisView analysis;
  analysis.results = 1;
  analysis.levels = {0.05, 0.5};
  analysis.bands = {{"low \"1\"", 1, 2}};
  for (const char* channel : {"x", "y", "z"}) {
    view.channels.push_back({.channel = channel, .unit = "g", .mean = 1.5, .count = 98, .nan = 2});
    view.windows[0].channels.push_back({.channel = channel,
                                        .unit = "g",
                                        .variance = 6.25,
                                        .crest = 3,
                                        .peak_to_peak = 7,
                                        .skewness = -0.5,
                                        .kurtosis = 2.75,
                                        .zero_crossings = 12,
                                        .flat = 4});
    shm::AnalysisChannelView& analysed = analysis.channels.emplace_back();
    analysed.channel = channel;
    analysed.quantiles = {-4, 0.25};
    analysed.bands = {std::nan("")};
  }
  view.analysis = {analysis};
  return view;
}

shm::Snapshot snapshot(std::initializer_list<const char*> streams) {
  shm::Snapshot s;
  for (const char* name : streams) s.streams.push_back(stream(name));
  return s;
}

std::string text_of(const shm::Snapshot& s, const ChannelChoice& choice) { return serialize(channel_series(s, choice).families); }
ChannelChoice chosen(const std::string& name, std::vector<std::string> channels, std::vector<std::string> figures) {
  ChannelChoice choice;
  choice.streams = {{name, false, std::move(channels), std::move(figures)}};
  return choice;
}

/// Samples, without the count of those left out.
std::size_t series(const ChannelSeries& all) {
  std::size_t count = 0;
  for (const Family& family : all.families) count += family.samples.size();
  return count - 1;
}

TEST(ChannelSeries, EveryFigureIsAFamilyWithItsValue) {
  const std::string text = text_of(snapshot({"imu"}), chosen("imu", {"y"}, channel_figures()));
  const std::string labels = "{stream=\"imu\",channel=\"y\",unit=\"g\"} ";
  for (const char* line : {"values!98", "nan_values!2", "mean!1.5", "deviation!2.5", "peak_to_peak!7", "crest_ratio!3", "skewness!-0.5",
                           "kurtosis!2.75", "zero_crossings!12", "flat_frames!4"}) {
    std::string expected = std::string("\nchappe_window_") + line + "\n";
    expected.replace(expected.find('!'), 1, labels);
    EXPECT_THAT(text, HasSubstr(expected));
  }
  EXPECT_THAT(text, HasSubstr("chappe_window_quantile{stream=\"imu\",channel=\"y\",unit=\"g\",level=\"0.05\"} -4\n"));
  EXPECT_THAT(text, HasSubstr("chappe_window_quantile{stream=\"imu\",channel=\"y\",unit=\"g\",level=\"0.5\"} 0.25\n"));
  EXPECT_THAT(text, HasSubstr("chappe_window_band_power{stream=\"imu\",channel=\"y\",unit=\"g\",band=\"low \\\"1\\\"\"} Nan\n"));
}

TEST(ChannelSeries, OnlyWhatIsChosenIsShown) {
  const ChannelSeries some = channel_series(snapshot({"imu"}), chosen("imu", {"z", "x"}, {"mean", "crest"}));
  EXPECT_EQ(series(some), 4U);
  const std::string text = serialize(some.families);
  EXPECT_THAT(text, Not(HasSubstr("channel=\"y\"")));
  EXPECT_THAT(text, Not(HasSubstr("chappe_window_values")));
  EXPECT_LT(text.find("channel=\"x\""), text.find("channel=\"z\"")) << "in the stream's order";
  EXPECT_EQ(series(channel_series(snapshot({"imu"}), chosen("imu", {}, {"mean"}))), 0U);
  EXPECT_EQ(series(channel_series(snapshot({"imu"}), chosen("imu", {"x"}, {}))), 0U);
}

TEST(ChannelSeries, AStreamThatTheChoiceDoesNotNameIsShownAsTheOthers) {
  ChannelChoice choice = chosen("imu", {}, {"mean"});
  EXPECT_EQ(series(channel_series(snapshot({"imu", "replayed"}), choice)), 21U) << "seven of three";
  choice.others = {"", true, {}, {"rms"}};
  EXPECT_EQ(series(channel_series(snapshot({"imu", "replayed"}), choice)), 3U);
}

TEST(ChannelSeries, WhatAWindowDoesNotHaveIsNoSeries) {
  shm::Snapshot s = snapshot({"imu"});
  const ChannelChoice all = chosen("imu", {"x"}, channel_figures());
  EXPECT_EQ(series(channel_series(s, all)), 17U);
  s.streams[0].windows[0].shaped = false;
  EXPECT_EQ(series(channel_series(s, all)), 13U);
  s.streams[0].analysis.clear();
  EXPECT_EQ(series(channel_series(s, all)), 10U);
  s.streams[0].windows[0].channels.clear();
  EXPECT_EQ(series(channel_series(s, all)), 7U) << "none has closed";
}

TEST(ChannelSeries, BeyondTheLimitAreLeftOutAndCountedFromTheFirstChannelThatHasNoRoom) {
  ChannelChoice choice;
  choice.others = {"", true, {}, {"mean", "rms"}};
  choice.streams = {{"c", true, {}, {"mean"}}};  // its channels would have had room in what the one before left
  for (const auto& [limit, shown] : {std::pair{0U, 0U}, {5U, 4U}, {11U, 10U}, {12U, 12U}, {14U, 14U}, {15U, 15U}, {16U, 15U}}) {
    choice.max_series = limit;
    const ChannelSeries all = channel_series(snapshot({"a", "b", "c"}), choice);
    EXPECT_EQ(series(all), shown) << limit;
    EXPECT_EQ(all.left_out, 15U - shown) << limit;
    EXPECT_THAT(serialize(all.families), HasSubstr("\nchappe_channel_series_left_out " + std::to_string(15U - shown) + "\n"));
  }
  choice.max_series = 5;
  const std::string text = text_of(snapshot({"a", "b", "c"}), choice);
  EXPECT_THAT(text, HasSubstr("chappe_window_rms{stream=\"a\",channel=\"y\",unit=\"g\"}"));
  EXPECT_THAT(text, Not(HasSubstr("channel=\"z\"")));
  EXPECT_THAT(text, Not(HasSubstr("stream=\"c\"")));
}

TEST(ChannelSeries, NamesThatAStreamDoesNotHaveAreToldOnceItIsOnTheBoard) {
  shm::Snapshot s = snapshot({"imu"});
  const ChannelChoice choice = chosen("imu", {"x", "magnitude"}, {"mean"});
  EXPECT_THAT(channel_series(s, choice).unknown, ElementsAre("stream imu has no channel \"magnitude\""));
  EXPECT_EQ(series(channel_series(s, choice)), 1U);
  s.streams[0].windows.clear();  // the ring's channels alone
  EXPECT_THAT(channel_series(s, choice).unknown, IsEmpty());
  EXPECT_THAT(channel_series(snapshot({"other"}), choice).unknown, IsEmpty()) << "the stream is not there";
}

}  // namespace
}  // namespace chappe::metrics
