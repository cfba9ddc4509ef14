#include "bench/pair.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "rt/clock.hpp"
#include "rt/descriptor.hpp"

namespace chappe::bench {
namespace {

constexpr std::int64_t kGrace = 300 * rt::kMillisecond;  // for the one whose peer ended badly

int interrupt_fd = -1;

sigset_t interrupts() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

struct Child {
  const char* name;
  pid_t pid = -1;
  rt::Descriptor handle{};
  bool ended = false, well = false;

  void start(const std::function<bool()>& body) {
    pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      bool good = false;
      try {
        good = body();
      } catch (const std::exception& e) {
        std::fprintf(stderr, "chappe-bench: the %s: %s\n", name, e.what());
      }
      std::exit(good ? EX_OK : EX_SOFTWARE);  // and not _exit: a middleware takes its leave in a destructor
    }
    handle = rt::Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  }
  void reap() {
    int status = 1;
    well = waitpid(pid, &status, 0) == pid && status == 0;
    ended = true;
  }
  void end_by_force() {
    if (ended || pid <= 0) return;
    kill(pid, SIGKILL);
    reap();
  }
};

/// Until one has ended or the deadline is reached. False: an interrupt.
bool wait_for_one(Child& one, Child& other, std::int64_t deadline_ns) {
  pollfd fds[3] = {
      {one.ended ? -1 : one.handle.get(), POLLIN, 0}, {other.ended ? -1 : other.handle.get(), POLLIN, 0}, {interrupt_fd, POLLIN, 0}};
  const std::int64_t left_ms = (deadline_ns - rt::monotonic_ns()) / rt::kMillisecond + 1;
  poll(fds, 3, static_cast<int>(left_ms < 1 ? 1 : left_ms));  // EINTR: the caller asks anew
  if ((fds[0].revents & POLLIN) != 0) one.reap();
  if ((fds[1].revents & POLLIN) != 0) other.reap();
  return (fds[2].revents & POLLIN) == 0;
}

/// Until both have ended, or there is a reason to end what is left of them.
std::string watch(Child& taker, Child& giver, std::int64_t seconds) {
  if (!taker.handle || !giver.handle) return "no child could be started";
  const std::int64_t deadline_ns = rt::monotonic_ns() + seconds * rt::kSecond;
  while (!(taker.ended && giver.ended)) {
    if (!wait_for_one(taker, giver, deadline_ns)) return "interrupted";
    for (Child* child : {&taker, &giver}) {
      if (!child->ended || child->well) continue;
      Child& other = child == &taker ? giver : taker;
      wait_for_one(*child, other, rt::monotonic_ns() + kGrace);  // it may have something to say
      return std::string("the ") + child->name + " ended badly";
    }
    if (rt::monotonic_ns() >= deadline_ns) return "it stood still for " + std::to_string(seconds) + " s, and was ended";
  }
  return "";
}

}  // namespace

std::string run_pair(const std::function<bool()>& producer, const std::function<bool()>& consumer, const std::function<void()>& forked,
                     std::int64_t seconds) {
  std::fflush(nullptr);  // or a child would say it again
  Child taker{.name = "consumer"}, giver{.name = "producer"};
  taker.start(consumer);
  giver.start(producer);
  forked();
  const std::string what = watch(taker, giver, seconds);
  for (Child* child : {&taker, &giver}) child->end_by_force();
  return what;
}

void catch_interrupts() {
  const sigset_t set = interrupts();
  sigprocmask(SIG_BLOCK, &set, nullptr);
  interrupt_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool interrupted() noexcept {
  pollfd fd{interrupt_fd, POLLIN, 0};
  return interrupt_fd >= 0 && poll(&fd, 1, 0) == 1;
}

void release_interrupts() noexcept {
  const sigset_t set = interrupts();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace chappe::bench
