// What people read: snapshots made by hand, text compared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "control/describe.hpp"
#include "control/tables.hpp"
#include "control/top.hpp"
#include "shm/snapshot_json.hpp"

namespace chappe::control {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

shm::Snapshot with_accounts(const std::vector<std::int64_t>& unexplained) {
  shm::Snapshot snapshot;
  snapshot.instance = "test";
  snapshot.ledger.settled = true;
  for (const std::int64_t n : unexplained) {
    shm::Account account;
    account.stream = std::string("s").append(std::to_string(snapshot.ledger.streams.size()));
    account.acquired = 100;
    account.unexplained = n;
    snapshot.ledger.streams.push_back(account);
  }
  return snapshot;
}

TEST(Table, AlignsNamesLeftAndNumbersRight) {
  EXPECT_EQ(table({{"name", "n"}, {"a", "1000"}, {"longer", "7"}}, 1),
            "name       n\n"
            "a       1000\n"
            "longer     7\n");
}

TEST(Table, CountsCharactersAndNotBytes) {
  EXPECT_EQ(table({{"\xC2\xB5V", "1"}, {"mV", "2"}}, 1),
            "\xC2\xB5V  1\n"
            "mV  2\n");
}

TEST(Table, TakesShortRowsAndLeavesNoSpaceAtTheEnd) { EXPECT_EQ(table({{"a", "b"}, {"long"}}, 2), "a     b\nlong\n"); }

TEST(LedgerText, SaysThatItCloses) { EXPECT_THAT(ledger_text(with_accounts({0, 0})), EndsWith("\nthe ledger closes\n")); }

TEST(LedgerText, NamesWhatIsUnexplainedByStreamSoThatNothingCancels) {
  const shm::Snapshot snapshot = with_accounts({7, 0, -7});
  EXPECT_THAT(ledger_text(snapshot), EndsWith("\nunexplained: 7 of s0, -7 of s2\n"));
  EXPECT_FALSE(closes(snapshot.ledger));
}

TEST(LedgerText, ClaimsNothingOfAnUnsettledLedger) {
  shm::Snapshot snapshot = with_accounts({0});
  snapshot.ledger.settled = false;
  EXPECT_THAT(ledger_text(snapshot), Not(HasSubstr("closes")));
  EXPECT_THAT(ledger_text(snapshot), HasSubstr("not settled"));
}

TEST(StatusText, PutsGrantedBesideAsked) {
  shm::Snapshot snapshot;
  snapshot.producer.known = snapshot.producer.alive = true;
  snapshot.producer.pid = 4711;
  snapshot.producer.threads = {{.name = "feed", .asked_fifo = true, .asked_priority = 60, .asked_cpus = 5, .granted_cpus = 3}};
  snapshot.producer.realtime_refused = "RLIMIT_RTPRIO is 0";
  const std::string text = status_text(snapshot);
  EXPECT_THAT(text, HasSubstr("4711"));
  EXPECT_THAT(text, HasSubstr("fifo 60 on 0,2  other on 0,1\n"));
  EXPECT_THAT(text, HasSubstr("producer: no real time: RLIMIT_RTPRIO is 0\n"));
  EXPECT_THAT(text, HasSubstr("aggregator  not seen\n"));
}

TEST(StatusText, TellsAnOrderlyEndFromADeath) {
  shm::Snapshot snapshot;
  snapshot.producer.known = snapshot.producer.alive = snapshot.producer.ended = true;
  EXPECT_THAT(status_text(snapshot), HasSubstr("producer    ending "));
  snapshot.producer.alive = false;
  EXPECT_THAT(status_text(snapshot), HasSubstr("producer    ended "));
  snapshot.producer.ended = false;
  EXPECT_THAT(status_text(snapshot), HasSubstr("producer    dead "));
}

TEST(StatusText, SaysWhyAReloadWasRefused) {
  shm::Snapshot snapshot;
  snapshot.aggregator.known = true;
  snapshot.aggregator.reload_ok = false;
  snapshot.aggregator.reload_ns = 1'000'000'000;
  snapshot.aggregator.reload_error = "line 3: no such key";
  EXPECT_THAT(status_text(snapshot), HasSubstr("refused 1970-01-01T00:00:01Z: line 3: no such key\n"));
}

TEST(StatusText, ShowsTheGateAndItsHolder) {
  shm::Snapshot snapshot;
  snapshot.gates = {{.gate = 0, .held = true, .state = "stalled", .pid = 4712, .tail = 100, .lag = 412, .standing_ms = 2500}};
  EXPECT_THAT(status_text(snapshot), testing::ContainsRegex("0 +stalled +4712 +412 blocks +2500 ms\n"));
  snapshot.stalls = 2;
  snapshot.evictions = 1;
  EXPECT_THAT(status_text(snapshot), HasSubstr("stalled 2 times, evicted 1 times\n"));
}

TEST(StreamsText, ShowsEachChannelWithItsUnit) {
  shm::Snapshot snapshot;
  shm::StreamView view;
  view.stream = "imu";
  view.rate_hz = 999.5;
  view.channels = {{.channel = "x", .unit = "g", .last = 0.5, .mean = 0.25}};
  snapshot.streams = {view};
  const std::string text = streams_text(snapshot);
  EXPECT_THAT(text, HasSubstr("999.5"));
  EXPECT_THAT(text, testing::ContainsRegex("imu +x +g +0.5 +0.25"));
}

shm::StreamView with_window(bool shaped) {
  shm::StreamView view;
  view.stream = "imu";
  shm::WindowView window;
  window.window = "1s";
  window.closed = 3;
  window.frames = window.upto = 10;
  window.t_first_ns = 5'000'000'000;
  window.shaped = shaped;
  shm::ChannelFigures f;
  f.channel = "x";
  f.unit = "g";
  f.count = 10;
  f.mean = 0.25;
  f.variance = 4;
  f.kurtosis = 1.5;
  f.t_min_ns = 5'500'000'000;
  f.zero_crossings = 77;
  window.channels = {f};
  shm::WindowView none;
  none.window = "1000 frames";
  view.windows = {window, none};
  return view;
}

TEST(DescribeText, ShowsEveryFigureOfAWindowAndSaysWhereNoneHasClosed) {
  const std::string text = describe_text(with_window(true));
  EXPECT_THAT(text, HasSubstr("window 1s: number 0, frames 0 to 9, 10 came, 0 missing"));
  EXPECT_THAT(text, testing::ContainsRegex("x +g +10 +0 +0.25 +2 "));
  EXPECT_THAT(text, testing::ContainsRegex("x +g +- +1.5 +0.5 +"));
  EXPECT_THAT(text, HasSubstr(" 77 "));
  EXPECT_THAT(text, EndsWith("window 1000 frames: none has closed yet\n"));
}

TEST(DescribeText, LeavesOutTheShapeWhereThereIsNone) { EXPECT_THAT(describe_text(with_window(false)), Not(HasSubstr("kurtosis"))); }

TEST(Top, SortsTheLoudestFirstAndThoseWithoutAFigureLast) {
  shm::Snapshot snapshot;
  shm::StreamView view = with_window(true);
  auto& channels = view.windows[0].channels;
  channels.resize(3, channels[0]);
  channels[1].channel = "loud";
  channels[1].rms = 7;
  channels[2].channel = "quiet";
  channels[2].rms = 1;
  snapshot.streams = {view};
  const auto names = [&](std::size_t most) {
    std::vector<std::string> out;
    for (const auto& row : loudest(snapshot, Loudness::rms, most)) out.push_back(row.channel);
    return out;
  };
  EXPECT_THAT(names(9), testing::ElementsAre("loud", "quiet", "x"));
  EXPECT_THAT(names(1), testing::ElementsAre("loud"));
  EXPECT_THAT(top_text(loudest(snapshot, Loudness::rms, 1)), testing::ContainsRegex("imu +loud +g +7 "));
  const auto json = nlohmann::json::parse(top_json(snapshot, "rms", loudest(snapshot, Loudness::rms, 9)));
  EXPECT_EQ(json["channels"][0]["rms"], 7);
  EXPECT_TRUE(json["channels"][2]["rms"].is_null());
}

TEST(DescribeJson, TellsWhatIsNotKnownAsNull) {
  const auto channel = [](bool shaped) {
    return nlohmann::json::parse(shm::describe_json(with_window(shaped)))["windows"][0]["channels"][0];
  };
  EXPECT_EQ(channel(true)["zero_crossings"], 77);
  EXPECT_EQ(channel(true)["t_min_ns"], 5'500'000'000);
  EXPECT_TRUE(channel(true)["skewness"].is_null());
  EXPECT_TRUE(channel(false)["zero_crossings"].is_null());
  EXPECT_TRUE(channel(false)["t_min_ns"].is_null());
}

TEST(Alarms, WhatIsRaisedComesFirstWithWhatAnOperatorSaidOfIt) {
  shm::Snapshot snapshot;
  EXPECT_EQ(alarms_text(snapshot), "no alarms are configured\n");
  shm::AlarmView calm;
  calm.stream = "s";
  calm.alarm = "silent";
  calm.kind = "stale";
  calm.state = "ok";
  calm.unit = "s";
  calm.value = 0.5;
  calm.limit = 5;
  shm::AlarmView hot = calm;
  hot.channel = "c";
  hot.alarm = "hot";
  hot.kind = "zscore";
  hot.of = "rms";
  hot.state = "alarm";
  hot.level = 2;
  hot.unit = "1";
  hot.value = 7;
  hot.since_ns = 1'700'000'000'000'000'000;
  hot.acknowledged = true;
  snapshot.alarms = {calm, hot};
  EXPECT_EQ(alarms_text(snapshot),
            "stream  channel  alarm   state  since                 about\n"
            "s       c        hot     alarm  2023-11-14T22:13:20Z  z-score of rms 7, limit 5  acknowledged\n"
            "s       -        silent  ok     -                     silent for 0.5 s, limit 5\n");
}

}  // namespace
}  // namespace chappe::control
