// Which channels' figures are metrics: read, printed, refused, and counted.
#include "tests/config/bad_input.hpp"

namespace chappe::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kTwoChannels = "[[stream]]\nname = \"a\"\nrate = 100\nchannels = 2\n";

Config good(const std::string& text) {
  LoadResult result = load_text(text, "t");
  EXPECT_TRUE(result.faults.empty()) << describe(result.faults);
  EXPECT_EQ(result.loaded.warnings, std::vector<std::string>{});
  return result.loaded.config;
}

constexpr const char* kChosen = R"([metrics]
max_series = 50
channels = []
figures = ["rms"]
[[stream]]
name = "none"
rate = 100
channels = 2
[[stream]]
name = "some"
rate = 100
channels = ["all", "x"]
[[stream.derived]]
name = "both"
sum = ["all", "x"]
[stream.metrics]
channels = ["both", "all"]
[[stream]]
name = "whole"
rate = 100
channels = 2
[stream.metrics]
channels = "all"
figures = ["quantiles", "bands", "crest"]
)";

TEST(ChannelMetrics, are_the_basic_figures_of_each_channel_unless_chosen) {
  const Config c = good(kTwoChannels);
  EXPECT_TRUE(c.streams.at(0).metrics.all);
  EXPECT_THAT(c.streams.at(0).metrics.figures, ElementsAre("values", "nan", "mean", "min", "max", "rms", "variance"));
}

TEST(ChannelMetrics, of_a_stream_stand_above_those_of_the_top_level_key_by_key) {
  const Config c = good(kChosen);
  EXPECT_EQ(c.max_series, 50u);
  EXPECT_EQ(c.streams.at(0).metrics, (ChannelMetrics{false, {}, {"rms"}}));
  EXPECT_EQ(c.streams.at(1).metrics, (ChannelMetrics{false, {"both", "all"}, {"rms"}})) << "a channel may be called all";
  EXPECT_EQ(c.streams.at(2).metrics, (ChannelMetrics{true, {}, {"quantiles", "bands", "crest"}}));
}

TEST(ChannelMetrics, printed_are_read_back_to_the_same_with_their_origins) {
  const LoadResult first = load_text(kChosen, "t");
  const LoadResult again = load_text(to_toml(first.loaded.config), "t");
  EXPECT_EQ(again.loaded.config, first.loaded.config) << to_toml(first.loaded.config);
  EXPECT_EQ(again.loaded.hash, first.loaded.hash);
  EXPECT_EQ(first.loaded.origins.at("stream[1].metrics.channels"), "t:17");
  EXPECT_EQ(first.loaded.origins.at("stream[1].metrics.figures"), "t:4") << "the top level's";
  EXPECT_THAT(to_json(first.loaded.config), HasSubstr("\"max_series\" : 50"));
}

TEST(ChannelMetrics, leave_names_that_only_a_recording_knows_to_the_aggregator) {
  good("[[stream]]\nname = \"r\"\nsource = \"replay\"\nfile = \"x.csv\"\n[stream.metrics]\nchannels = [\"any\"]\n");
}

std::string in_stream(const std::string& line) { return kTwoChannels + ("[stream.metrics]\n" + line + "\n"); }
std::string at_top(const std::string& line) { return "[metrics]\n" + line + "\n" + kTwoChannels; }

class BadChannelMetrics : public testing::TestWithParam<Bad> {};
TEST_P(BadChannelMetrics, is_told_with_its_place) { expect_told_with_its_place(GetParam()); }

const std::vector<Bad> kBad{
    {"figure", in_stream("figures = [\"mean\", \"rsm\"]"), 6, 11, "stream[0].metrics.figures", "nearest: rms"},
    {"figure_twice", in_stream("figures = [\"mean\", \"mean\"]"), 6, 11, "stream[0].metrics.figures", "\"mean\": named twice"},
    {"figure_at_top", at_top("figures = [\"average\"]"), 2, 11, "metrics.figures", "\"average\": expected values, nan, mean"},
    {"figures_type", at_top("figures = \"mean\""), 2, 11, "metrics.figures", "an array of texts"},
    {"channel", in_stream("channels = [\"ch2\"]"), 6, 12, "stream[0].metrics.channels", "\"ch2\": the stream has no such channel"},
    {"channel_twice", in_stream("channels = [\"ch1\", \"ch1\"]"), 6, 12, "stream[0].metrics.channels", "named twice"},
    {"channels_word", in_stream("channels = \"ch1\""), 6, 12, "stream[0].metrics.channels", "\"all\", or an array of names"},
    {"channels_number", in_stream("channels = [1]"), 6, 12, "stream[0].metrics.channels", "an array of texts"},
    {"channels_at_top", at_top("channels = [\"ch0\"]"), 2, 12, "metrics.channels", "[stream.metrics]"},
    {"limit", at_top("max_series = 1000001"), 2, 14, "metrics.max_series", "0 to 1000000"},
    {"key", in_stream("figure = [\"mean\"]"), 6, 1, "stream[0].metrics.figure", "nearest known: figures"},
    {"limit_of_a_stream", in_stream("max_series = 5"), 6, 1, "stream[0].metrics.max_series", "unknown key"},
};
INSTANTIATE_TEST_SUITE_P(All, BadChannelMetrics, testing::ValuesIn(kBad), [](const auto& each) { return each.param.name; });

/// What is warned of where `limit` series may be: two channels, a derived one, two levels, one band.
std::vector<std::string> warned(int limit, const std::string& more) {
  const std::string text =
      "[metrics]\nmax_series = " + std::to_string(limit) + "\n" + kTwoChannels + more +
      "[[stream.derived]]\nname = \"d\"\nsum = [\"ch0\"]\n"
      "[stream.analysis]\nquantiles = [0.1, 0.9]\nspectrum = { length = 16, bands = [{ name = \"b\", low = 1, high = 2 "
      "}] }\n[stream.metrics]\nfigures = [\"mean\", \"skewness\", \"quantiles\", \"bands\"]\n";
  const LoadResult result = load_text(text, "t");
  EXPECT_TRUE(result.faults.empty()) << describe(result.faults);
  return result.loaded.warnings;
}

TEST(ChannelMetrics, warn_of_a_choice_that_is_known_to_be_beyond_the_limit) {
  EXPECT_THAT(warned(15, ""), ElementsAre()) << "3 channels of 1 + 1 + 2 + 1";
  EXPECT_THAT(warned(14, ""), ElementsAre(HasSubstr("metrics.max_series: 14: the chosen figures of all channels are 15 series")));
  EXPECT_THAT(warned(12, "shape = false\n"), ElementsAre()) << "no skewness";
  EXPECT_THAT(warned(11, "shape = false\n"), ElementsAre(HasSubstr("12 series")));
}

TEST(ChannelMetrics, by_default_of_as_many_channels_as_there_may_be_are_within_the_limit) {
  good("[[stream]]\nname = \"a\"\nrate = 1\nchannels = 4096\n");
}

}  // namespace
}  // namespace chappe::config
