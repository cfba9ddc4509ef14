// Snapshots made by hand, families and text compared. Nothing here opens a socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <numeric>

#include "metrics/channels.hpp"
#include "metrics/collect.hpp"
#include "metrics/text.hpp"
#include "rt/histogram.hpp"

namespace chappe::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

const BuildInfo kBuild{"0.1.0", "abc123", "a compiler"};

shm::Account account(const std::string& name) {
  shm::Account a;
  a.stream = name;
  a.acquired = 1000;
  a.filled = 990;
  a.handed = 980;
  a.committed = 970;
  a.aggregated = 900;
  a.overrun = 20;
  a.dropped = {.full = 1, .pool = 2, .source = 3, .paused = 4, .crash = 5};
  a.overrun_pending = 6;
  a.in_flight = 50;
  a.unexplained = -7;
  return a;
}

shm::Snapshot snapshot_of_one_stream() {
  shm::Snapshot s;
  s.instance = "test";
  s.blocks = 512;
  s.fill = 0.25;
  s.epoch = 3;
  s.ledger.settled = true;
  s.ledger.streams = {account("imu")};
  shm::StreamView view;
  view.stream = "imu";
  view.windows_closed = 9;
  view.missing = 11;
  view.channels = {
      {.channel = "x", .unit = "m/s2", .mean = 1.5, .min = -2, .max = 4, .rms = 2.25, .variance = 0.125, .count = 98, .nan = 2},
      {.channel = "y", .unit = "m/s2", .mean = std::nan("")}};
  s.streams = {view};
  s.publications = 77;
  s.producer.threads = {{.name = "feed", .asked_fifo = true, .asked_priority = 60, .granted_fifo = false, .granted_priority = 0}};
  s.producer.config_generation = 4;
  s.producer.locked_bytes = 4096;
  return s;
}

/// As the process serves it; of the channels, what nobody chose otherwise.
std::string text_of(const shm::Snapshot& snapshot, Role role) {
  const std::string text = serialize(families_of(snapshot, role, kBuild));
  return role == Role::aggregator ? text + serialize(channel_series(snapshot, {}).families) : text;
}

/// What promtool says of the text: its exit code, and its complaints.
std::pair<int, std::string> promtool(const std::string& text) {
  char path[] = "/tmp/chappe-promtool-XXXXXX";
  const int fd = mkstemp(path);
  close(fd);
  std::ofstream(path) << text;
  FILE* pipe = popen((std::string("promtool check metrics < ") + path + " 2>&1").c_str(), "r");
  std::string said;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) said.push_back(static_cast<char>(c));
  const int status = pclose(pipe);
  std::remove(path);
  return {WEXITSTATUS(status), said};
}
bool have_promtool() { return std::system("command -v promtool > /dev/null 2>&1") == 0; }

TEST(Collect, TheProducerShowsItsHopsByStream) {
  const std::string text = text_of(snapshot_of_one_stream(), Role::producer);
  EXPECT_THAT(text, HasSubstr("# TYPE chappe_acquired_frames_total counter\nchappe_acquired_frames_total{stream=\"imu\"} 1000\n"));
  EXPECT_THAT(text, HasSubstr("chappe_filled_frames_total{stream=\"imu\"} 990\n"));
  EXPECT_THAT(text, HasSubstr("chappe_handed_frames_total{stream=\"imu\"} 980\n"));
  EXPECT_THAT(text, HasSubstr("chappe_committed_frames_total{stream=\"imu\"} 970\n"));
  EXPECT_THAT(text, HasSubstr("chappe_ring_fill_ratio 0.25\n"));
  EXPECT_THAT(text, HasSubstr("chappe_ring_epoch 3\n"));
}

TEST(Collect, TheProducerShowsWhoStandsAtItsGates) {
  shm::Snapshot s = snapshot_of_one_stream();
  s.gates = {{.gate = 0, .state = "evicted", .lag = 600, .standing_ms = 2500}};
  s.stalls = 3;
  s.evictions = 2;
  const std::string text = text_of(s, Role::producer);
  EXPECT_THAT(text, HasSubstr("chappe_gate_lag_blocks{gate=\"0\"} 600\n"));
  EXPECT_THAT(text, HasSubstr("chappe_gate_stalled{gate=\"0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("chappe_gate_standing_seconds{gate=\"0\"} 2.5\n"));
  EXPECT_THAT(text, HasSubstr("chappe_gate_stalls_total 3\n"));
  EXPECT_THAT(text, HasSubstr("chappe_gate_evictions_total 2\n"));
  s.gates[0].state = "live";
  EXPECT_THAT(text_of(s, Role::producer), HasSubstr("chappe_gate_stalled{gate=\"0\"} 0\n"));
}

TEST(Collect, SamplesAreFramesTimesChannels) {
  EXPECT_THAT(text_of(snapshot_of_one_stream(), Role::producer), HasSubstr("chappe_acquired_samples_total{stream=\"imu\"} 2000\n"));
  EXPECT_THAT(text_of(snapshot_of_one_stream(), Role::aggregator), HasSubstr("chappe_aggregated_samples_total{stream=\"imu\"} 1800\n"));
}

TEST(Collect, AStreamWhoseChannelsAreUnknownShowsFramesAndNoSamples) {
  shm::Snapshot s = snapshot_of_one_stream();
  s.streams.clear();
  const std::string text = text_of(s, Role::producer);
  EXPECT_THAT(text, HasSubstr("chappe_acquired_frames_total{stream=\"imu\"} 1000\n"));
  EXPECT_THAT(text, Not(HasSubstr("chappe_acquired_samples_total")));
}

TEST(Collect, EveryCauseOfADropIsASeries) {
  const std::string text = text_of(snapshot_of_one_stream(), Role::producer);
  const char* causes[] = {"full", "pool", "source", "paused", "crash"};
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(text,
                HasSubstr("chappe_dropped_frames_total{stream=\"imu\",cause=\"" + std::string(causes[i]) + "\"} " + std::to_string(i + 1)));
  }
}

TEST(Collect, TheAggregatorShowsTheBoardsSideOfTheLedger) {
  const std::string text = text_of(snapshot_of_one_stream(), Role::aggregator);
  EXPECT_THAT(text, HasSubstr("chappe_aggregated_frames_total{stream=\"imu\"} 900\n"));
  EXPECT_THAT(text, HasSubstr("chappe_overrun_frames_total{stream=\"imu\"} 20\n"));
  EXPECT_THAT(text, HasSubstr("chappe_overrun_pending_frames{stream=\"imu\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("chappe_in_flight_frames{stream=\"imu\"} 50\n"));
  EXPECT_THAT(text, HasSubstr("chappe_ledger_settled 1\n"));
  EXPECT_THAT(text, HasSubstr("chappe_board_publications_total 77\n"));
  EXPECT_THAT(text, Not(HasSubstr("chappe_acquired_frames_total")));
}

TEST(Collect, UnexplainedFramesMayBeNegative) {
  EXPECT_THAT(text_of(snapshot_of_one_stream(), Role::aggregator), HasSubstr("chappe_ledger_unexplained_frames{stream=\"imu\"} -7\n"));
}

TEST(Collect, WindowStatisticsStandByChannelAndUnit) {
  const std::string text = text_of(snapshot_of_one_stream(), Role::aggregator);
  const std::string labels = "{stream=\"imu\",channel=\"x\",unit=\"m/s2\"} ";
  EXPECT_THAT(text, HasSubstr("chappe_window_mean" + labels + "1.5\n"));
  EXPECT_THAT(text, HasSubstr("chappe_window_minimum" + labels + "-2\n"));
  EXPECT_THAT(text, HasSubstr("chappe_window_maximum" + labels + "4\n"));
  EXPECT_THAT(text, HasSubstr("chappe_window_rms" + labels + "2.25\n"));
  EXPECT_THAT(text, HasSubstr("chappe_window_variance" + labels + "0.125\n"));
  EXPECT_THAT(text, HasSubstr("chappe_window_values" + labels + "98\n"));
  EXPECT_THAT(text, HasSubstr("chappe_window_nan_values" + labels + "2\n"));
  EXPECT_THAT(text, HasSubstr("chappe_window_missing_frames{stream=\"imu\"} 11\n"));
}

TEST(Collect, ARefusedCalibrationIsToldAndNoDerivedChannelCountsAsSampled) {
  shm::Snapshot s = snapshot_of_one_stream();
  EXPECT_THAT(text_of(s, Role::aggregator), HasSubstr("chappe_calibration_refused{stream=\"imu\"} 0\n"));
  s.streams[0].calibration_refused = true;
  s.streams[0].channels.push_back({.channel = "acceleration", .unit = "m/s2", .mean = 9.5});
  s.streams[0].derived = 1;
  const std::string text = text_of(s, Role::aggregator);
  EXPECT_THAT(text, HasSubstr("chappe_calibration_refused{stream=\"imu\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("chappe_window_mean{stream=\"imu\",channel=\"acceleration\",unit=\"m/s2\"} 9.5\n"));
  EXPECT_THAT(text, HasSubstr("chappe_aggregated_samples_total{stream=\"imu\"} 1800\n"));
}

TEST(Collect, BucketsAreCumulativeInSecondsAndTheLastOneIsInfinite) {
  rt::Histogram histogram;
  histogram.record(1);      // bucket 0, up to 1024 ns
  histogram.record(2'000);  // bucket 1
  histogram.record(2'000);
  histogram.record(std::int64_t{1} << 40);  // beyond every bound
  shm::LatencyView view;
  for (int k = 0; k < rt::Histogram::kBuckets; ++k) view.counts.push_back(histogram.count_in(k));
  view.sum_ns = 4'001;
  const Buckets buckets = buckets_of(view);
  ASSERT_EQ(buckets.upper_bounds.size(), std::size_t{rt::Histogram::kBuckets - 1});
  EXPECT_DOUBLE_EQ(buckets.upper_bounds[0], 1.024e-6);
  EXPECT_EQ(buckets.cumulative[0], 1U);
  EXPECT_EQ(buckets.cumulative[1], 3U);
  EXPECT_EQ(buckets.cumulative.back(), 3U);
  EXPECT_EQ(buckets.count, 4U);
  EXPECT_DOUBLE_EQ(buckets.sum, 4.001e-6);
}

TEST(Collect, AHistogramIsWrittenWithItsInfiniteBucket) {
  shm::Snapshot s;
  s.latency.counts.assign(rt::Histogram::kBuckets, 2);
  const std::string text = text_of(s, Role::aggregator);
  EXPECT_THAT(text, HasSubstr("chappe_frame_to_board_seconds_count 50\n"));
  EXPECT_THAT(text, HasSubstr("chappe_frame_to_board_seconds_bucket{le=\"+Inf\"} 50\n"));
  EXPECT_THAT(text, HasSubstr("chappe_frame_to_board_seconds_bucket{le=\"1.024e-06\"} 2\n"));
}

TEST(Collect, MissingBucketsCountAsZero) {
  const Buckets buckets = buckets_of({});
  EXPECT_EQ(buckets.count, 0U);
  EXPECT_EQ(buckets.cumulative.size(), std::size_t{rt::Histogram::kBuckets - 1});
}

TEST(Collect, AskedPriorityStandsBesideTheGrantedOne) {
  const std::string text = text_of(snapshot_of_one_stream(), Role::producer);
  EXPECT_THAT(text, HasSubstr("chappe_thread_realtime_priority{thread=\"feed\",number=\"0\",kind=\"asked\"} 60\n"));
  EXPECT_THAT(text, HasSubstr("chappe_thread_realtime_priority{thread=\"feed\",number=\"0\",kind=\"granted\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("chappe_locked_memory_bytes 4096\n"));
}

TEST(Collect, ThreadsOfOneNameHaveEachTheirOwnSample) {
  shm::Snapshot s = snapshot_of_one_stream();
  s.producer.threads.push_back(s.producer.threads.front());
  EXPECT_THAT(text_of(s, Role::producer), HasSubstr("{thread=\"feed\",number=\"1\",kind=\"asked\"} 60\n"));
}

TEST(Collect, ARefusedReloadIsNotAnAppliedOne) {
  shm::Snapshot s;
  s.producer.reloads = 3;
  s.producer.reloads_failed = 1;
  EXPECT_THAT(text_of(s, Role::producer), HasSubstr("chappe_config_reloads_total{outcome=\"applied\"} 2\n"));
  EXPECT_THAT(text_of(s, Role::producer), HasSubstr("chappe_config_reloads_total{outcome=\"refused\"} 1\n"));
}

TEST(Collect, EachProcessShowsItsOwnConfiguration) {
  shm::Snapshot s = snapshot_of_one_stream();
  s.aggregator.config_generation = 5;
  EXPECT_THAT(text_of(s, Role::producer), HasSubstr("chappe_config_generation 4\n"));
  EXPECT_THAT(text_of(s, Role::aggregator), HasSubstr("chappe_config_generation 5\n"));
}

TEST(Collect, TheTimeOfAReloadIsShownOnlyIfItSucceeded) {
  shm::Snapshot s;
  s.producer.reload_ns = 1'500'000'000;
  EXPECT_THAT(text_of(s, Role::producer), HasSubstr("chappe_config_last_reload_success_timestamp_seconds 1.5\n"));
  s.producer.reload_ok = false;
  const std::string refused = text_of(s, Role::producer);
  EXPECT_THAT(refused, HasSubstr("chappe_config_last_reload_successful 0\n"));
  EXPECT_THAT(refused, Not(HasSubstr("timestamp_seconds")));
}

TEST(Collect, TheDisplayShowsWhoLives) {
  shm::Snapshot s;
  s.producer.known = s.producer.alive = true;
  s.producer.age_ms = 1500;
  s.aggregator.known = false;
  const std::string text = text_of(s, Role::display);
  EXPECT_THAT(text, HasSubstr("chappe_process_up{process=\"producer\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("chappe_process_up{process=\"aggregator\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("chappe_process_age_seconds{process=\"producer\"} 1.5\n"));
  EXPECT_THAT(text, Not(HasSubstr("chappe_process_age_seconds{process=\"aggregator\"}")));
}

TEST(Serialize, EscapesLabelValues) {
  const Family family{"chappe_test", "Help.", Type::gauge, {{{{"label", "a\"b\\c\nd"}}, 1, {}}}};
  EXPECT_THAT(serialize({family}), HasSubstr("chappe_test{label=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST(Serialize, MendsALabelInLatin1) {
  const Family family{"chappe_test",
                      "Help.",
                      Type::gauge,
                      {{{{"unit",
                          "\xB0"
                          "C"}},
                        1,
                        {}}}};
  EXPECT_THAT(serialize({family}), HasSubstr("chappe_test{unit=\"\xEF\xBF\xBD"
                                             "C\"} 1\n"));
}

TEST(Serialize, LeavesOutAFamilyWithoutSamples) { EXPECT_EQ(serialize({{"chappe_test", "Help.", Type::gauge, {}}}), ""); }

TEST(ValidUtf8, KeepsWhatIsValid) {
  for (const char* text : {"", "ascii", "\xC2\xB0 C", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xEF\xBF\xBD"})
    EXPECT_EQ(valid_utf8(text), text);
}

TEST(ValidUtf8, ReplacesEachByteThatIsNot) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(valid_utf8("a\xFFz"), "a" + bad + "z");
  EXPECT_EQ(valid_utf8("\xC0\xAF"), bad + bad);            // overlong
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), bad + bad + bad);  // surrogate
  EXPECT_EQ(valid_utf8("\xE2\x82"), bad + bad);            // cut
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80"), bad + bad + bad + bad);
}

TEST(Promtool, FindsNothingToSayAboutAnyRole) {
  if (!have_promtool()) GTEST_SKIP() << "promtool is not installed";
  shm::Snapshot s = snapshot_of_one_stream();
  s.producer.known = s.aggregator.known = true;
  s.producer.reload_ns = s.aggregator.reload_ns = 1;
  s.aggregator.threads = s.producer.threads;
  for (const Role role : {Role::producer, Role::aggregator, Role::display}) {
    const auto [code, said] = promtool(text_of(s, role));
    EXPECT_EQ(code, 0) << said;
    EXPECT_EQ(said, "");
  }
  const auto [code, said] = promtool(serialize(display_families({.looks = 5, .troubled = 1})));
  EXPECT_EQ(code, 0) << said;
  EXPECT_EQ(said, "");
}

TEST(Promtool, WouldSayIt) {
  if (!have_promtool()) GTEST_SKIP() << "promtool is not installed";
  EXPECT_NE(promtool(serialize({{"chappe_bad_count", "", Type::counter, {{{}, 1, {}}}}})).first, 0);
}

TEST(Collect, AnAlarmIsASeriesByStreamAndChannelAndThereIsNoneWithoutAlarms) {
  shm::Snapshot s = snapshot_of_one_stream();
  EXPECT_THAT(text_of(s, Role::aggregator), Not(HasSubstr("chappe_alarm")));
  shm::AlarmView hot;
  hot.stream = "imu";
  hot.channel = "x";
  hot.alarm = "hot";
  hot.level = 2;
  hot.raised = 3;
  hot.acknowledged = true;
  s.alarms = {hot};
  const std::string text = text_of(s, Role::aggregator);
  EXPECT_THAT(text, HasSubstr(R"(chappe_alarm_state{stream="imu",channel="x",alarm="hot"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(chappe_alarm_acknowledged{stream="imu",channel="x",alarm="hot"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(chappe_alarm_shelved{stream="imu",channel="x",alarm="hot"} 0)"));
  EXPECT_THAT(text, HasSubstr(R"(chappe_alarm_raised_total{stream="imu",channel="x",alarm="hot"} 3)"));
  EXPECT_THAT(text_of(s, Role::producer), Not(HasSubstr("chappe_alarm")));
}

}  // namespace
}  // namespace chappe::metrics
