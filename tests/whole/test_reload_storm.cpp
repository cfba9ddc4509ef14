// Reloads under load: 300 files, good and bad, each awaited; then a storm of signals, with files coming and going. Nothing is lost, the
// good ones are in force, the bad ones are not, and say why. What is asserted is the status, the ledger and the window rows, never a time.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <map>
#include <random>

#include "harness.hpp"
#include "rt/clock.hpp"
#include "window_rows.hpp"

namespace chappe::whole {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kReloads = 300;
constexpr int kSignals = 10'000;                                // one a millisecond
constexpr int kMostGrowthKib = kSanitized ? 1 << 20 : 8 << 10;  // a sanitizer keeps freed memory
constexpr int kFileEvery = 250;                                 // signals

/// What a good file changes.
struct Setting {
  std::uint64_t frames = 20;  ///< in a window of the stream `proof`
  int rate = 1000;            ///< of the stream `power`
  std::string level = "info";
};

/// The load of the default configuration, with `proof` faster, so that each file soon closes windows: 205,640 samples a second.
std::string file_of(const std::string& log, const Setting& s, int blocks = 512) {
  return "[window_log]\npath = \"" + log + "\"\n[ring]\nblocks = " + std::to_string(blocks) + "\n[log]\nlevel = \"" + s.level +
         "\"\n[[stream]]\nname = \"proof\"\nrate = 5000\nchannels = [{name = \"a\", waveform = \"index\"}, {name = \"b\", waveform = "
         "\"index\"}]\n[[stream.window]]\nframes = " +
         std::to_string(s.frames) +
         "\n[[stream]]\nname = \"vibration\"\nrate = 25600\nchannels = 6\n[[stream]]\nname = \"imu\"\nrate = 4000\nchannels = 9\n"
         "[[stream]]\nname = \"power\"\ntype = \"f64\"\nchannels = 6\nrate = " +
         std::to_string(s.rate) + "\n[[stream]]\nname = \"environment\"\nrate = 10\nchannels = 4\n";
}

struct Bad {
  std::string file, reason;
};

/// A file that must be refused, by the parser, the reader, the validator, or because a running ring cannot become it.
Bad bad_file(const std::string& log, unsigned kind, const Setting& good) {
  Setting other = good;
  switch (kind % 4) {
    case 0:
      return {file_of(log, good) + "[producer\n", "not TOML"};
    case 1:
      return {file_of(log, good) + "dropuot = 0.5\n", "dropuot: unknown key; nearest known: dropout"};
    case 2:
      other.rate = 0;
      return {file_of(log, other), "stream[3].rate"};
    default:
      return {file_of(log, good, 1024), "cannot change while running: ring.blocks"};
  }
}

/// Another good setting: one of the three is another than before.
Setting changed(Setting s, unsigned what, unsigned value) {
  const std::string levels[] = {"trace", "debug", "info", "warn", "error"};
  const std::uint64_t frames = 10 + value % 40;
  const int rate = 500 + static_cast<int>(value % 1000);
  if (what % 3 == 0) s.frames = s.frames == frames ? 50 : frames;
  if (what % 3 == 1) s.rate = s.rate == rate ? 1500 : rate;
  if (what % 3 == 2) s.level = s.level == levels[value % 5] ? levels[(value + 1) % 5] : levels[value % 5];
  return s;
}

class Reloads : public ::testing::Test {
 protected:
  void start(const Setting& setting) {
    instance_.configure(file_of(log_, setting));
    aggregator_ = instance_.aggregator();
    producer_ = instance_.producer();
    ASSERT_TRUE(instance_.until([&] { return merged(1000); })) << logs();
    before_ = instance_.status();
  }
  bool merged(std::uint64_t frames) const {
    const Json ledger = instance_.ledger();
    return ledger.is_object() && !ledger["streams"].empty() && ledger["streams"][0]["aggregated"].get<std::uint64_t>() > frames;
  }
  /// Their ends: thousands of refusals are not read.
  std::string logs() const {
    std::string text;
    for (const char* program : {"chappe-producer", "chappe-aggregator"}) {
      const std::string log = instance_.log(program);
      text += std::string("\n") + program + ": ..." + log.substr(log.size() - std::min<std::size_t>(log.size(), 6000));
    }
    return text;
  }
  void signal_both(int number) const {
    producer_.signal(number);
    aggregator_.signal(number);
  }
  /// The rate of `power` as the aggregator measures it, each second.
  bool power_runs_at(int rate) const {
    const Json answer = instance_.ask("streams");
    for (const auto& stream : answer["streams"]) {
      if (stream["stream"] == "power")
        return stream["rate_hz"].is_number() && std::abs(stream["rate_hz"].get<double>() - rate) < 0.04 * rate;
    }
    return false;
  }
  void expect_same_processes(const Json& status) const {
    for (const char* process : {"producer", "aggregator"}) {
      EXPECT_EQ(status["processes"][process]["pid"], before_["processes"][process]["pid"]);
      EXPECT_EQ(status["processes"][process]["since"], before_["processes"][process]["since"]);
      EXPECT_TRUE(status["processes"][process]["alive"].get<bool>()) << process;
    }
    EXPECT_EQ(status["ring"]["epoch"], before_["ring"]["epoch"]);
    EXPECT_EQ(status["ring"]["incarnation"], before_["ring"]["incarnation"]);
  }
  /// Ends both in order: no frame of any stream was lost, and the log has each of `proof`, once and exact.
  void expect_nothing_lost() {
    producer_.signal(SIGTERM);
    ASSERT_EQ(producer_.wait_for(20 * rt::kSecond), 0) << logs();
    const Json closing = instance_.ledger();
    EXPECT_EQ(Instance::does_not_close(closing), "");
    EXPECT_EQ(Instance::losses(closing), "");
    const Json& proof = closing["streams"][0];
    EXPECT_EQ(proof["aggregated"], proof["acquired"]);
    aggregator_.signal(SIGTERM);
    ASSERT_EQ(aggregator_.wait_for(20 * rt::kSecond), 0) << logs();
    EXPECT_THAT(instance_.objects(), IsEmpty());
    const auto rows = proof_rows();
    for (const Row& row : rows) ASSERT_EQ(not_of_index(row, row.channel == "b" ? 1 : 0), "");
    for (const char* channel : {"a", "b"}) EXPECT_EQ(not_each_frame_once(rows, channel, proof["aggregated"].get<std::uint64_t>()), "");
  }
  /// The newest rows of the log have a whole window of this generation and length.
  bool in_force(std::uint64_t generation, std::uint64_t frames) const {
    const auto rows = rows_of(log_, "proof", 64 << 10);
    return std::any_of(rows.rbegin(), rows.rend(), [&](const Row& row) { return row.generation == generation && row.count == frames; });
  }
  std::vector<Row> proof_rows() const { return rows_of(log_, "proof"); }

  Instance instance_;
  const std::string log_ = instance_.path("windows.csv");
  Child aggregator_, producer_;
  Json before_;
};

/// What one reload must have done to a process, beside what it was before.
void expect_outcome(const Json& now, const Json& then, const std::string& refusal) {
  const bool good = refusal.empty();
  EXPECT_EQ(now["last_reload"]["ok"], good);
  EXPECT_EQ(now["last_reload"]["failed"].get<int>(), then["last_reload"]["failed"].get<int>() + (good ? 0 : 1));
  EXPECT_EQ(now["config_generation"].get<int>(), then["config_generation"].get<int>() + (good ? 1 : 0));
  EXPECT_EQ(now["config_hash"] != then["config_hash"], good);
  if (good) {
    EXPECT_TRUE(now["last_reload"]["error"].is_null()) << now.dump();
  } else {
    EXPECT_THAT(now["last_reload"]["error"].dump(), HasSubstr(refusal));
  }
}

TEST_F(Reloads, of_three_hundred_files_every_good_one_is_applied_every_bad_one_refused_and_no_frame_is_lost) {
  Setting setting;
  ASSERT_NO_FATAL_FAILURE(start(setting));
  std::mt19937 random(1794);
  Json then = before_;
  std::map<std::uint64_t, std::uint64_t> frames_of{{then["processes"]["aggregator"]["config_generation"], setting.frames}};
  for (int i = 1; i <= kReloads && !HasFailure(); ++i) {
    const auto kind = static_cast<unsigned>(random());
    const bool good = kind % 2 == 0;
    const Bad bad = bad_file(log_, kind / 2, setting);
    if (good) setting = changed(setting, kind / 2, static_cast<unsigned>(random()));
    instance_.configure(good ? file_of(log_, setting) : bad.file);
    signal_both(SIGUSR1);
    Json now;
    ASSERT_TRUE(instance_.until([&] {
      now = instance_.status();
      return now["processes"]["aggregator"]["last_reload"]["count"] == i && now["processes"]["producer"]["last_reload"]["count"] == i;
    })) << "reload "
        << i << ": " << now.dump();
    SCOPED_TRACE("reload " + std::to_string(i) + (good ? "" : ", refused for " + bad.reason));
    for (const char* process : {"producer", "aggregator"})
      expect_outcome(now["processes"][process], then["processes"][process], good ? "" : bad.reason);
    EXPECT_EQ(now["processes"]["producer"]["config_hash"], now["processes"]["aggregator"]["config_hash"]);
    expect_same_processes(now);
    const std::uint64_t generation = now["processes"]["aggregator"]["config_generation"];
    frames_of[generation] = setting.frames;
    EXPECT_TRUE(instance_.until([&] { return in_force(generation, setting.frames); })) << "no such window in the log";
    then = now;
  }
  EXPECT_TRUE(instance_.until([&] { return power_runs_at(setting.rate); })) << setting.rate << ": " << instance_.ask("streams").dump();
  expect_nothing_lost();
  for (const Row& row : proof_rows()) {
    const std::uint64_t frames = frames_of[row.generation];
    ASSERT_GE(row.first, row.window * frames) << "generation " << row.generation;
    ASSERT_LE(row.first + row.count, (row.window + 1) * frames) << "generation " << row.generation;
  }
}

TEST_F(Reloads, after_a_storm_of_a_thousand_signals_a_second_the_last_file_is_in_force_and_no_frame_is_lost) {
  const Setting last{777, 1300, "info"};
  ASSERT_NO_FATAL_FAILURE(start(last));
  const Json wanted_hash = before_["processes"]["producer"]["config_hash"];
  std::mt19937 random(1837);
  Setting setting;
  const std::int64_t start_ns = rt::monotonic_ns();
  const int producer_kib = producer_.own_kib(), aggregator_kib = aggregator_.own_kib();
  for (int i = 0; i < kSignals; ++i) {
    if (i % kFileEvery == 0) {
      const auto kind = static_cast<unsigned>(random());
      setting = changed(setting, kind / 4, static_cast<unsigned>(random()));
      instance_.configure(kind % 4 == 0 ? bad_file(log_, kind / 4, setting).file : file_of(log_, setting));
    }
    if (i == kSignals - 1) instance_.configure(file_of(log_, last));  // only the very last signal tells of it
    signal_both(i % 2 == 0 ? SIGUSR1 : SIGHUP);
    rt::sleep_until(start_ns + (i + 1) * rt::kMillisecond);
  }
  Json now;
  ASSERT_TRUE(instance_.until([&] {
    now = instance_.status();
    const Json& p = now["processes"];
    if (p["producer"]["config_hash"] != wanted_hash || p["aggregator"]["config_hash"] != wanted_hash) return false;
    return in_force(p["aggregator"]["config_generation"], last.frames);
  })) << now.dump();
  for (const char* process : {"producer", "aggregator"}) {
    const Json& reload = now["processes"][process]["last_reload"];
    RecordProperty(std::string(process) + "_reloads", reload["count"].get<int>());
    EXPECT_TRUE(reload["ok"].get<bool>()) << reload.dump();
    EXPECT_GT(reload["failed"].get<int>(), 0) << "bad files were there, too";
    EXPECT_GT(reload["count"].get<int>(), 2 * kSignals / kFileEvery) << "more than one for each file";
  }
  expect_same_processes(now);
  EXPECT_LT(producer_.own_kib() - producer_kib, kMostGrowthKib) << "KiB more than " << producer_kib;
  EXPECT_LT(aggregator_.own_kib() - aggregator_kib, kMostGrowthKib) << "KiB more than " << aggregator_kib;
  EXPECT_TRUE(instance_.until([&] { return power_runs_at(last.rate); })) << instance_.ask("streams").dump();
  expect_nothing_lost();
}

}  // namespace
}  // namespace chappe::whole
