#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "rt/bell.hpp"
#include "rt/proc_status.hpp"
#include "rt/thread.hpp"

namespace chappe::rt {
namespace {

using testing::HasSubstr;

// A sanitizer turns mlock and mlockall into nothing: its shadow memory cannot be locked.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

/// Runs `body` in a child; the child's exit code. 77: skipped.
int in_child(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/// A thread that lives until the holder goes.
struct Sleeper {
  Bell bell;
  Result<Thread> thread;
  explicit Sleeper(const ThreadPlan& plan) : thread(Thread::start(plan, [this] { bell.wait_until(monotonic_ns() + 600 * kSecond); })) {}
  ~Sleeper() { bell.ring(); }
};

TEST(Thread, the_body_runs_under_its_name_before_join_returns) {
  std::string name;
  auto thread = Thread::start({.name = "fifteen-bytes-x"}, [&] { name = status_field("Name"); });
  ASSERT_TRUE(thread);
  thread->join();
  EXPECT_EQ(name, "fifteen-bytes-x");
}

TEST(Thread, a_name_too_long_is_an_error_that_says_so) {
  const auto thread = Thread::start({.name = "sixteen-bytes-xx"}, [] {});
  ASSERT_FALSE(thread);
  EXPECT_THAT(thread.error().text, HasSubstr("1 to 15 bytes"));
}

TEST(Thread, an_impossible_stack_is_an_error_that_names_it) {
  if (std::getenv("CHAPPE_QEMU_USER") != nullptr) GTEST_SKIP() << "qemu's user mode makes page tables for all 64 TiB until memory is gone";
  const auto thread = Thread::start({.name = "huge", .stack_bytes = std::size_t{1} << 46}, [] {});
  ASSERT_FALSE(thread);
  EXPECT_THAT(thread.error().text, HasSubstr("70368744177664 bytes"));
}

TEST(Thread, all_signals_but_faults_are_blocked_in_the_body) {
  sigset_t blocked;
  auto thread = Thread::start({.name = "masked"}, [&] { pthread_sigmask(SIG_SETMASK, nullptr, &blocked); });
  ASSERT_TRUE(thread);
  thread->join();
  for (const int number : {SIGUSR1, SIGHUP, SIGTERM, SIGINT, SIGCHLD, SIGPIPE, SIGALRM})
    EXPECT_EQ(sigismember(&blocked, number), 1) << number;
  for (const int number : {SIGBUS, SIGSEGV}) EXPECT_EQ(sigismember(&blocked, number), 0) << number;
}

TEST(Thread, the_stack_has_its_size_and_the_body_faults_none_of_it_in) {
  long faults = -1;
  std::size_t size = 0;
  auto thread = Thread::start({.name = "stack", .stack_bytes = 1024 * 1024}, [&] {
    pthread_attr_t attributes;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstacksize(&attributes, &size);
    pthread_attr_destroy(&attributes);
    rusage before{}, after{};
    getrusage(RUSAGE_THREAD, &before);
    volatile char room[700 * 1024];
    for (std::size_t i = 0; i < sizeof room; i += 1024) room[i] = 1;
    getrusage(RUSAGE_THREAD, &after);
    faults = after.ru_minflt - before.ru_minflt;
  });
  ASSERT_TRUE(thread);
  thread->join();
  EXPECT_EQ(size, 1024U * 1024U);
  EXPECT_LT(faults, 20) << "of 175 pages";
}

TEST(Thread, what_was_granted_is_read_from_the_kernel) {
  Sleeper sleeper({.name = "plain", .cpus = {0}});
  ASSERT_TRUE(sleeper.thread);
  const auto grant = sleeper.thread->grant();
  EXPECT_EQ(grant.policy, Policy::other);
  EXPECT_EQ(grant.priority, 0);
  EXPECT_EQ(grant.cpus, std::vector<int>{0});
  EXPECT_EQ(grant.refused, "");
}

TEST(Thread, a_real_time_wish_is_granted_where_the_kernel_allows_it) {
  Sleeper sleeper({.name = "feed", .policy = Policy::fifo, .priority = 7});
  ASSERT_TRUE(sleeper.thread);
  const auto grant = sleeper.thread->grant();
  if (!grant.refused.empty()) GTEST_SKIP() << grant.refused;
  EXPECT_EQ(grant.policy, Policy::fifo);
  EXPECT_EQ(grant.priority, 7);
}

TEST(Thread, the_policy_of_its_maker_does_not_leak_into_a_thread) {
  Policy inner = Policy::fifo;
  auto outer = Thread::start({.name = "outer", .policy = Policy::fifo, .priority = 3}, [&] {
    Sleeper sleeper({.name = "inner"});
    inner = sleeper.thread->grant().policy;
  });
  ASSERT_TRUE(outer);
  if (!outer->grant().refused.empty()) GTEST_SKIP() << outer->grant().refused;
  outer->join();
  EXPECT_EQ(inner, Policy::other);
}

TEST(Thread, processors_that_are_not_there_are_refused_by_name_and_the_body_runs) {
  Sleeper partly({.name = "partly", .cpus = {0, 1023}});
  ASSERT_TRUE(partly.thread);
  EXPECT_THAT(partly.thread->grant().refused, HasSubstr("processors 0,1023 refused"));
  EXPECT_EQ(partly.thread->grant().cpus, std::vector<int>{0});
  Sleeper wholly({.name = "wholly", .cpus = {5000}});
  ASSERT_TRUE(wholly.thread);
  EXPECT_THAT(wholly.thread->grant().refused, HasSubstr("thread wholly: processors 5000 refused: Invalid argument"));
}

TEST(Thread, a_real_time_wish_without_permission_is_refused_by_its_cause_and_the_body_runs) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(in_child([] {
              const rlimit none{0, 0};
              setrlimit(RLIMIT_RTPRIO, &none);
              if (setgid(65534) != 0 || setuid(65534) != 0) return 77;
              int ran = 0;
              auto thread = Thread::start({.name = "feed", .policy = Policy::fifo, .priority = 40}, [&] { ran = 1; });
              if (!thread) return 1;
              thread->join();
              if (ran != 1 || thread->grant().policy != Policy::other) return 2;
              const std::string text = thread->grant().refused;
              return text.find("RLIMIT_RTPRIO is 0") != std::string::npos && text.find("LimitRTPRIO=40") != std::string::npos ? 0 : 3;
            }),
            0);
}

TEST(Thread, a_cgroup_without_real_time_budget_is_named) {
  const std::string group = "/sys/fs/cgroup/cpu/chappe-test-" + std::to_string(getpid());
  if (geteuid() != 0 || mkdir(group.c_str(), 0755) != 0) GTEST_SKIP() << "needs root and a cgroup of version 1";
  const bool budgeted = access((group + "/cpu.rt_runtime_us").c_str(), F_OK) == 0;
  const int code = in_child([&] {
    std::ofstream(group + "/tasks") << getpid() << std::flush;
    auto thread = Thread::start({.name = "feed", .policy = Policy::fifo, .priority = 40}, [] {});
    if (!thread) return 1;
    return thread->grant().refused.find("cpu.rt_runtime_us = 0") != std::string::npos ? 0 : 2;
  });
  rmdir(group.c_str());
  if (!budgeted) GTEST_SKIP() << "this kernel has no RT_GROUP_SCHED";
  EXPECT_EQ(code, 0);
}

TEST(Thread, an_ended_thread_is_granted_nothing_and_keeps_its_refusal) {
  auto thread = Thread::start({.name = "short", .cpus = {5000}}, [] {});
  ASSERT_TRUE(thread);
  thread->join();
  EXPECT_TRUE(thread->grant().cpus.empty());
  EXPECT_THAT(thread->grant().refused, HasSubstr("5000"));
}

TEST(Thread, moving_keeps_the_thread_and_assigning_joins_the_one_before) {
  int first = 0, second = 0;
  auto a = Thread::start({.name = "a"}, [&] { first = 1; });
  auto b = Thread::start({.name = "b"}, [&] { second = 1; });
  ASSERT_TRUE(a && b);
  {
    Thread held = std::move(*a);
    held = std::move(*b);
    EXPECT_EQ(held.plan().name, "b");
  }
  a = Thread{};
  b = Thread{};
  EXPECT_EQ(first + second, 2);
}

TEST(Memory, locked_bytes_grow_with_what_is_locked) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer ignores mlock";
  const std::size_t before = locked_bytes();
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* const pages = mmap(nullptr, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  if (mlock(pages, 4 * page) != 0) GTEST_SKIP() << "mlock is refused here";
  EXPECT_EQ(locked_bytes(), before + 4 * page);
  munmap(pages, 4 * page);
}

// In children, because a lock is for the whole process.
TEST(Memory, locking_all_is_seen_by_the_kernel) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer ignores mlockall";
  const int code = in_child([] {
    if (!lock_memory().empty()) return 77;
    return locked_bytes() > 1024 * 1024 ? 0 : 1;
  });
  if (code == 77) GTEST_SKIP() << "mlockall is refused here";
  EXPECT_EQ(code, 0);
}

TEST(Memory, a_refused_lock_names_limit_and_capability) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer ignores mlockall";
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(in_child([] {
              const rlimit little{65536, 65536};
              setrlimit(RLIMIT_MEMLOCK, &little);
              if (setgid(65534) != 0 || setuid(65534) != 0) return 77;
              const std::string text = lock_memory();
              return text.find("RLIMIT_MEMLOCK is 65536 bytes") != std::string::npos && text.find("CAP_IPC_LOCK") != std::string::npos ? 0
                                                                                                                                       : 1;
            }),
            0);
}

}  // namespace
}  // namespace chappe::rt
