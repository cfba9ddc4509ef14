// Every fault point, in every role that reaches it: the process is killed there, or stands still, or its call fails. Nobody else dies of
// it, nor does who only stood or can do without that call. Then what died is started again with nothing cleaned by hand, data flows, and
// after an orderly end everything is accounted for. A point that is not reached fails the test; so does one that is reached in a role for
// which there is no case.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "tests/fault/stories.hpp"

namespace chappe::fault {
namespace {

struct Line {
  std::uint64_t hits = 0, struck[4] = {};
  std::int64_t slowest_ns = 0;
};

/// What was seen, printed at the end.
class Report : public ::testing::Environment {
 public:
  void note(const Case& c, FaultAction action, std::uint64_t hits, std::uint64_t struck, std::int64_t recovery_ns) {
    Line& line = lines_[static_cast<std::size_t>(c.point)];
    line.hits += hits;
    line.struck[static_cast<std::size_t>(action)] += struck;
    line.slowest_ns = std::max(line.slowest_ns, recovery_ns);
  }
  void TearDown() override {
    std::printf("%-24s %10s %5s %5s %5s %12s\n", "point", "hits", "kill", "stop", "fail", "recovery ms");
    for (std::size_t i = 0; i < rt::kFaultPoints; ++i) {
      const Line& l = lines_[i];
      if (l.hits == 0) continue;  // of another shard
      std::printf("%-24s %10llu %5llu %5llu %5llu %12.1f\n", rt::kFaultNames[i].name, static_cast<unsigned long long>(l.hits),
                  static_cast<unsigned long long>(l.struck[1]), static_cast<unsigned long long>(l.struck[2]),
                  static_cast<unsigned long long>(l.struck[3]), static_cast<double>(l.slowest_ns) / 1e6);
    }
  }

 private:
  Line lines_[rt::kFaultPoints];
};
Report* const report = new Report;
[[maybe_unused]] const auto* const registered = ::testing::AddGlobalTestEnvironment(report);  // gtest owns it

struct Trial {
  Case what;
  FaultAction action;
};

std::vector<Trial> trials() {
  std::vector<Trial> all;
  for (const Case& c : cases()) {
    all.push_back({c, FaultAction::kill});
    all.push_back({c, FaultAction::stop});
    if (c.failing != Failing::not_here) all.push_back({c, FaultAction::fail});
  }
  return all;
}

std::string title(const ::testing::TestParamInfo<Trial>& info) {
  constexpr const char* kActions[] = {"none", "kill", "stop", "fail"};
  const Case& c = info.param.what;
  return std::string(name_of(c.point).name) + "_" + name_of(c.who) + "_" + kActions[static_cast<std::size_t>(info.param.action)] + "_" +
         std::to_string(info.index);
}

void PrintTo(const Trial& trial, std::ostream* out) { *out << name_of(trial.what.point).name; }

class FaultPoints : public ::testing::TestWithParam<Trial> {
 protected:
  [[nodiscard]] const Case& what() const { return GetParam().what; }
  whole::Child& victim() { return scene_.child(what().who); }

  /// Who is to go on, whatever happens to the victim: not who was told to end, and the victim only if it stands, or does without the call.
  void note_who_goes_on() {
    const auto [c, action] = GetParam();
    const bool victim_dies = action == FaultAction::kill || (action == FaultAction::fail && c.failing == Failing::exits);
    for (const Role role : {Role::producer, Role::aggregator}) {
      const bool goes_on = scene_.runs(role) && !scene_.is_told_to_end(role) && !(role == c.who && victim_dies);
      goes_on_[static_cast<std::size_t>(role)] = goes_on ? scene_.child(role).pid() : 0;
    }
  }
  void expect_they_went_on() {
    for (const Role role : {Role::producer, Role::aggregator}) {
      const pid_t before = goes_on_[static_cast<std::size_t>(role)];
      EXPECT_TRUE(before == 0 || (scene_.runs(role) && scene_.child(role).pid() == before))
          << name_of(role) << " died of it" << scene_.logs();
    }
  }
  void expect_cases_for_all_that_was_reached() {
    for (const Role role : {Role::producer, Role::aggregator, Role::chappectl}) {
      for (std::size_t i = 0; i < rt::kFaultPoints; ++i) {
        const auto point = static_cast<FaultPoint>(i);
        const auto is_it = [&](const Case& c) { return c.point == point && c.who == role; };
        EXPECT_TRUE(scene_.page(role).hits(point) == 0 || std::ranges::any_of(cases(), is_it))
            << name_of(role) << " reaches " << name_of(point).name << ", and there is no case for it";
      }
    }
  }
  void killed() {
    ASSERT_EQ(victim().wait_for(kPatience), -SIGKILL) << scene_.logs();
    EXPECT_EQ(scene_.others_go_on(what().who), "");
  }
  void stopped() {
    ASSERT_TRUE(Scene::until([&] { return scene_.is_stopped(what().who); })) << scene_.logs();
    EXPECT_EQ(scene_.others_go_on(what().who), "");
    victim().signal(SIGCONT);
  }
  void failed() {
    const bool goes_on = what().failing == Failing::goes_on;
    if (goes_on && what().who != Role::chappectl) return;
    const auto code = victim().wait_for(kPatience);
    ASSERT_TRUE(code.has_value()) << "still runs; " << scene_.logs();
    EXPECT_TRUE(goes_on ? *code == 0 : *code > 0) << *code << scene_.logs();
  }
  /// Who was told to end does so; then whoever is not there is started.
  void recover() {
    if (scene_.is_told_to_end(Role::producer) && scene_.runs(Role::producer) && !scene_.runs(Role::aggregator))
      scene_.start(Role::aggregator);
    for (const Role role : {Role::producer, Role::aggregator}) {
      if (!scene_.runs(role) || !scene_.is_told_to_end(role)) continue;
      EXPECT_EQ(scene_.child(role).wait_for(kPatience), 0) << scene_.logs();
    }
    EXPECT_EQ(scene_.close_books(), "");
    for (const Role role : {Role::aggregator, Role::producer}) {
      if (!scene_.runs(role)) scene_.start(role);
    }
    EXPECT_EQ(scene_.flow(), "");
  }
  /// chappectl ends by itself, whatever became of whom it asked; a next one is answered.
  void ask_again() {
    const bool asks = scene_.runs(Role::chappectl);
    EXPECT_TRUE(!asks || scene_.child(Role::chappectl).wait_for(kPatience).has_value());
    EXPECT_TRUE(Scene::until([&] {
      return whole::run("chappectl", {"reload", "--instance", scene_.instance().name()}).exit_code == 0;
    })) << scene_.logs();
  }

  Scene scene_;
  pid_t goes_on_[2] = {};  ///< of producer and aggregator; 0: may end
};

TEST_P(FaultPoints, strikes_and_everything_goes_on) {
  const auto [c, action] = GetParam();
  c.story(scene_, c, action);
  ASSERT_TRUE(Scene::until([&] { return scene_.page(c.who).struck(c.point) > 0; }))
      << "not reached, hits: " << scene_.page(c.who).hits(c.point) << scene_.logs();
  note_who_goes_on();
  if (action == FaultAction::kill) killed();
  if (action == FaultAction::stop) stopped();
  if (action == FaultAction::fail) failed();
  if (HasFatalFailure()) return;
  const std::int64_t start = rt::monotonic_ns();
  recover();
  expect_they_went_on();
  report->note(c, action, scene_.page(c.who).hits(c.point), scene_.page(c.who).struck(c.point), rt::monotonic_ns() - start);
  if (scene_.child(Role::chappectl).pid() > 0 || name_of(c.point).name[0] == 'q') ask_again();
  EXPECT_EQ(scene_.closes(), "");
  EXPECT_TRUE(scene_.instance().display().is_object()) << "the display has nothing to show";
  EXPECT_EQ(scene_.end_in_order(), "");
  expect_cases_for_all_that_was_reached();
}

INSTANTIATE_TEST_SUITE_P(Each, FaultPoints, ::testing::ValuesIn(trials()), title);

TEST(ARetiredRing, that_cannot_be_opened_for_a_moment_is_still_read_first) {
  Scene s;
  s.configure({.blocks = 4096, .window = 500, .more = {}});  // deep: nothing is lost for as long as nobody reads
  s.start_both_and_flow();
  s.child(Role::aggregator).kill_it();
  const std::uint64_t before = s.account().acquired;
  ASSERT_TRUE(Scene::until([&] { return s.account().acquired > before + 2000; })) << s.logs();
  s.child(Role::producer).kill_it();
  s.configure({.blocks = 8192, .window = 500, .more = {}});
  s.start(Role::producer);
  ASSERT_TRUE(Scene::until([&] { return s.look().blocks == 8192 && s.account().acquired > 0; })) << s.logs();
  s.page(Role::aggregator).arm(FaultPoint::object_to_open, FaultAction::fail, 3);
  s.start(Role::aggregator);
  EXPECT_EQ(s.flow(), "");
  EXPECT_EQ(s.page(Role::aggregator).struck(FaultPoint::object_to_open), 1U);
  EXPECT_EQ(s.account().overrun, 0U);
  EXPECT_EQ(s.closes(), "");
  EXPECT_EQ(s.end_in_order(), "");
}

TEST(FaultPointList, has_a_case_for_every_point_and_fails_each_call_that_can_fail) {
  for (std::size_t i = 0; i < rt::kFaultPoints; ++i) {
    bool reached = false, failed = rt::kFaultNames[i].error == 0;
    for (const Case& c : cases()) {
      if (c.point != static_cast<FaultPoint>(i)) continue;
      reached = true;
      failed = failed || c.failing != Failing::not_here;
    }
    EXPECT_TRUE(reached && failed) << rt::kFaultNames[i].name;
  }
}

}  // namespace
}  // namespace chappe::fault
