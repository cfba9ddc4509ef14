// Quantiles, covariance and spectra through the real programs: what a viewer finds of a stream in closed form and of a tone, through kills,
// reloads and an orderly end.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <numeric>
#include <optional>

#include "harness.hpp"
#include "rt/clock.hpp"
#include "shm/viewer.hpp"

namespace chappe::whole {
namespace {

using ::testing::IsEmpty;

constexpr std::int64_t kPatience = 20 * rt::kSecond;

std::string config(const std::string& of_proof = "quantiles = [0.25, 0.5]\ncovariance = true") {
  return R"([[stream]]
name = "tone"
rate = 5000
type = "f64"
channels = [{ name = "a", waveform = "sine", amplitude = 3, offset = 10, frequency = 612.3, noise = 0.01 }, { name = "b", waveform = "noise" }]
[[stream.window]]
duration = "500ms"
[[stream.window]]
frames = 1000
[stream.analysis]
quantiles = [0.5]
histogram = 16
covariance = true
spectrum = { length = 500, peaks = 1, bands = [{ name = "around", low = 500, high = 700 }] }

[[stream]]
name = "proof"
rate = 5000
channels = [{ name = "index", waveform = "index" }]
[[stream.calibration]]
channels = ["index"]
scale = 2
[[stream.derived]]
name = "size"
magnitude = ["index"]
[[stream.window]]
frames = 500
[stream.analysis]
)" + of_proof +
         "\n";
}

std::vector<shm::AnalysisView> analysis_of(const Instance& instance, const std::string& stream) {
  const shm::Snapshot s = shm::Viewer(instance.name()).look();
  for (const auto& view : s.streams) {
    if (view.stream == stream) return view.analysis;
  }
  return {};
}

/// The newest that has come to `results` windows of the first specification.
std::optional<shm::AnalysisView> wait_for(const Instance& instance, const std::string& stream, std::uint64_t results,
                                          std::size_t which = 0) {
  std::vector<shm::AnalysisView> views;
  const bool came = instance.until([&] {
    views = analysis_of(instance, stream);
    return views.size() > which && views[which].results >= results;
  });
  if (!came) return std::nullopt;
  return views[which];
}

TEST(Analysis, tells_the_tone_its_power_and_what_goes_with_what) {
  const Instance instance;
  instance.configure(config());
  Child aggregator = instance.aggregator(), producer = instance.producer();
  for (const std::size_t which : {0U, 1U}) {
    const auto view = wait_for(instance, "tone", 3, which);
    ASSERT_TRUE(view) << instance.log("chappe-aggregator");
    EXPECT_FALSE(view->partial);
    EXPECT_EQ(view->analysed, view->frames);
    EXPECT_NEAR(view->rate_hz, 5000, 1e-6);
    const auto& a = view->channels.at(0);
    ASSERT_EQ(a.peaks.size(), 1U);
    EXPECT_NEAR(a.peaks[0].hz, 612.3, 0.1);
    EXPECT_NEAR(a.peaks[0].amplitude, 3, 0.02);
    EXPECT_NEAR(a.bands.at(0), 4.5, 0.05) << "the mean square of the tone";
    EXPECT_NEAR(a.quantiles.at(0), 10, 0.3);
    EXPECT_EQ(std::accumulate(a.histogram.begin(), a.histogram.end(), 0ULL), a.count);
    EXPECT_NEAR(view->covariance.at(0), 4.5, 0.1);
    EXPECT_NEAR(view->correlation.at(1), 0, 0.2) << "noise";
  }
  const Json told = Json::parse(run("chappectl", {"describe", "tone", "--json", "--instance", instance.name()}).out).at("windows").at(1);
  EXPECT_EQ(told.at("channels")[0].at("quantiles").size(), 1U);
  EXPECT_NEAR(told.at("channels")[0].at("quantiles").at("p50").get<double>(), 10, 0.3);
  EXPECT_NEAR(told.at("channels")[0].at("spectrum").at("peaks").at(0).at("hz").get<double>(), 612.3, 0.1);
  EXPECT_NEAR(told.at("channels")[0].at("spectrum").at("bands").at("around").get<double>(), 4.5, 0.05);
  EXPECT_EQ(told.at("covariance").size(), 2U);
  EXPECT_EQ(told.at("correlation").at(1).at(1), 1);
  EXPECT_EQ(told.at("analysis").at("partial"), false);
  producer.signal(SIGTERM);
  EXPECT_EQ(producer.wait_for(kPatience), 0);
  aggregator.signal(SIGTERM);
  EXPECT_EQ(aggregator.wait_for(kPatience), 0);
  EXPECT_THAT(instance.objects(), IsEmpty());
}

TEST(Analysis, goes_on_after_a_kill_with_the_boards_windows_and_follows_a_reload) {
  const Instance instance;
  instance.configure(config());
  Child producer = instance.producer(), aggregator = instance.aggregator();
  std::uint64_t seen = 0;
  for (int kill = 0; kill < 3; ++kill) {
    const auto view = wait_for(instance, "proof", seen + 2);
    ASSERT_TRUE(view) << instance.log("chappe-aggregator");
    seen = view->results;
    EXPECT_EQ(view->channels.at(1).channel, "size") << "derived channels are analysed, too";
    EXPECT_EQ(view->channels[1].quantiles.at(1), view->channels[0].quantiles.at(1));
    EXPECT_EQ(view->frames, 500U);
    if (view->partial)
      EXPECT_LT(view->analysed, view->frames);
    else
      EXPECT_EQ(view->analysed, view->frames);
    aggregator.kill_it();
    aggregator = instance.aggregator();
  }
  ASSERT_TRUE(wait_for(instance, "proof", seen + 2)) << "the counts go on";
  instance.configure(config("quantiles = [0.1, 0.2, 0.9]"));
  aggregator.signal(SIGUSR1);
  EXPECT_TRUE(instance.until([&] {
    const auto views = analysis_of(instance, "proof");
    return !views.empty() && views[0].results > 1 && views[0].levels.size() == 3 && views[0].covariance.empty();
  })) << instance.log("chappe-aggregator");
  instance.configure(config(""));
  aggregator.signal(SIGUSR1);
  EXPECT_TRUE(instance.until([&] { return analysis_of(instance, "proof").empty() && !analysis_of(instance, "tone").empty(); }))
      << "an empty table asks for nothing";
  EXPECT_EQ(Instance::does_not_close(instance.ledger()), "");
  producer.signal(SIGTERM);
  EXPECT_EQ(producer.wait_for(kPatience), 0);
  aggregator.signal(SIGTERM);
  EXPECT_EQ(aggregator.wait_for(kPatience), 0);
  EXPECT_THAT(instance.objects(), IsEmpty());
}

}  // namespace
}  // namespace chappe::whole
