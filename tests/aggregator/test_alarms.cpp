// The alarms of an instance: windows in, states on their object out, over kills, reloads and an operator's orders.
#include "aggregator/alarms.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include "aggregator/alarm_watch.hpp"
#include "rt/clock.hpp"
#include "shm/alarm_view.hpp"
#include "shm/viewer.hpp"

namespace chappe::aggregator {
namespace {

using testing::HasSubstr;

class AlarmsTest : public testing::Test {
 protected:
  void SetUp() override {
    instance_ = "tb" + std::to_string(getpid()) + "-" +
                std::to_string(std::hash<std::string>{}(testing::UnitTest::GetInstance()->current_test_info()->name()) % 100000);
    config::Stream stream;
    stream.name = "s";
    stream.windows = {{.frames = 10, .duration_ns = 0}};
    config::Alarm hot;
    hot.name = "hot";
    hot.channels = {"y"};
    hot.above = 10;
    config::Alarm silent;
    silent.name = "silent";
    silent.kind = config::AlarmKind::stale;
    silent.after_ns = rt::kSecond;
    stream.alarms = {hot, silent};
    config_.instance = instance_;
    config_.streams = {stream};
    board_.streams.resize(1);
    shm::put_name(board_.streams[0].name, "s");
    board_.streams[0].channels = 2;
    board_.channels.resize(2);
    shm::put_name(board_.channels[0].name, "x");
    shm::put_name(board_.channels[1].name, "y");
    shm::put_name(board_.channels[1].unit, "degC");
    open();
  }
  void TearDown() override {
    for (const char* kind : {"alarms", "board"}) unlink(shm::object_path(instance_, kind).c_str());
  }
  /// A start behind a kill: what the predecessor held is gone, its object stays.
  void open() {
    alarms_.reset();
    auto opened = Alarms::open(instance_, {});
    ASSERT_TRUE(opened) << opened.error().text;
    alarms_ = std::move(*opened);
    alarms_->watch(config_, 1, board_);
  }
  void judge(std::uint64_t number, double mean) {
    Row row;
    row.number = number;
    row.head.window = number;
    row.head.frames = 10;
    row.head.t_first_ns = static_cast<std::int64_t>(number) * rt::kSecond;
    row.head.t_last_ns = row.head.t_first_ns + 9 * rt::kSecond / 10;
    row.channels.resize(2);
    for (auto& m : row.channels) {
      m.count = 10;
      m.mean = m.min = m.max = mean;
    }
    row.channels[0].mean = 1000;
    alarms_->judge(row);
    alarms_->publish();
  }
  [[nodiscard]] shm::AlarmView see(std::size_t i = 0) const {
    const auto views = shm::Viewer(instance_).look().alarms;
    return i < views.size() ? views[i] : shm::AlarmView{};
  }
  std::string instance_;
  config::Config config_;
  shm::BoardTables board_;
  std::unique_ptr<Alarms> alarms_;
};

TEST_F(AlarmsTest, are_raised_and_cleared_once_with_the_value_that_tripped) {
  judge(0, 5);
  EXPECT_EQ(see().state, "ok");
  EXPECT_EQ(see().since_ns, 0) << "it was never otherwise";
  EXPECT_EQ(see().value, 5);
  EXPECT_EQ(see().limit, 10);
  judge(1, 11);
  judge(2, 12);
  const shm::AlarmView raised = see();
  EXPECT_EQ(raised.stream, "s");
  EXPECT_EQ(raised.channel, "y") << "the other channel is not watched";
  EXPECT_EQ(raised.unit, "degC");
  EXPECT_EQ(raised.state, "alarm");
  EXPECT_EQ(raised.value, 11) << "what tripped";
  EXPECT_EQ(raised.latest, 12);
  EXPECT_EQ(raised.window, 1);
  EXPECT_GT(raised.since_ns, 0);
  EXPECT_EQ(shm::reason_of(raised), "mean 11 degC, limit 10");
  judge(3, 5);
  EXPECT_EQ(see().state, "ok");
  EXPECT_EQ(see().raised, 1U);
  EXPECT_EQ(see().cleared, 1U);
}

TEST_F(AlarmsTest, go_on_behind_a_kill_and_judge_no_window_twice) {
  judge(0, 5);
  judge(1, 11);
  const std::int64_t since = see().since_ns;
  open();
  EXPECT_EQ(see().state, "alarm");
  EXPECT_EQ(see().since_ns, since);
  judge(0, 5);
  judge(1, 11);
  EXPECT_EQ(see().state, "alarm") << "both were judged before";
  judge(2, 12);
  EXPECT_EQ(see().raised, 1U);
  EXPECT_EQ(see().since_ns, since);
  EXPECT_EQ(see().missed, 0U);
  judge(5, 12);
  EXPECT_EQ(see().missed, 2U);
}

TEST_F(AlarmsTest, judge_behind_a_kill_what_the_board_has_closed_meanwhile) {
  auto board = shm::BoardWriter::open({.instance = instance_, .streams = board_.streams, .channels = board_.channels, .readers = {}});
  ASSERT_TRUE(board) << board.error().text;
  const std::uint64_t history = board->image().history();
  const auto close = [&](std::uint64_t k, double mean) {
    const std::size_t record = board->image().closed_record(k);
    shm::BoardWindow& window = board->image().window(0, 0, record);
    window.window = k;
    window.frames = 10;
    shm::BoardMoments& m = board->image().moments(0, 0, record)[1];
    m.count = 10;
    m.mean = m.min = m.max = mean;
    board->image().stream(0).closed[0] = k + 1;
  };
  for (std::uint64_t k = 0; k < 3; ++k) close(k, 20);
  alarms_->catch_up(*board);
  EXPECT_EQ(see().state, "ok") << "what was closed before it was first watched is nothing to raise";
  for (std::uint64_t k = 3; k < 6; ++k) close(k, 20);
  open();
  alarms_->catch_up(*board);
  EXPECT_EQ(see().state, "alarm");
  EXPECT_EQ(see().window, 3);
  alarms_->catch_up(*board);
  EXPECT_EQ(see().raised, 1U);
  EXPECT_EQ(see().missed, 0U);
  for (std::uint64_t k = 6; k < 8 + history; ++k) close(k, 5);
  alarms_->catch_up(*board);
  EXPECT_EQ(see().missed, 2U) << "of more than the board holds";
  EXPECT_EQ(see().cleared, 1U);
}

TEST_F(AlarmsTest, of_a_silent_stream_are_raised_and_cleared_once_over_a_kill) {
  std::int64_t newest = 100 * rt::kSecond;
  const auto look = [&](std::int64_t attached, std::int64_t now) {
    alarms_->judge_silence([&](std::size_t) { return std::optional(newest); }, attached, now);
    alarms_->publish();
  };
  look(0, newest + rt::kSecond / 2);
  EXPECT_EQ(see(1).state, "ok");
  EXPECT_EQ(see(1).channel, "");
  look(0, newest + rt::kSecond);
  look(0, newest + 2 * rt::kSecond);
  EXPECT_EQ(see(1).state, "stale");
  open();
  look(newest + 5 * rt::kSecond, newest + 5 * rt::kSecond);
  EXPECT_EQ(see(1).state, "stale") << "nothing has come meanwhile";
  EXPECT_EQ(see(1).raised, 1U);
  newest += 6 * rt::kSecond;
  look(newest, newest);
  EXPECT_EQ(see(1).state, "ok");
  EXPECT_EQ(see(1).cleared, 1U);
  look(newest + 60 * rt::kSecond, newest + 60 * rt::kSecond);
  EXPECT_EQ(see(1).state, "ok") << "nobody listened before";
  EXPECT_EQ(see(0).state, "ok");
}

TEST_F(AlarmsTest, are_acknowledged_until_their_state_changes) {
  EXPECT_EQ(*alarms_->acknowledge({"hot", "", ""}), "nothing is raised");
  judge(0, 11);
  EXPECT_FALSE(see().acknowledged);
  EXPECT_TRUE(alarms_->acknowledge({"hot", "s", "y"}));
  EXPECT_TRUE(see().acknowledged);
  EXPECT_TRUE(alarms_->acknowledge({"hot", "", ""})) << "again";
  open();
  EXPECT_TRUE(see().acknowledged);
  judge(1, 5);
  EXPECT_FALSE(see().acknowledged);
}

TEST_F(AlarmsTest, are_shelved_for_a_time_and_judged_all_the_same) {
  EXPECT_TRUE(alarms_->shelve({"hot", "", ""}, 3600 * rt::kSecond));
  EXPECT_GT(see().shelved_until_ns, rt::realtime_ns());
  judge(0, 11);
  EXPECT_EQ(see().state, "alarm");
  EXPECT_EQ(see(1).shelved_until_ns, 0) << "the other one is not";
  EXPECT_TRUE(alarms_->shelve({"hot", "", ""}, 0));
  EXPECT_EQ(see().shelved_until_ns, 0);
}

TEST_F(AlarmsTest, that_nobody_knows_are_refused_to_the_operator) {
  for (const AlarmChoice& choice : {AlarmChoice{"cold", "", ""}, AlarmChoice{"hot", "t", ""}, AlarmChoice{"hot", "s", "x"}}) {
    const auto acknowledged = alarms_->acknowledge(choice);
    ASSERT_FALSE(acknowledged);
    EXPECT_EQ(acknowledged.error().exit_code, EX_USAGE);
    EXPECT_THAT(acknowledged.error().text, HasSubstr("there is no alarm"));
    EXPECT_FALSE(alarms_->shelve(choice, 1));
  }
}

TEST_F(AlarmsTest, keep_state_and_memory_over_a_reload_of_limits_and_lose_them_with_what_they_judge) {
  judge(0, 11);
  config_.streams[0].alarms[0].above = 20;
  config_.streams[0].alarms[0].warn_above = 10;
  alarms_->watch(config_, 2, board_);
  EXPECT_EQ(see().state, "alarm") << "until the next window";
  judge(1, 11);
  EXPECT_EQ(see().state, "warning");
  EXPECT_EQ(see().raised, 1U) << "it was never ok";
  config_.streams[0].alarms[0].of = config::Figure::max;
  alarms_->watch(config_, 3, board_);
  EXPECT_EQ(see().state, "ok");
  EXPECT_EQ(see().raised, 0U);
  config_.streams[0].alarms.clear();
  alarms_->watch(config_, 4, board_);
  EXPECT_TRUE(alarms_->is_empty());
  EXPECT_TRUE(shm::Viewer(instance_).look().alarms.empty());
}

TEST_F(AlarmsTest, are_judged_on_a_thread_of_their_own_in_the_order_of_the_windows_while_main_gives_orders) {
  constexpr std::uint64_t kWindows = 2000;
  Rows rows({2}, 256);
  rows.grow(0, 64);
  auto watch = AlarmWatch::start(*alarms_, rows, [](std::size_t) { return std::optional(rt::monotonic_ns()); });
  ASSERT_TRUE(watch) << watch.error().text;
  for (std::uint64_t n = 0; n < kWindows; ++n) {
    Row* row = nullptr;
    ASSERT_TRUE(rt::wait_until(rt::monotonic_ns() + 20 * rt::kSecond, [&] { return (row = rows.try_empty(0)) != nullptr; }));
    row->number = n;
    row->head = {};
    row->head.window = n;
    row->head.frames = 1;
    row->channels[1] = {};
    row->channels[1].count = 1;
    row->channels[1].mean = n % 2 == 0 ? 5 : 15;
    rows.put_full(row);
    if (n % 100 == 0) alarms_->watch(config_, static_cast<std::uint32_t>(n), board_);
    if (n % 100 == 50) {
      EXPECT_TRUE(alarms_->acknowledge({"hot", "", ""}));
    }
  }
  (*watch)->finish();
  EXPECT_EQ(see().raised, kWindows / 2);
  EXPECT_EQ(see().cleared, kWindows / 2 - 1);
  EXPECT_EQ(see().missed, 0U);
  EXPECT_EQ(rows.available(0), 64U) << "each row came back";
}

TEST_F(AlarmsTest, of_a_stream_that_is_away_stand_as_they_are) {
  judge(0, 11);
  const shm::BoardTables empty;
  alarms_->watch(config_, 1, empty);
  EXPECT_EQ(see().state, "alarm");
  EXPECT_EQ(alarms_->watched(1), std::vector<bool>{false});
  judge(1, 5);
  EXPECT_EQ(see().state, "alarm");
  alarms_->watch(config_, 1, board_);
  EXPECT_EQ(alarms_->watched(1), std::vector<bool>{true});
  judge(1, 5);
  EXPECT_EQ(see().state, "ok");
}

TEST_F(AlarmsTest, are_put_back_where_somebody_removed_their_object_and_taken_away_at_the_end) {
  judge(0, 11);
  unlink(shm::object_path(instance_, "alarms").c_str());
  EXPECT_TRUE(alarms_->keep_named());
  EXPECT_EQ(see().state, "alarm");
  alarms_->unlink();
  EXPECT_NE(access(shm::object_path(instance_, "alarms").c_str(), F_OK), 0);
}

}  // namespace
}  // namespace chappe::aggregator
