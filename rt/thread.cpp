// Each wish is applied by the new thread itself: a refusal by pthread_create would be fatal, here it is a text.
#include "rt/thread.hpp"

#include <linux/capability.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <memory>

#include "rt/counter.hpp"
#include "rt/proc_status.hpp"

namespace chappe::rt {

struct Thread::Running {
  ThreadPlan plan;
  std::function<void()> body;
  std::string refused;  // written by the thread before `ready`, constant after
  pid_t tid = 0;        // likewise
  pthread_t handle{};
  bool joined = false;
  Flag ended;
  sem_t ready;

  Running(ThreadPlan p, std::function<void()> b) : plan(std::move(p)), body(std::move(b)) { sem_init(&ready, 0, 0); }
  ~Running() { sem_destroy(&ready); }
  static void* run(void* self) noexcept;
};

namespace {

// struct sched_attr of sched_setattr(2), version 0: glibc 2.36 has no wrapper, and the kernel's header collides with <sched.h>.
struct SchedAttr {
  std::uint32_t size, policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime, deadline, period;
};
static_assert(sizeof(SchedAttr) == 48);

std::string list_of(const std::vector<int>& cpus) {
  std::string text;
  for (const int cpu : cpus) text.append(text.empty() ? "" : ",").append(std::to_string(cpu));
  return text;
}

std::vector<int> granted_cpus(pid_t tid) {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(tid, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

/// Success: empty. The kernel silently leaves out processors that the cpuset forbids or that are not there, so what it granted is compared.
std::string apply_cpus(std::vector<int> asked) {
  if (asked.empty()) return {};
  std::sort(asked.begin(), asked.end());
  asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : asked) {
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(static_cast<unsigned>(cpu), &set);
  }
  const int error = sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : errno;
  const auto granted = granted_cpus(0);
  if (error == 0 && granted == asked) return {};
  return "processors " + list_of(asked) + " refused" + (error != 0 ? ": " + std::string(std::strerror(error)) : "") + ", it runs on " +
         list_of(granted) + "; ask for processors that are online and in the process's cpuset";
}

/// The cpu.rt_runtime_us of the calling process's cgroup (version 1 with RT_GROUP_SCHED), empty where there is none. `group` gets its path.
std::string rt_runtime(std::string& group) {
  std::ifstream cgroups("/proc/self/cgroup");
  for (std::string line; std::getline(cgroups, line);) {  // number:controllers:path
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = std::string(",").append(line, first + 1, second - first - 1).append(",");
    if (controllers.find(",cpu,") == std::string::npos) continue;
    group = line.substr(second + 1);
    std::ifstream file("/sys/fs/cgroup/cpu" + group + "/cpu.rt_runtime_us");
    std::string value;
    std::getline(file, value);
    return value;
  }
  return {};
}

std::string cause_of_eperm(int priority) {
  std::string group;
  const std::string runtime = rt_runtime(group);
  if (runtime == "0") {
    return "cgroup " + group +
           " has cpu.rt_runtime_us = 0 (RT_GROUP_SCHED): give it a budget there, or move the process to the root cgroup";
  }
  if (has_capability(CAP_SYS_NICE)) {
    return "CAP_SYS_NICE is there, so a cgroup without real-time budget (RT_GROUP_SCHED, cpu.rt_runtime_us = 0), a user namespace or a "
           "seccomp "
           "filter forbids it: move the process out of it";
  }
  rlimit limit{};
  getrlimit(RLIMIT_RTPRIO, &limit);
  return "RLIMIT_RTPRIO is " + std::to_string(limit.rlim_cur) +
         " and CAP_SYS_NICE is missing: set LimitRTPRIO=" + std::to_string(priority) +
         " in the unit, raise `ulimit -r`, or grant CAP_SYS_NICE";
}

/// Success: empty.
std::string apply_policy(const ThreadPlan& plan) {
  if (plan.policy == Policy::other) return {};
  sched_param parameters{};
  parameters.sched_priority = plan.priority;
  const int error = pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters);  // success: 0; no EINTR
  if (error == 0) return {};
  std::string text = "SCHED_FIFO priority " + std::to_string(plan.priority) + " refused: " + std::strerror(error) + ": ";
  if (error == EINVAL) return text + "expected a priority from 1 to 99";
  return text + cause_of_eperm(plan.priority);
}

/// Writes once to every page below the caller's frame, so that the body faults none of them in.
[[gnu::noinline]] void prefault_stack() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  void* lowest = nullptr;
  std::size_t size = 0;
  pthread_attr_getstack(&attributes, &lowest, &size);
  pthread_attr_destroy(&attributes);
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto end = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) - page;
  for (auto at = reinterpret_cast<std::uintptr_t>(lowest); at < end; at += page) *reinterpret_cast<volatile unsigned char*>(at) = 0;
}

/// Every signal, but for those that a fault of the thread itself raises: blocked, they would kill the process without its handler.
sigset_t blocked_in_threads() {
  sigset_t set;
  sigfillset(&set);
  for (const int fault : {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) sigdelset(&set, fault);
  return set;
}

/// Success: 0. SCHED_OTHER explicitly: the maker's own policy must not leak into a thread that did not ask for it.
int create(const ThreadPlan& plan, pthread_t& handle, void* (*run)(void*), void* argument) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto least = static_cast<std::size_t>(sysconf(_SC_THREAD_STACK_MIN));
  const std::size_t stack = (std::max(plan.stack_bytes, least) + page - 1) / page * page;
  const sigset_t blocked = blocked_in_threads();
  sched_param parameters{};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
  pthread_attr_setschedpolicy(&attributes, SCHED_OTHER);
  pthread_attr_setschedparam(&attributes, &parameters);
  int error = pthread_attr_setstacksize(&attributes, stack);
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, &blocked, &before);  // inherited, so that there is no instant without it
  if (error == 0) error = pthread_create(&handle, &attributes, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace

void* Thread::Running::run(void* self) noexcept {
  auto& running = *static_cast<Running*>(self);
  running.tid = static_cast<pid_t>(syscall(SYS_gettid));
  pthread_setname_np(pthread_self(), running.plan.name.c_str());
  running.refused = apply_cpus(running.plan.cpus);
  const std::string policy = apply_policy(running.plan);
  if (!policy.empty()) running.refused += (running.refused.empty() ? "" : "; ") + policy;
  if (!running.refused.empty()) running.refused = "thread " + running.plan.name + ": " + running.refused;
  prefault_stack();
  sem_post(&running.ready);
  running.body();
  running.ended.raise();
  return nullptr;
}

Result<Thread> Thread::start(const ThreadPlan& plan, std::function<void()> body) {
  if (plan.name.empty() || plan.name.size() > 15) {
    return Error{EX_CONFIG, "thread name \"" + plan.name + "\": expected 1 to 15 bytes"};
  }
  auto running = std::make_unique<Running>(plan, std::move(body));
  const int error = create(plan, running->handle, &Running::run, running.get());
  if (error != 0) {
    return errno_error("thread " + plan.name + " with a stack of " + std::to_string(plan.stack_bytes) + " bytes: pthread_create", error);
  }
  while (sem_wait(&running->ready) != 0) {  // EINTR: again
  }
  Thread thread;
  thread.running_ = running.release();
  return thread;
}

Thread::Thread(Thread&& other) noexcept : running_(std::exchange(other.running_, nullptr)) {}

Thread& Thread::operator=(Thread&& other) noexcept {
  std::swap(running_, other.running_);  // the other joins what was ours when it goes
  return *this;
}

Thread::~Thread() {
  join();
  delete running_;
}

const ThreadPlan& Thread::plan() const {
  CHAPPE_EXPECTS(running_ != nullptr);
  return running_->plan;
}

ThreadGrant Thread::grant() const {
  CHAPPE_EXPECTS(running_ != nullptr);
  ThreadGrant grant;
  grant.refused = running_->refused;
  if (running_->joined || running_->ended.is_up()) return grant;  // its number may be another's by now
  SchedAttr attr{};
  if (syscall(SYS_sched_getattr, running_->tid, &attr, sizeof attr, 0) == 0 && attr.policy == SCHED_FIFO) {
    grant.policy = Policy::fifo;
    grant.priority = static_cast<int>(attr.priority);
  }
  grant.cpus = granted_cpus(running_->tid);
  return grant;
}

void Thread::join() {
  if (running_ == nullptr || std::exchange(running_->joined, true)) return;
  pthread_join(running_->handle, nullptr);
}

}  // namespace chappe::rt
