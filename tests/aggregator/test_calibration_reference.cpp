// The example configuration over the recording it is for: each calibrated and derived value has the bits that numpy gives it.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "aggregator/calibration.hpp"
#include "tests/aggregator/windows.hpp"

namespace chappe::aggregator {
namespace {

struct Recording {
  std::vector<std::string> names;
  std::vector<std::int64_t> times_ns;
  std::vector<double> values;  ///< [frame][channel]
};

Recording read(const std::string& path) {
  Recording out;
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  for (std::size_t at = line.find(','); at != std::string::npos; at = line.find(',', at + 1))
    out.names.push_back(line.substr(at + 1, line.find(" (", at) - at - 1));
  while (std::getline(file, line)) {
    const char* at = line.c_str();
    char* end = nullptr;
    out.times_ns.push_back(std::llround(std::strtod(at, &end) * 1e9));
    for (std::size_t c = 0; c < out.names.size(); ++c) {
      at = end + 1;
      out.values.push_back(std::strtod(at, &end));
    }
  }
  return out;
}

/// nullopt: numpy is not there.
std::optional<std::vector<double>> reference(const std::string& config, const std::string& recording) {
  const std::string script = CHAPPE_SOURCE_DIR "/tests/reference/calibration.py";
  FILE* pipe = popen((script + " " + config + " " + recording).c_str(), "r");
  std::vector<double> values;
  double value = 0;
  while (pipe != nullptr && std::fread(&value, sizeof value, 1, pipe) == 1) values.push_back(value);
  const int status = pipe != nullptr ? pclose(pipe) : -1;
  if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)) return std::nullopt;
  EXPECT_EQ(status, 0) << script;
  return values;
}

TEST(CalibrationReference, gives_each_value_of_a_recording_the_bits_that_numpy_does) {
  const char* folder = std::getenv("CHAPPE_DATA");
  const std::string recording =
      (folder != nullptr ? std::string(folder) : CHAPPE_SOURCE_DIR "/../shared/data") + "/imu_ngimu_short_walk.csv";
  if (!std::ifstream(recording)) GTEST_SKIP() << "no " << recording << " (CHAPPE_DATA names another folder)";
  const std::string example = CHAPPE_SOURCE_DIR "/config/examples/imu.toml";
  const auto wanted = reference(example, recording);
  if (!wanted) GTEST_SKIP() << "no python3 with numpy: apt-get install python3-numpy";
  const Recording in = read(recording);
  const config::LoadResult loaded = config::load_file(example);
  ASSERT_TRUE(loaded.faults.empty()) << config::describe(loaded.faults);
  const auto plan = plan_calibration(loaded.loaded.config.streams.at(0), in.names);
  ASSERT_TRUE(plan) << plan.error().text;
  const std::size_t channels = in.names.size();
  Calibration calibration(*plan, channels, sizeof(double), channels * sizeof(double), kCapacity);
  StreamStatistics statistics(calibration.channels(), sizeof(double), calibration.stride(), kCapacity, true, {frames(1000)}, 1);
  Collector sink;
  std::vector<double> got;
  for (std::size_t first = 0; first < in.times_ns.size(); first += kCapacity) {
    BlockView block{.data = reinterpret_cast<const std::byte*>(&in.values[first * channels]),
                    .times_ns = &in.times_ns[first],
                    .first_frame = first,
                    .frames = static_cast<std::uint32_t>(std::min<std::size_t>(kCapacity, in.times_ns.size() - first)),
                    .t_first_ns = in.times_ns[first],
                    .period_ns = 0};
    block.data = calibration.apply(block, statistics.open(0), statistics.open_moments(0));
    for (std::size_t f = 0; f < block.frames; ++f) {
      const auto* values = reinterpret_cast<const double*>(block.data + f * calibration.stride());
      got.insert(got.end(), values, values + calibration.channels());
    }
    statistics.measure(block);
    statistics.merge(sink);
  }
  ASSERT_EQ(got.size(), wanted->size());
  ASSERT_EQ(got.size(), 16'539U * 8U);
  std::size_t nan = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    nan += std::isnan(got[i]) ? 1U : 0U;
    ASSERT_TRUE(std::isnan(got[i]) ? std::isnan((*wanted)[i]) : same_bits(got[i], (*wanted)[i]))
        << "channel " << i % 8 << " frame " << i / 8 << ": " << got[i] << " against " << (*wanted)[i];
  }
  EXPECT_GT(nan, 1U) << "frames of equal time have no derivative";
}

}  // namespace
}  // namespace chappe::aggregator
