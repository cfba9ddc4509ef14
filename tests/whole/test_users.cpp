// The three processes as three unprivileged users, with CAP_SYS_NICE and CAP_IPC_LOCK and nothing else: the whole path, kills, restarts,
// reloads, an orderly stop; and what the others may not. Needs root, who becomes those users.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>

#include "harness.hpp"
#include "rt/clock.hpp"
#include "window_rows.hpp"

namespace chappe::whole {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr gid_t kReaders = 42001, kConsumers = 42002, kOperators = 42003;
// A process gives its objects and queues only to groups that it is in itself, and answers an operator through a queue of the operators.
const User kProducer{41001, {kReaders, kConsumers, kOperators}, true};
const User kAggregator{41002, {kReaders, kConsumers, kOperators}, true};
const User kDisplay{41003, {kReaders}, false};
const User kOperator{41004, {kOperators}, false};
const User kStranger{41005, {}, false};

constexpr bool kLocksMemory = !kSanitized;  // sanitizers make mlockall do nothing

/// errno of what the user does, who has no capability left; 0: it is allowed.
int errno_as(const User& user, const std::function<bool()>& action) {
  const pid_t pid = fork();
  if (pid == 0) {
    const bool became = setgroups(user.groups.size(), user.groups.data()) == 0 && setgid(user.id) == 0 && setuid(user.id) == 0;
    _exit(!became ? 255 : action() ? 0 : errno);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int first_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) return cpu;
  }
  return 0;
}

class Users : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can become the users of this test";
    if (access("/usr/bin/setpriv", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/setpriv (Debian: util-linux)";
    const Output tried = run("/bin/true", {}, &kProducer);
    if (tried.exit_code != 0) GTEST_SKIP() << "this root cannot give CAP_SYS_NICE and CAP_IPC_LOCK: " << tried.err;
    instance_.share_folder();
    configure(500);
    aggregator_ = start_aggregator();
    producer_ = start_producer();
    ASSERT_TRUE(flows()) << logs();
  }
  void configure(int frames) const {
    instance_.configure("[permissions]\nreaders = \"" + std::to_string(kReaders) + "\"\nconsumers = \"" + std::to_string(kConsumers) +
                        "\"\noperators = \"" + std::to_string(kOperators) +
                        "\"\n[realtime]\nlock_memory = " + (kLocksMemory ? "true" : "false") +
                        "\n[realtime.feed]\npolicy = \"fifo\"\npriority = 33\ncpus = [" + std::to_string(first_cpu()) +
                        "]\n[realtime.source]\npriority = 32\n[realtime.drain]\npriority = 31\n[[stream]]\nname = \"proof\"\nrate = 20000\n"
                        "channels = [{name = \"a\", waveform = \"index\"}]\n[[stream.window]]\nframes = " +
                        std::to_string(frames) + "\n[[stream.alarm]]\nname = \"silent\"\nkind = \"stale\"\nafter = \"60s\"\n");
  }
  Child start_producer() const { return instance_.start("chappe-producer", {"--require-realtime"}, &kProducer); }
  Child start_aggregator() const {
    return instance_.start("chappe-aggregator",
                           {"--require-realtime", "--window-log", instance_.path("windows.csv"), "--closing-ledger", ledger_file()},
                           &kAggregator);
  }
  std::string ledger_file() const { return instance_.path("closing.json"); }
  std::string logs() const { return instance_.log("chappe-producer") + instance_.log("chappe-aggregator"); }
  /// What a user who may only look is told.
  Json process(const char* name) const { return instance_.ask("status", &kDisplay)["processes"][name]; }
  std::uint64_t aggregated() const {
    const Json ledger = instance_.ask("ledger", &kDisplay);
    return ledger.is_object() && !ledger["streams"].empty() ? ledger["streams"][0]["aggregated"].get<std::uint64_t>() : 0;
  }
  bool flows() const {
    const std::uint64_t before = aggregated();
    return instance_.until([&] { return aggregated() > before + 2000; });
  }
  Output chappectl(const std::string& command, const User& user) const {
    return run("chappectl", {command, "--instance", instance_.name()}, &user);
  }
  void expect_reloaded(int count) const {
    for (const char* name : {"producer", "aggregator"}) {
      EXPECT_TRUE(instance_.until([&] { return process(name)["last_reload"]["count"] == count; })) << process(name).dump() << logs();
      EXPECT_TRUE(process(name)["last_reload"]["ok"].get<bool>()) << process(name).dump();
    }
  }
  void expect_realtime(const char* name, int highest) const {
    ASSERT_TRUE(instance_.until([&] { return !process(name)["realtime"]["threads"].empty(); }));
    const Json realtime = process(name)["realtime"];
    EXPECT_TRUE(realtime["refused"].is_null()) << realtime.dump();
    EXPECT_EQ(realtime["locked_bytes"].get<std::uint64_t>() > 0, kLocksMemory);
    EXPECT_EQ(realtime["threads"][0]["asked"]["priority"], highest);
    for (const auto& thread : realtime["threads"]) {
      EXPECT_EQ(thread["granted"]["policy"], "fifo") << thread.dump();
      EXPECT_EQ(thread["granted"]["priority"], thread["asked"]["priority"]) << thread.dump();
      if (thread["asked"]["cpus"].empty()) continue;  // any
      EXPECT_EQ(thread["granted"]["cpus"], thread["asked"]["cpus"]) << thread.dump();
    }
  }
  int errno_of_open(const User& user, const std::string& kind, int flags) const {
    const std::string path = "/dev/shm/chappe." + instance_.name() + "." + kind;
    return errno_as(user, [&] { return open(path.c_str(), flags | O_CLOEXEC) >= 0; });
  }
  int errno_of_queue(const User& user, const std::string& queue, int flags) const {
    const std::string name = "/chappe." + instance_.name() + "." + queue;
    return errno_as(user, [&] { return mq_open(name.c_str(), flags | O_CLOEXEC | O_NONBLOCK) >= 0; });
  }
  /// An operator stops all: nothing is left, and the closing ledger closes.
  void expect_orderly_stop() {
    const Output stopped = chappectl("stop", kOperator);
    EXPECT_EQ(stopped.exit_code, 0) << stopped.out << stopped.err;
    EXPECT_EQ(producer_.wait_for(20 * rt::kSecond), 0) << logs();
    EXPECT_EQ(aggregator_.wait_for(20 * rt::kSecond), 0) << logs();
    EXPECT_THAT(instance_.objects(), IsEmpty());
    for (const char* queue : {"control", "producer"}) EXPECT_EQ(errno_of_queue({}, queue, O_WRONLY), ENOENT) << queue;
    const Json closing = Json::parse(std::ifstream(ledger_file()), nullptr, false);
    EXPECT_EQ(Instance::does_not_close(closing), "");
  }

  Instance instance_;
  Child aggregator_, producer_;
};

TEST_F(Users, the_whole_path_flows_with_the_real_time_that_was_asked_and_stops_in_order) {
  expect_realtime("producer", 33);
  expect_realtime("aggregator", 31);
  const Json view = instance_.display(&kDisplay);
  ASSERT_TRUE(view.is_object());
  EXPECT_TRUE(view["producer"]["alive"].get<bool>());
  EXPECT_TRUE(view["aggregator"]["alive"].get<bool>());
  EXPECT_EQ(view["streams"][0]["stream"], "proof");
  EXPECT_TRUE(view["streams"][0]["channels"][0]["mean"].is_number()) << view.dump();
  EXPECT_EQ(Instance::losses(view["ledger"]), "");
  expect_orderly_stop();
  const auto rows = rows_of(instance_.path("windows.csv"), "proof");
  ASSERT_GT(rows.size(), 2U);
  for (const Row& row : rows) ASSERT_EQ(not_of_index(row, 0), "");
}

TEST_F(Users, a_killed_producer_is_restarted_and_adopts_its_ring_and_a_killed_aggregator_resumes) {
  const Json ring = instance_.ask("status", &kDisplay)["ring"];
  producer_.kill_it();
  EXPECT_FALSE(instance_.display(&kDisplay)["producer"]["alive"].get<bool>());
  producer_ = start_producer();
  ASSERT_TRUE(flows()) << logs();
  const Json adopted = instance_.ask("status", &kDisplay)["ring"];
  EXPECT_EQ(adopted["incarnation"], ring["incarnation"]);
  EXPECT_EQ(adopted["epoch"].get<int>(), ring["epoch"].get<int>() + 1);
  aggregator_.kill_it();
  const std::uint64_t before = aggregated();
  aggregator_ = start_aggregator();
  ASSERT_TRUE(flows()) << logs();
  EXPECT_GT(aggregated(), before) << "it did not forget";
  EXPECT_EQ(Instance::does_not_close(instance_.ask("ledger", &kDisplay)), "");
  expect_realtime("producer", 33);
  expect_realtime("aggregator", 31);
  expect_orderly_stop();
}

TEST_F(Users, a_reload_is_by_a_signal_of_the_own_user_or_by_an_operator_and_by_nobody_else) {
  configure(700);
  const std::pair<pid_t, const User*> owned[] = {{producer_.pid(), &kProducer}, {aggregator_.pid(), &kAggregator}};
  for (const auto& [pid, owner] : owned) {
    EXPECT_EQ(errno_as(kDisplay, [target = pid] { return kill(target, SIGUSR1) == 0; }), EPERM);
    EXPECT_EQ(errno_as(*owner, [target = pid] { return kill(target, SIGUSR1) == 0; }), 0);
  }
  expect_reloaded(1);
  configure(900);
  const Output ordered = chappectl("reload", kOperator);
  EXPECT_EQ(ordered.exit_code, 0) << ordered.out << ordered.err;
  expect_reloaded(2);
  for (const User* user : {&kDisplay, &kStranger}) {
    for (const char* command : {"reload", "stop"}) {
      const Output refused = chappectl(command, *user);
      EXPECT_EQ(refused.exit_code, EX_NOPERM) << refused.out << refused.err;
      EXPECT_THAT(refused.err, HasSubstr("operators")) << refused.out;
    }
  }
  expect_reloaded(2);
  EXPECT_TRUE(flows());
  expect_orderly_stop();
}

TEST_F(Users, the_user_of_the_display_reads_ring_ledger_board_and_alarms_and_opens_nothing_else) {
  for (const char* kind : {"ring", "ledger", "board", "alarms"}) {
    EXPECT_EQ(errno_of_open(kDisplay, kind, O_RDONLY), 0) << kind;
    EXPECT_EQ(errno_of_open(kDisplay, kind, O_RDWR), EACCES) << kind;
    EXPECT_EQ(errno_of_open(kDisplay, kind, O_WRONLY), EACCES) << kind;
  }
  for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR}) {
    EXPECT_EQ(errno_of_open(kDisplay, "gates", flags), EACCES) << flags;
    EXPECT_EQ(errno_of_queue(kDisplay, "control", flags), EACCES) << flags;
    EXPECT_EQ(errno_of_queue(kDisplay, "producer", flags), EACCES) << flags;
  }
  EXPECT_EQ(errno_of_queue(kOperator, "control", O_WRONLY), 0) << "the names are right";
  EXPECT_EQ(errno_of_open(kAggregator, "ring", O_RDWR), EACCES) << "nor is a consumer a writer of the ring";
  EXPECT_EQ(errno_of_open(kProducer, "board", O_RDWR), EACCES) << "nor the producer one of the board";
}

TEST_F(Users, a_user_in_no_group_is_told_that_there_is_no_permission) {
  for (const char* kind : {"ring", "ledger", "board", "alarms", "gates"})
    EXPECT_EQ(errno_of_open(kStranger, kind, O_RDONLY), EACCES) << kind;
  const Output view = run("chappe-display", {"--once", "--instance", instance_.name()}, &kStranger);
  EXPECT_EQ(view.exit_code, EX_NOPERM) << view.out << view.err;
  EXPECT_THAT(view.err, HasSubstr("Permission denied (only [permissions] readers may)"));
  for (const char* command : {"status", "ledger", "streams"}) {
    const Output refused = chappectl(command, kStranger);
    EXPECT_EQ(refused.exit_code, EX_NOPERM) << refused.out << refused.err;
    EXPECT_THAT(refused.err, HasSubstr("Permission denied"));
  }
}

}  // namespace
}  // namespace chappe::whole
