// Calibrated and derived channels through the real programs: the example over its recording, and a stream in closed form while the
// aggregator is killed and reloaded. Every row of the window log is proved.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>

#include "harness.hpp"
#include "rt/clock.hpp"
#include "window_rows.hpp"

namespace chappe::whole {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string text_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

void replace(std::string& text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  ASSERT_NE(at, std::string::npos) << what;
  text.replace(at, what.size(), by);
}

/// What numpy makes of the recording, by channel. Nothing: it is not there.
std::vector<std::vector<double>> by_numpy(const std::string& config, const std::string& recording, std::size_t channels) {
  const std::string command = std::string(CHAPPE_SOURCE_DIR) + "/tests/reference/calibration.py " + config + " " + recording;
  FILE* pipe = popen(command.c_str(), "r");
  std::vector<std::vector<double>> columns(channels);
  double value = 0;
  for (std::size_t i = 0; pipe != nullptr && std::fread(&value, sizeof value, 1, pipe) == 1; ++i) columns[i % channels].push_back(value);
  const int status = pipe != nullptr ? pclose(pipe) : -1;
  EXPECT_TRUE(status == 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 77)) << command;
  return columns;
}

/// The row against a two-pass computation in long double. Empty, or what is wrong.
std::string not_of_values(const Row& row, const std::vector<double>& values) {
  std::uint64_t count = 0, nan = 0;
  long double sum = 0;
  double min = std::numeric_limits<double>::infinity(), max = -min;
  for (std::uint64_t i = row.first; i < std::min<std::uint64_t>(row.first + 1000, values.size()); ++i) {
    if (std::isnan(values[i])) {
      ++nan;
      continue;
    }
    ++count;
    sum += static_cast<long double>(values[i]);
    min = std::min(min, values[i]);
    max = std::max(max, values[i]);
  }
  const auto mean = static_cast<double>(sum / static_cast<long double>(count));
  // Each addition to a sum around a shift within [min, max] rounds by at most half an epsilon of a sum that is below count (max - min).
  const double bound =
      std::numeric_limits<double>::epsilon() * (static_cast<double>(count) / 2 * (max - min) + 4 * std::max(std::abs(min), std::abs(max)));
  if (row.count == count && row.nan == nan && row.min == min && row.max == max && std::abs(row.mean - mean) <= bound) return {};
  return "channel " + row.channel + " from " + std::to_string(row.first) + ": " + std::to_string(row.mean) + " for " + std::to_string(mean);
}

TEST(Example, gives_windows_of_calibrated_and_derived_channels_of_its_recording) {
  const char* folder = std::getenv("CHAPPE_DATA");
  const std::string recording =
      (folder != nullptr ? std::string(folder) : std::string(CHAPPE_SOURCE_DIR) + "/../shared/data") + "/imu_ngimu_short_walk.csv";
  if (!std::ifstream(recording)) GTEST_SKIP() << "no " << recording << " (CHAPPE_DATA names another folder)";
  const std::string example = std::string(CHAPPE_SOURCE_DIR) + "/config/examples/imu.toml";
  constexpr std::size_t kChannels = 8;
  const auto wanted = by_numpy(example, recording, kChannels);
  if (wanted[0].empty()) GTEST_SKIP() << "no python3 with numpy: apt-get install python3-numpy";
  const Instance instance;
  std::string config = text_of(example);
  replace(config, "\"imu_ngimu_short_walk.csv\"", "\"" + recording + "\"");
  replace(config, "\"windows.csv\"", "\"" + instance.path("windows.csv") + "\"");
  replace(config, "[[stream.window]]\nduration = \"1s\"\n", "");
  instance.configure(config);
  Child aggregator = instance.aggregator();
  Child producer = instance.producer();
  ASSERT_EQ(producer.wait_for(60 * rt::kSecond), 0) << instance.log("chappe-producer") << instance.log("chappe-aggregator");
  const Json streams = instance.ask("streams")["streams"];
  ASSERT_EQ(streams[0]["channels"].size(), kChannels) << streams.dump();
  EXPECT_EQ(streams[0]["derived"], 2);
  EXPECT_EQ(streams[0]["channels"][3]["unit"], "m/s2") << "the recording says g";
  EXPECT_EQ(streams[0]["channels"][6]["channel"], "acceleration");
  EXPECT_EQ(streams[0]["channels"][7]["unit"], "m/s3");
  const Json ledger = instance.ledger();
  EXPECT_EQ(Instance::does_not_close(ledger) + Instance::losses(ledger), "");
  aggregator.signal(SIGTERM);
  ASSERT_EQ(aggregator.wait_for(20 * rt::kSecond), 0) << instance.log("chappe-aggregator");
  EXPECT_THAT(instance.objects(), IsEmpty());
  const auto rows = rows_of(instance.path("windows.csv"), "imu");
  ASSERT_EQ(rows.size(), 17 * kChannels);
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(not_of_values(rows[i], wanted[i % kChannels]), "");
}

/// 10,000 frames a second of the frame index i, calibrated to s i + 1; its sum with the raw one and its derivative behind.
class Calibrated : public ::testing::Test {
 protected:
  static std::string file_of(const std::string& log, const std::string& scale, const std::string& more = "") {
    return "[window_log]\npath = \"" + log +
           "\"\n[[stream]]\nname = \"proof\"\nrate = 10000\ntype = \"f32\"\nchannels = [{ name = \"x\", waveform = \"index\" }, { name = "
           "\"raw\", waveform = \"index\" }]\n[[stream.window]]\nframes = 100\n"
           "[[stream.calibration]]\nchannels = [\"x\"]\nscale = " +
           scale + "\noffset = 1\n" +
           "[[stream.derived]]\nname = \"sum\"\nsum = [\"x\", \"raw\"]\n[[stream.derived]]\nname = \"slope\"\nderivative = [\"x\"]\n" +
           more;
  }
  [[nodiscard]] std::uint64_t aggregated() const {
    const Json ledger = instance_.ledger();
    return ledger.is_object() && !ledger["streams"].empty() ? ledger["streams"][0]["aggregated"].get<std::uint64_t>() : 0;
  }
  bool flows(std::uint64_t frames) {
    const std::uint64_t from = aggregated();
    return instance_.until([&] { return aggregated() > from + frames; });
  }
  void end_in_order() {
    producer_.signal(SIGTERM);
    EXPECT_EQ(producer_.wait_for(20 * rt::kSecond), 0) << instance_.log("chappe-producer");
    const Json closing = instance_.ledger();
    EXPECT_EQ(Instance::does_not_close(closing) + Instance::losses(closing), "");
    aggregator_.signal(SIGTERM);
    EXPECT_EQ(aggregator_.wait_for(20 * rt::kSecond), 0) << instance_.log("chappe-aggregator");
    EXPECT_THAT(instance_.objects(), IsEmpty());
  }
  /// Whether the row is that of its frames under this scale, to the rounding of a mean; `slopes_none`: frames without a derivative.
  static std::string not_of(const Row& row, double scale, std::uint64_t slopes_none) {
    const auto first = static_cast<double>(row.first);
    const bool slope = row.channel == "slope";
    const auto frames = static_cast<double>(row.count + row.nan);
    const auto value = [&](double i) {
      if (row.channel == "x") return scale * i + 1;
      if (row.channel == "raw") return i + 1;
      return row.channel == "sum" ? scale * i + 1 + (i + 1) : scale / 1e-4;
    };
    const double low = value(first), high = value(first + frames - 1), bound = 1e-9 * (std::abs(high) + 1);
    const bool good = row.missing == 0 && row.nan == (slope ? slopes_none : 0) && std::abs(row.min - low) <= bound &&
                      std::abs(row.max - high) <= bound && std::abs(row.mean - (low + high) / 2) <= bound;
    if (good) return {};
    return row.channel + " from " + std::to_string(row.first) + ", " + std::to_string(row.count) + " values, NaN " +
           std::to_string(row.nan) + ": " + std::to_string(row.min) + ", " + std::to_string(row.mean) + ", " + std::to_string(row.max);
  }
  Instance instance_;
  std::string log_ = instance_.path("windows.csv");
  Child aggregator_, producer_;
};

TEST_F(Calibrated, go_on_through_kills_of_the_aggregator_without_a_frame_more_whose_derivative_is_lost) {
  instance_.configure(file_of(log_, "2"));
  producer_ = instance_.producer();
  for (int kill = 0; kill < 8; ++kill) {
    aggregator_ = instance_.aggregator();
    ASSERT_TRUE(flows(1000)) << instance_.log("chappe-aggregator");
    aggregator_.kill_it();
  }
  aggregator_ = instance_.aggregator();
  ASSERT_TRUE(flows(1000)) << instance_.log("chappe-aggregator");
  end_in_order();
  const auto rows = rows_of(log_, "proof");
  ASSERT_GT(rows.size(), 4U * 90);
  for (const Row& row : rows) EXPECT_EQ(not_of(row, 2, row.first == 0 ? 1 : 0), "");
}

TEST_F(Calibrated, change_live_and_no_row_holds_values_of_two) {
  instance_.configure(file_of(log_, "1"));
  producer_ = instance_.producer();
  aggregator_ = instance_.aggregator();
  for (int scale = 2; scale <= 6; ++scale) {
    ASSERT_TRUE(flows(500)) << instance_.log("chappe-aggregator");
    // Two of the five reloads change the channels too, and so make the board anew.
    instance_.configure(
        file_of(log_, std::to_string(scale), scale == 4 || scale == 5 ? "[[stream.derived]]\nname = \"more\"\nsum = [\"raw\"]\n" : ""));
    ASSERT_EQ(instance_.ask("reload")["ok"], true) << instance_.log("chappe-aggregator");
  }
  ASSERT_TRUE(flows(500)) << instance_.log("chappe-aggregator");
  end_in_order();
  std::map<std::string, std::uint64_t> next;
  std::map<std::uint64_t, std::uint64_t> begun;  // generation, first frame
  for (const Row& row : rows_of(log_, "proof")) {
    const bool first = begun.emplace(row.generation, row.first).first->second == row.first;
    if (row.channel == "more") continue;
    EXPECT_EQ(not_of(row, static_cast<double>(row.generation), first ? 1 : 0), "");
    EXPECT_EQ(row.first, next[row.channel]) << row.channel;
    next[row.channel] = row.first + row.count + row.nan;
  }
  EXPECT_EQ(begun.size(), 6U);
}

TEST(Refused, calibration_is_told_in_the_log_and_the_json_and_the_stream_goes_on) {
  const Instance instance;
  const std::string file = instance.path("x.csv");
  std::ofstream(file) << "time,a,b\n0,1,2\n1,3,4\n";
  instance.configure("[producer]\non_full = \"wait\"\n[[stream]]\nname = \"r\"\nsource = \"replay\"\nfile = \"" + file +
                     "\"\nas_fast_as_possible = true\nloop = false\n[[stream.calibration]]\nchannels = [\"a\", \"c\"]\nscale = 10\n");
  Child aggregator = instance.aggregator();
  Child producer = instance.producer();
  ASSERT_EQ(producer.wait_for(60 * rt::kSecond), 0) << instance.log("chappe-producer") << instance.log("chappe-aggregator");
  EXPECT_THAT(instance.log("chappe-aggregator"), HasSubstr("stream r: calibration[0] names channel \"c\", which the stream does not have"));
  const Json stream = instance.ask("streams")["streams"][0];
  EXPECT_EQ(stream["calibration_refused"], true);
  EXPECT_EQ(stream["channels"][0]["max"], 3.0) << stream.dump();
  aggregator.signal(SIGTERM);
  EXPECT_EQ(aggregator.wait_for(20 * rt::kSecond), 0);
}

}  // namespace
}  // namespace chappe::whole
