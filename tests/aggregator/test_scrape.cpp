// The configuration's choice of channels' figures reaches the endpoint's families, also while they are collected.
#include "aggregator/scrape.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "metrics/text.hpp"

namespace chappe::aggregator {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

shm::Snapshot snapshot() {
  shm::Snapshot s;
  shm::StreamView& imu = s.streams.emplace_back();
  imu.stream = "imu";
  imu.windows.emplace_back();
  imu.channels = {{.channel = "x", .unit = "", .mean = 1}, {.channel = "y", .unit = "", .mean = 2}};
  return s;
}

config::Config choice_of(const std::string& lines) {
  const auto result = config::load_text(
      lines + "\n[[stream]]\nname = \"other\"\nsource = \"replay\"\nfile = \"r.csv\"\n[stream.metrics]\nchannels = [\"gone\"]\n", "t");
  EXPECT_TRUE(result.faults.empty()) << config::describe(result.faults);
  return result.loaded.config;
}
std::string imu(const std::string& metrics) {
  return "[[stream]]\nname = \"imu\"\nsource = \"replay\"\nfile = \"r.csv\"\n[stream.metrics]\n" + metrics;
}

TEST(Scrape, KnowsEachFigureOfTheConfigurationAndTheSameDefaults) {
  EXPECT_THAT(metrics::channel_figures(), ElementsAreArray(config::kChannelFigures));
  EXPECT_EQ(metrics::StreamChoice{}.figures, config::ChannelMetrics{}.figures);
  EXPECT_EQ(metrics::StreamChoice{}.all, config::ChannelMetrics{}.all);
  EXPECT_EQ(metrics::ChannelChoice{}.max_series, config::kMaxSeries);
}

TEST(Scrape, ShowsWhatIsChosenAndFromTheNextOnWhatIsChosenThen) {
  Scrape scrape(choice_of(imu("channels = [\"y\"]\nfigures = [\"mean\"]")), snapshot, [](rt::LogLevel, const std::string&) {});
  const std::string before = metrics::serialize(scrape.families());
  EXPECT_THAT(before, HasSubstr("chappe_window_mean{stream=\"imu\",channel=\"y\",unit=\"\"} 2\n"));
  EXPECT_THAT(before, Not(HasSubstr("channel=\"x\"")));
  EXPECT_THAT(before, Not(HasSubstr("chappe_window_rms")));
  EXPECT_THAT(before, HasSubstr("chappe_build_info"));
  scrape.choose(choice_of(imu("channels = [\"x\"]\nfigures = [\"rms\"]")));
  const std::string after = metrics::serialize(scrape.families());
  EXPECT_THAT(after, HasSubstr("chappe_window_rms{stream=\"imu\",channel=\"x\",unit=\"\"} "));
  EXPECT_THAT(after, Not(HasSubstr("channel=\"y\"")));
}

TEST(Scrape, ShowsStreamsThatOnlyTheRingKnowsAsTheTopLevelSays) {
  Scrape scrape(choice_of("[metrics]\nfigures = [\"max\"]"), snapshot, [](rt::LogLevel, const std::string&) {});
  const std::string text = metrics::serialize(scrape.families());
  EXPECT_THAT(text, HasSubstr("chappe_window_maximum{stream=\"imu\",channel=\"x\",unit=\"\"} "));
  EXPECT_THAT(text, Not(HasSubstr("chappe_window_mean")));
}

TEST(Scrape, TellsNamesInVainAndALimitThatIsReachedOnceOfEachChoice) {
  std::vector<std::string> said;
  Scrape scrape(choice_of("[metrics]\nmax_series = 1\n" + imu("channels = [\"y\", \"z\"]")), snapshot,
                [&](rt::LogLevel level, std::string line) {
                  EXPECT_EQ(level, rt::LogLevel::warn);
                  said.push_back(std::move(line));
                });
  for (int i = 0; i < 3; ++i) scrape.families();
  EXPECT_THAT(said, ElementsAre(HasSubstr("stream imu has no channel \"z\""), HasSubstr("max_series = 1")));
  said.clear();
  scrape.choose(choice_of(imu("channels = [\"y\"]")));
  scrape.families();
  EXPECT_THAT(said, IsEmpty());
  scrape.choose(choice_of(imu("channels = [\"z\"]")));
  scrape.families();
  EXPECT_THAT(said, ElementsAre(HasSubstr("\"z\"")));
}

TEST(Scrape, IsOfOneChoiceOrTheNextWhileItChanges) {
  const config::Config one = choice_of(imu("channels = [\"x\"]\nfigures = [\"mean\"]"));
  const config::Config two = choice_of(imu("channels = [\"y\"]\nfigures = [\"rms\", \"max\"]"));
  Scrape scrape(one, snapshot, [](rt::LogLevel, const std::string&) {});
  std::thread reloads([&] {
    for (int i = 0; i < 200; ++i) scrape.choose(i % 2 == 0 ? two : one);
  });
  for (int i = 0; i < 50; ++i) {
    const std::string text = metrics::serialize(scrape.families());
    const bool first = text.find("chappe_window_mean") != std::string::npos;
    EXPECT_EQ(first, text.find("channel=\"x\"") != std::string::npos);
    EXPECT_NE(first, text.find("chappe_window_maximum") != std::string::npos);
    EXPECT_NE(first, text.find("channel=\"y\"") != std::string::npos);
  }
  reloads.join();
}

}  // namespace
}  // namespace chappe::aggregator
