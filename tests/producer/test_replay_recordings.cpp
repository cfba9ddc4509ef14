#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "play.hpp"

namespace chappe::producer {
namespace {

namespace fs = std::filesystem;

fs::path data_folder() {
  const char* folder = std::getenv("CHAPPE_DATA");
  return folder != nullptr ? folder : CHAPPE_SOURCE_DIR "/../shared/data";
}

bool is_playable(const fs::path& path) {
  const auto ending = path.extension();
  return ending == ".csv" || ending == ".bin" || ending == ".wav";
}

/// Every value counts here: smallest, largest and their number are compared exactly with the reference, the mean to rounding.
void expect_equals_reference(const Played& played, std::size_t channel, const nlohmann::json& reference) {
  std::uint64_t count = 0;
  double smallest = INFINITY, largest = -INFINITY, sum = 0, magnitude = 0;
  for (const auto& row : played.rows) {
    const double value = row[channel];
    if (std::isnan(value)) continue;
    ++count;
    smallest = std::min(smallest, value);
    largest = std::max(largest, value);
    sum += value;
    magnitude += std::fabs(value);
  }
  ASSERT_EQ(count, reference.at("count").get<std::uint64_t>());
  if (count == 0) return;
  EXPECT_EQ(smallest, reference.at("min").get<double>());
  EXPECT_EQ(largest, reference.at("max").get<double>());
  const auto n = static_cast<double>(count);
  EXPECT_NEAR(sum / n, reference.at("mean").get<double>(),
              magnitude * 0x1p-53);  // n additions, each rounded by at most 2^-53 of the magnitude
}

void expect_plays_as_described(const fs::path& path) {
  const auto description = nlohmann::json::parse(std::ifstream(path.string() + ".json"));
  const auto& channels = description.at("channels");
  auto stream = replay_of(path);
  if (path.extension() == ".bin") stream.channels = channels_named(static_cast<std::uint32_t>(channels.size()));
  auto source = make_source(stream);
  ASSERT_TRUE(source) << source.error().text;
  ASSERT_EQ((*source)->shape().channels.size(), channels.size());
  const auto played = play(**source, 1'000'000);
  ASSERT_EQ(played.rows.size(), description.at("frames").get<std::size_t>());
  EXPECT_TRUE(played.ended);
  EXPECT_EQ((*source)->complaints(), "");
  for (std::size_t c = 0; c < channels.size(); ++c) {
    SCOPED_TRACE(channels[c].at("name").get<std::string>());
    expect_equals_reference(played, c, description.at("whole").at(channels[c].at("name").get<std::string>()));
  }
  const bool has_times = description.contains("timing") && path.extension() == ".csv";
  EXPECT_EQ((*source)->shape().explicit_times, has_times);
  if (!has_times) return;
  const auto& timing = description.at("timing");
  const std::string unit = timing.at("unit").get<std::string>();
  const double ns = unit == "s" ? 1e9 : unit == "ms" ? 1e6 : 1e3;
  EXPECT_NEAR(static_cast<double>(played.times_ns.front()), timing.at("first").get<double>() * ns,
              256);  // what a double of 1.4e18 ns resolves
  EXPECT_NEAR(static_cast<double>(played.times_ns.back()), timing.at("last").get<double>() * ns, 256);
}

TEST(ReplayRecordings, each_plays_with_the_channels_frames_and_values_of_its_description) {
  if (!fs::is_directory(data_folder())) GTEST_SKIP() << "no recordings in " << data_folder();
  int played = 0;
  for (const auto& entry : fs::directory_iterator(data_folder())) {
    if (!is_playable(entry.path())) continue;
    SCOPED_TRACE(entry.path().string());
    expect_plays_as_described(entry.path());
    ++played;
  }
  EXPECT_GT(played, 0);
}

}  // namespace
}  // namespace chappe::producer
