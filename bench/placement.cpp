#include "bench/placement.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "rt/clock.hpp"

namespace chappe::bench {
namespace {

constexpr std::uint64_t kTrips = 20'000, kBatch = 100, kLooksBetween = 1'000'000;

using Ball = std::atomic<std::uint64_t>;

bool return_ball(Ball& ball) {
  for (std::uint64_t n = 1; n < 2 * kTrips; n += 2) {
    while (ball.load(std::memory_order_acquire) != n) {
    }
    ball.store(n + 1, std::memory_order_release);
  }
  return true;
}

/// False: the other is dead.
bool wait_for_ball(const Ball& ball, std::uint64_t n, const Neighbour& other) noexcept {
  for (std::uint64_t looks = 1; ball.load(std::memory_order_acquire) != n; ++looks) {
    if (looks % kLooksBetween == 0 && !other.lives_now()) return false;
  }
  return true;
}

}  // namespace

bool pin(int cpu) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;  // success: 0; no EINTR
}

Pinned::Pinned(int cpu) noexcept {
  CPU_ZERO(&before_);
  was_known_ = sched_getaffinity(0, sizeof before_, &before_) == 0;  // success: 0; fails beyond CPU_SETSIZE processors
  pin(cpu);
}
Pinned::~Pinned() {
  if (was_known_) sched_setaffinity(0, sizeof before_, &before_);
}

SharedMemory::SharedMemory(std::size_t bytes) : bytes_(bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (data == MAP_FAILED) {
    std::perror("chappe-bench: mmap of shared memory");
    std::exit(EX_OSERR);
  }
  data_ = static_cast<std::byte*>(data);
}
SharedMemory::~SharedMemory() { munmap(data_, bytes_); }

Neighbour::Neighbour(int cpu, const std::function<bool()>& body) : pid_(fork()) {
  if (pid_ < 0) {
    std::perror("chappe-bench: fork");
    std::exit(EX_OSERR);
  }
  if (pid_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin(cpu);
  _exit(body() ? EX_OK : EX_SOFTWARE);
}
Neighbour::~Neighbour() {
  kill();
  ended_well();
}

bool Neighbour::lives_now() const noexcept {
  siginfo_t info{};
  return pid_ != 0 && waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

bool Neighbour::ended_well() noexcept {
  const pid_t pid = std::exchange(pid_, 0);
  int status = 1;
  return pid != 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

void Neighbour::kill() noexcept {
  if (pid_ != 0) ::kill(pid_, SIGKILL);
}

double round_trip_ns() {
  const SharedMemory memory(4096);
  auto& ball = *new (memory.data()) Ball{0};
  const Pinned here(0);
  Neighbour other(1, [&ball] { return return_ball(ball); });
  std::vector<double> trips;
  bool alive = true;
  for (std::uint64_t n = 0; n < 2 * kTrips && alive;) {
    const std::int64_t begin = rt::monotonic_ns();
    for (const std::uint64_t end = n + 2 * kBatch; n < end && alive; n += 2) {
      ball.store(n + 1, std::memory_order_release);
      alive = wait_for_ball(ball, n + 2, other);
    }
    trips.push_back(static_cast<double>(rt::monotonic_ns() - begin) / kBatch);
  }
  if (!alive || !other.ended_well()) return 0;
  std::nth_element(trips.begin(), trips.begin() + static_cast<std::ptrdiff_t>(trips.size() / 2), trips.end());
  return trips[trips.size() / 2];
}

bool same_placement(double before_ns, double after_ns) noexcept {
  return std::max(before_ns, after_ns) < std::min(before_ns, after_ns) * 4 / 3;
}

}  // namespace chappe::bench
