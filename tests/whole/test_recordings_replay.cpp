// Every recording, replayed by the real programs as f64 with windows of 1,000 frames: each row of the window log equals the reference that
// was computed apart from this project, by correctly rounded sums.
#include <gmock/gmock.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "harness.hpp"
#include "rt/clock.hpp"

namespace chappe::whole {
namespace {

std::string data_folder() {
  const char* named = std::getenv("CHAPPE_DATA");
  return named != nullptr ? named : std::string(CHAPPE_SOURCE_DIR) + "/../shared/data";
}

struct Recording {
  std::string file;
  std::vector<std::string> arguments;
};

std::vector<Recording> recordings() {
  std::vector<Recording> found;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(data_folder(), missing)) {
    const std::string file = entry.path().filename();
    const std::string ending = entry.path().extension();
    if (ending == ".csv" || ending == ".wav") found.push_back({file, {}});
    if (ending != ".bin") continue;
    const Json reference = Json::parse(std::ifstream(entry.path().string() + ".json"));
    const std::string format = file.find(".i16le.") != std::string::npos ? "i16le" : "f64le";
    found.push_back({file, {"--format", format, "--channels", std::to_string(reference["channels"].size())}});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.file < b.file; });
  return found;
}

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream text(line);
  for (std::string cell; std::getline(text, cell, ',');) out.push_back(cell);
  return out;
}

/// What double arithmetic with a shift may lose of a value derived from n numbers of magnitude up to `largest` with variance `var`: the
/// sums err by n * eps relative to the shifted magnitude (at most the range around the shift, 2 * largest), and so do mean and deviations.
double floor_of(double n, double largest) { return 8 * std::numeric_limits<double>::epsilon() * n * largest; }

void expect_near(double got, const Json& want, double floor, const std::string& what) {
  if (want.is_null()) {
    EXPECT_TRUE(std::isnan(got)) << what;
    return;
  }
  const double reference = want.get<double>();
  EXPECT_LE(std::abs(got - reference), 1e-9 * std::abs(reference) + floor) << what << ": " << got << " against " << reference;
}

class Replay : public ::testing::TestWithParam<Recording> {};

TEST_P(Replay, each_row_of_the_window_log_equals_the_reference) {
  if (GetParam().file.empty()) GTEST_SKIP() << "no recordings in " << data_folder() << " (CHAPPE_DATA names another folder)";
  const std::string source = data_folder() + "/" + GetParam().file;
  const Json reference = Json::parse(std::ifstream(source + ".json"));
  const Instance instance;
  instance.configure("[producer]\non_full = \"wait\"\n[[stream]]\nname = \"unused\"\nrate = 1\nchannels = 1\n");
  Child aggregator = instance.aggregator({"--window-frames", "1000", "--window-log", instance.path("out.csv")});
  std::vector<std::string> arguments = {"--replay", source, "--once", "--as-fast-as-possible", "--window-frames", "1000"};
  arguments.insert(arguments.end(), GetParam().arguments.begin(), GetParam().arguments.end());
  Child producer = instance.producer(arguments);
  ASSERT_EQ(producer.wait_for(60 * rt::kSecond), 0) << instance.log("chappe-producer") << instance.log("chappe-aggregator");
  const Json ledger = instance.ledger();
  EXPECT_EQ(Instance::does_not_close(ledger), "");
  EXPECT_EQ(ledger["streams"][0]["aggregated"], reference["frames"]) << ledger.dump();
  aggregator.signal(SIGTERM);
  ASSERT_EQ(aggregator.wait_for(20 * rt::kSecond), 0) << instance.log("chappe-aggregator");
  EXPECT_THAT(instance.objects(), ::testing::IsEmpty());

  const Json& channels = reference["channels"];
  const Json& windows = reference["windows"];
  std::ifstream log(instance.path("out.csv"));
  std::string line;
  std::getline(log, line);
  std::size_t rows = 0;
  while (std::getline(log, line)) {
    const auto row = cells(line);
    ASSERT_EQ(row.size(), 15U) << line;
    const std::size_t w = std::stoul(row[2]);
    const std::size_t c = rows++ % channels.size();
    ASSERT_LT(w, windows["start"].size()) << line;
    const Json& want = windows["channels"][channels[c]["name"].get<std::string>()];
    const std::string what = GetParam().file + " window " + row[2] + " channel " + row[1];
    const double n = want["count"][w].get<double>();
    EXPECT_EQ(std::stoull(row[7]), want["count"][w].get<std::uint64_t>()) << what;
    EXPECT_EQ(std::stoull(row[9]), windows["frames"][w].get<std::uint64_t>() - want["count"][w].get<std::uint64_t>()) << what;
    EXPECT_EQ(row[8], "0") << what;
    const double largest = n > 0 ? std::max(std::abs(want["min"][w].get<double>()), std::abs(want["max"][w].get<double>())) : 0;
    const double floor = floor_of(1, largest);
    expect_near(std::stod(row[10]), want["mean"][w], floor, what + " mean");
    expect_near(std::stod(row[11]), want["var_samp"][w], floor_of(1, largest) * largest, what + " variance");
    expect_near(std::stod(row[12]), want["min"][w], 0, what + " min");
    expect_near(std::stod(row[13]), want["max"][w], 0, what + " max");
    expect_near(std::stod(row[14]), want["rms"][w], floor, what + " rms");
  }
  EXPECT_EQ(rows, windows["start"].size() * channels.size());
}

std::vector<Recording> recordings_or_none() {
  auto found = recordings();
  if (found.empty()) found.push_back({"", {}});
  return found;
}

INSTANTIATE_TEST_SUITE_P(Recordings, Replay, ::testing::ValuesIn(recordings_or_none()), [](const auto& parameter) {
  std::string name;
  for (const char c : parameter.param.file) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name.empty() ? std::string("none") : name;
});

}  // namespace
}  // namespace chappe::whole
