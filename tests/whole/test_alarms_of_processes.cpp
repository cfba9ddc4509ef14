// Alarms through the real programs: a recording in which one channel of each kind breaks, while the aggregator is killed again and again; a
// stream that falls silent; an operator's orders.
#include <gmock/gmock.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <numbers>

#include "harness.hpp"
#include "rt/clock.hpp"

namespace chappe::whole {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kFrames = 6000, kFrom = 3033, kTo = 3650;  // 1 kHz; the fault
constexpr const char* kChannels[] = {"limit", "rate", "flat", "nan", "zscore"};

/// Six seconds of a sound sine in every channel; in one that is called after a kind of alarm, that fault.
void write_recording(const std::string& path) {
  std::ofstream out(path);
  out.precision(17);
  out << "time,limit,rate,flat,nan,zscore\n";
  for (int i = 0; i < kFrames; ++i) {
    const double sound = std::sin(0.1 * std::numbers::pi * i) + 0.01 * ((i * 37) % 11);
    const bool broken = i >= kFrom && i < kTo;
    out << 0.001 * i << ',' << (broken ? sound + 5 : sound) << ',' << (broken ? sound + 10 : sound) << ',' << (broken ? 0.25 : sound)
        << ',';
    if (broken && i % 3 == 0)
      out << "nan";
    else
      out << sound;
    out << ',' << (broken ? sound + (i % 2 == 0 ? 10 : -10) : sound) << '\n';
  }
}

constexpr const char* kAlarms = R"(
[[stream.window]]
frames = 100
[[stream.alarm]]
name = "limit"
kind = "limit"
channels = "limit"
of = "max"
above = 4
[[stream.alarm]]
name = "rate"
kind = "rate"
channels = "rate"
above = 15
[[stream.alarm]]
name = "flat"
kind = "flat"
channels = "flat"
after = "100ms"
[[stream.alarm]]
name = "nan"
kind = "nan"
channels = "nan"
above = 0.1
[[stream.alarm]]
name = "zscore"
kind = "zscore"
channels = "zscore"
of = "deviation"
learn = 20
above = 20
[[stream.alarm]]
name = "stale"
kind = "stale"
after = "30s"
)";

std::string replay(const Instance& instance, const char* more) {
  return "[realtime]\nlock_memory = false\n[producer]\non_full = \"wait\"\n[[stream]]\nname = \"bench\"\nsource = \"replay\"\nfile = \"" +
         instance.path("broken.csv") + "\"\nloop = false\n" + more + kAlarms;
}

std::string simulated(const char* alarms) {
  return std::string(
             "[realtime]\nlock_memory = false\n[[stream]]\nname = \"s\"\nrate = 1000\nchannels = [{ name = \"c\", unit = \"V\", waveform = "
             "\"constant\", offset = 5 }]\n[[stream.window]]\nframes = 20\n") +
         alarms;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

/// Each kind's alarm was raised once and cleared once, and the silent one never.
void expect_each_once(const Json& alarms) {
  ASSERT_EQ(alarms.size(), 6U) << alarms.dump(1);
  for (const Json& alarm : alarms) {
    const bool broken = alarm["alarm"] != "stale";
    EXPECT_EQ(alarm["state"], "ok") << alarm.dump();
    EXPECT_EQ(alarm["raised"], broken ? 1 : 0) << alarm.dump();
    EXPECT_EQ(alarm["cleared"], broken ? 1 : 0) << alarm.dump();
    EXPECT_EQ(alarm["missed_windows"], 0) << alarm.dump();
    if (!broken) continue;
    EXPECT_EQ(alarm["channel"], alarm["alarm"]);
    EXPECT_GE(alarm["window"], kFrom / 100) << "of the end: " << alarm.dump();
    EXPECT_LE(alarm["window"], kTo / 100 + 1) << alarm.dump();
  }
}

TEST(Alarms, of_each_kind_are_raised_and_cleared_once_by_a_recording_as_fast_as_it_goes) {
  const Instance instance;
  write_recording(instance.path("broken.csv"));
  instance.configure(replay(instance, "as_fast_as_possible = true\n"));
  Child aggregator = instance.aggregator();
  Child producer = instance.producer();
  ASSERT_EQ(producer.wait_for(60 * rt::kSecond), 0) << instance.log("chappe-producer") << instance.log("chappe-aggregator");
  ASSERT_TRUE(instance.until([&] { return instance.log("chappe-aggregator").find("ended in order") != std::string::npos; }));
  expect_each_once(instance.ask("alarms"));
  const std::string log = instance.log("chappe-aggregator");
  for (const char* channel : kChannels) {
    EXPECT_EQ(count(log, std::string("alarm '") + channel + "' of bench/" + channel + ": alarm"), 1U) << log;
    EXPECT_EQ(count(log, std::string("alarm '") + channel + "' of bench/" + channel + ": ok again"), 1U) << log;
  }
  aggregator.signal(SIGTERM);
  ASSERT_EQ(aggregator.wait_for(20 * rt::kSecond), 0) << instance.log("chappe-aggregator");
  EXPECT_THAT(instance.objects(), IsEmpty());
}

/// A tone of 200 Hz in a sound that has none.
TEST(Alarms, of_the_power_in_a_band_are_raised_and_cleared_once_within_one_window) {
  const Instance instance;
  std::ofstream out(instance.path("whine.csv"));
  out.precision(17);
  out << "time,x\n";
  for (int i = 0; i < kFrames; ++i) {
    const double whine = i >= kFrom && i < kTo ? 2 * std::sin(0.4 * std::numbers::pi * i) : 0;
    out << 0.001 * i << ',' << std::sin(0.1 * std::numbers::pi * i) + whine << '\n';
  }
  out.close();
  instance.configure(
      "[realtime]\nlock_memory = false\n[producer]\non_full = \"wait\"\n[[stream]]\nname = \"bench\"\nsource = \"replay\"\nfile = \"" +
      instance.path("whine.csv") +
      "\"\nloop = false\n[[stream.window]]\nframes = 100\n"
      "[stream.analysis]\nspectrum = { length = 64, bands = [{ name = \"whine\", low = 150, high = 250 }] }\n"
      "[[stream.alarm]]\nname = \"whines\"\nkind = \"band\"\nband = \"whine\"\nabove = 1\n");
  Child aggregator = instance.aggregator();
  Child producer = instance.producer();
  ASSERT_EQ(producer.wait_for(60 * rt::kSecond), 0) << instance.log("chappe-producer") << instance.log("chappe-aggregator");
  ASSERT_TRUE(instance.until([&] { return instance.log("chappe-aggregator").find("ended in order") != std::string::npos; }));
  const Json alarms = instance.ask("alarms");
  ASSERT_EQ(alarms.size(), 1U) << instance.log("chappe-aggregator");
  const Json& alarm = alarms[0];
  EXPECT_EQ(alarm["state"], "ok") << alarm.dump(1);
  EXPECT_EQ(alarm["raised"], 1) << alarm.dump(1);
  EXPECT_EQ(alarm["cleared"], 1) << alarm.dump(1);
  EXPECT_EQ(alarm["missed_windows"], 0) << alarm.dump(1);
  EXPECT_GE(alarm["window"], kTo / 100) << "of the end: " << alarm.dump(1);
  EXPECT_LE(alarm["window"], kTo / 100 + 1) << alarm.dump(1);
  EXPECT_EQ(count(instance.log("chappe-aggregator"), "alarm 'whines' of bench/x: alarm"), 1U) << instance.log("chappe-aggregator");
  EXPECT_THAT(instance.log("chappe-aggregator"), HasSubstr("power in band whine"));
  aggregator.signal(SIGTERM);
  ASSERT_EQ(aggregator.wait_for(20 * rt::kSecond), 0) << instance.log("chappe-aggregator");
}

TEST(Alarms, are_raised_once_while_the_aggregator_is_killed_again_and_again) {
  const Instance instance;
  write_recording(instance.path("broken.csv"));
  instance.configure(replay(instance, ""));
  Child aggregator = instance.aggregator();
  Child producer = instance.producer();
  int kills = 0;
  while (!producer.wait_for(200 * rt::kMillisecond)) {
    ASSERT_LT(kills, 200) << instance.log("chappe-producer");
    if (aggregator.poll()) FAIL() << instance.log("chappe-aggregator");
    aggregator.kill_it();
    aggregator = instance.aggregator();
    ++kills;
  }
  EXPECT_GT(kills, 5);
  ASSERT_TRUE(instance.until([&] {
    const Json streams = instance.ask("streams")["streams"];
    return !streams.empty() && streams[0]["ended"] == true && instance.ask("alarms").size() == 6;
  }));
  expect_each_once(instance.ask("alarms"));
  for (const char* channel : kChannels) {
    EXPECT_LE(count(instance.log("chappe-aggregator"), std::string("alarm '") + channel + "' of bench/" + channel + ": alarm"), 1U);
  }
}

TEST(Alarms, of_silence_are_raised_once_when_a_stream_falls_silent_and_cleared_once_when_it_speaks) {
  const Instance instance;
  instance.configure(
      simulated("[[stream.alarm]]\nname = \"silent\"\nkind = \"stale\"\nafter = \"500ms\"\n"
                "[[stream.alarm]]\nname = \"high\"\nkind = \"limit\"\nabove = 10\n"));
  Child aggregator = instance.aggregator();
  Child producer = instance.producer();
  const auto alarm = [&](std::size_t i) {
    const Json alarms = instance.ask("alarms");
    return i < alarms.size() ? alarms[i] : Json{{"state", ""}};
  };
  ASSERT_TRUE(instance.until([&] { return alarm(1)["latest"].is_number(); })) << instance.log("chappe-aggregator");
  EXPECT_EQ(alarm(0)["state"], "ok");
  producer.signal(SIGSTOP);
  ASSERT_TRUE(instance.until([&] { return alarm(0)["state"] == "stale"; })) << instance.log("chappe-aggregator");
  EXPECT_EQ(alarm(0)["channel"], nullptr);
  EXPECT_GE(alarm(0)["value"], 0.5);
  aggregator.kill_it();
  aggregator = instance.aggregator();
  ASSERT_TRUE(instance.until([&] { return instance.log("chappe-aggregator").find("attached") != std::string::npos; }));
  EXPECT_EQ(alarm(0)["state"], "stale") << "a kill does not end it";
  producer.signal(SIGCONT);
  ASSERT_TRUE(instance.until([&] { return alarm(0)["state"] == "ok"; })) << instance.log("chappe-aggregator");
  EXPECT_EQ(alarm(0)["raised"], 1);
  EXPECT_EQ(alarm(0)["cleared"], 1);
  EXPECT_EQ(alarm(1)["raised"], 0);
}

TEST(Alarms, obey_an_operator_and_a_reload) {
  const Instance instance;
  instance.configure(simulated("[[stream.alarm]]\nname = \"high\"\nkind = \"limit\"\nabove = 4\n"));
  Child aggregator = instance.aggregator();
  Child producer = instance.producer();
  const auto alarm = [&] {
    const Json alarms = instance.ask("alarms");
    return alarms.empty() ? Json{{"state", ""}} : alarms[0];
  };
  ASSERT_TRUE(instance.until([&] { return alarm()["state"] == "alarm"; })) << instance.log("chappe-aggregator");
  EXPECT_EQ(alarm()["unit"], "V");
  const auto order = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--instance", instance.name(), "alarms"});
    return run("chappectl", words);
  };
  EXPECT_THAT(order({}).out, HasSubstr("mean 5 V, limit 4"));
  EXPECT_EQ(order({"acknowledge", "high"}).exit_code, 0);
  EXPECT_EQ(alarm()["acknowledged"], true);
  EXPECT_THAT(order({"list"}).out, HasSubstr("acknowledged"));
  EXPECT_EQ(order({"shelve", "high", "--for", "1h"}).exit_code, 0);
  EXPECT_GT(alarm()["shelved_until_ns"], rt::realtime_ns());
  EXPECT_THAT(order({}).out, HasSubstr("shelved until"));
  EXPECT_EQ(order({"shelve", "high", "--for", "0s"}).exit_code, 0);
  EXPECT_EQ(alarm()["shelved_until_ns"], 0);
  const Output unknown = order({"acknowledge", "low"});
  EXPECT_EQ(unknown.exit_code, 64);
  EXPECT_THAT(unknown.err, HasSubstr("there is no alarm 'low'"));
  instance.configure(
      simulated("[[stream.alarm]]\nname = \"high\"\nkind = \"limit\"\nabove = 6\n"
                "[[stream.alarm]]\nname = \"low\"\nkind = \"limit\"\nbelow = 7\n"));
  ASSERT_EQ(run("chappectl", {"--instance", instance.name(), "reload"}).exit_code, 0);
  ASSERT_TRUE(instance.until([&] {
    const Json alarms = instance.ask("alarms");
    return alarms.size() == 2 && alarms[0]["state"] == "ok" && alarms[1]["state"] == "alarm";
  })) << instance.ask("alarms").dump(1)
      << instance.log("chappe-aggregator");
  EXPECT_EQ(alarm()["raised"], 1);
}

TEST(Alarms, begin_with_a_reload_where_there_were_none) {
  const Instance instance;
  instance.configure(simulated(""));
  Child aggregator = instance.aggregator();
  Child producer = instance.producer();
  ASSERT_TRUE(instance.until([&] { return instance.log("chappe-aggregator").find("attached") != std::string::npos; }));
  EXPECT_EQ(instance.ask("alarms"), Json::array());
  instance.configure(simulated("[[stream.alarm]]\nname = \"high\"\nkind = \"limit\"\nabove = 4\n"));
  ASSERT_EQ(run("chappectl", {"--instance", instance.name(), "reload"}).exit_code, 0);
  ASSERT_TRUE(instance.until([&] {
    const Json alarms = instance.ask("alarms");
    return alarms.size() == 1 && alarms[0]["state"] == "alarm";
  })) << instance.log("chappe-aggregator");
  EXPECT_THAT(instance.display()["alarms"][0]["alarm"], "high");
}

}  // namespace
}  // namespace chappe::whole
