#include <gmock/gmock.h>

#include <functional>

#include "config/config.hpp"

namespace chappe::config {
namespace {

Config base() {
  return load_text(
             "[[stream]]\nname = \"a\"\nrate = 100\nchannels = 2\n"
             "[[stream]]\nname = \"r\"\nsource = \"replay\"\nfile = \"x.csv\"\n",
             "t")
      .loaded.config;
}

std::vector<std::string> refused(const std::function<void(Config&)>& change) {
  const Config now = base();
  Config next = now;
  change(next);
  EXPECT_NE(now, next);
  return refused_live(now, next);
}

TEST(Diff, refuses_nothing_when_nothing_changes) { EXPECT_TRUE(refused_live(base(), base()).empty()); }

TEST(Diff, lets_windows_calibrations_rates_waveforms_level_refresh_and_the_stall_timeout_change_live) {
  EXPECT_TRUE(refused([](Config& c) { c.ring.stall_timeout_ns = 200'000'000; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.streams[0].windows = {{10, 0}}; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.streams[1].windows = {{10, 0}}; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.streams[0].calibration = {{{"ch0"}, 2, 0, {}, {}, {}, ""}}; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.streams[1].derived = {{"d", "", Operation::sum, {"x"}}}; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.default_windows = {{10, 0}}; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.streams[0].analysis.covariance = true; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.streams[0].shape = c.shape = false; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.max_series = 0; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.streams[0].metrics.all = c.default_metrics.all = false; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.streams[0].rate_hz = 7; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.streams[0].dropout_probability = 0.5; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.streams[0].channels[1] = {"ch1", "", Waveform::square, 2, 3, 4, 5, 0.6, 0.7}; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.log_level = "debug"; }).empty());
  EXPECT_TRUE(refused([](Config& c) { c.refresh_hz = 1; }).empty());
}

TEST(Diff, refuses_by_name_and_reason_what_cannot_change_live) {
  const std::pair<const char*, std::function<void(Config&)>> changes[] = {
      {"instance.name: ", [](Config& c) { c.instance = "other"; }},
      {"permissions.readers: ", [](Config& c) { c.permissions.readers = "nogroup"; }},
      {"ring.blocks: ", [](Config& c) { c.ring.blocks = 1024; }},
      {"ring.block_bytes: ", [](Config& c) { c.ring.block_bytes = 4096; }},
      {"ring.max_delay: ", [](Config& c) { c.ring.max_delay_ns = 1; }},
      {"producer.on_full: ", [](Config& c) { c.on_full = OnFull::wait; }},
      {"window_log.path: ", [](Config& c) { c.window_log = "x"; }},
      {"window_log.columns: ", [](Config& c) { c.window_log_all = true; }},
      {"metrics.producer: ", [](Config& c) { c.metrics["producer"].port = 1; }},
      {"realtime.feed: ", [](Config& c) { c.realtime.threads["feed"].priority = 1; }},
      {"stream: ", [](Config& c) { c.streams.pop_back(); }},
      {"stream[0].name: ", [](Config& c) { c.streams[0].name = "b"; }},
      {"stream[0].type: ", [](Config& c) { c.streams[0].type = SampleType::f64; }},
      {"stream[0].seed: ", [](Config& c) { c.streams[0].seed = 2; }},
      {"stream[0].channels: ", [](Config& c) { c.streams[0].channels.pop_back(); }},
      {"stream[0].channels[1].name: ", [](Config& c) { c.streams[0].channels[1].name = "z"; }},
      {"stream[0].channels[1].unit: ", [](Config& c) { c.streams[0].channels[1].unit = "V"; }},
      {"stream[1].source: ", [](Config& c) { c.streams[1].source = SourceKind::simulator; }},
      {"stream[1].rate: ", [](Config& c) { c.streams[1].rate_hz = 5; }},
      {"stream[1].file", [](Config& c) { c.streams[1].replay.file = "y.csv"; }},
  };
  for (const auto& [key, change] : changes) EXPECT_THAT(refused(change), testing::ElementsAre(testing::StartsWith(key))) << key;
}

TEST(Diff, lets_only_the_windows_of_a_memory_stream_change_live) {
  const Config now =
      load_text("[producer]\non_full = \"wait\"\n[[stream]]\nname = \"m\"\nsource = \"memory\"\nchannels = 2\n", "t").loaded.config;
  Config next = now;
  next.streams[0].windows = {{1000, 0}};
  EXPECT_TRUE(refused_live(now, next).empty());
  next.streams[0].type = SampleType::f64;
  next.streams[0].channels[1].unit = "V";
  EXPECT_THAT(refused_live(now, next),
              testing::ElementsAre(testing::StartsWith("stream[0].type: "), testing::StartsWith("stream[0].channels[1].unit: ")));
  next = now;
  next.streams[0].source = SourceKind::simulator;
  EXPECT_THAT(refused_live(now, next), testing::ElementsAre(testing::StartsWith("stream[0].source: ")));
}

TEST(Diff, names_all_that_it_refuses) {
  EXPECT_EQ(refused([](Config& c) {
              c.instance = "other";
              c.streams[0].type = SampleType::f64;
            }).size(),
            2u);
}

}  // namespace
}  // namespace chappe::config
