#include "bench/placement.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

#include "rt/clock.hpp"

namespace chappe::bench {

bool pin(int cpu) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

void* shared_memory(std::size_t bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (data != MAP_FAILED) return data;
  std::perror("mmap");
  std::exit(71);
}

Neighbour::Neighbour(int cpu, const std::function<bool()>& body) : pid_(fork()) {
  if (pid_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin(cpu);
  _exit(body() ? 0 : 1);
}

bool Neighbour::lives() noexcept {
  if (!lives_ || ++asked_ % 65'536 != 0) return lives_;
  siginfo_t info{};
  lives_ = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
  return lives_;
}

bool Neighbour::ended_well() const noexcept {
  int status = 1;
  return waitpid(pid_, &status, 0) == pid_ && status == 0;
}

double round_trip_ns() {
  constexpr std::uint64_t kTrips = 20'000, kBatch = 100;
  static auto& ball = *new (shared_memory(4096)) std::atomic<std::uint64_t>{0};
  ball.store(0, std::memory_order_seq_cst);
  const Neighbour other(1, [] {
    for (std::uint64_t n = 1; n < 2 * kTrips; n += 2) {
      while (ball.load(std::memory_order_acquire) != n) {
      }
      ball.store(n + 1, std::memory_order_release);
    }
    return true;
  });
  std::vector<double> trips;
  for (std::uint64_t n = 0; n < 2 * kTrips;) {
    const std::int64_t begin = rt::monotonic_ns();
    for (const std::uint64_t end = n + 2 * kBatch; n < end; n += 2) {
      ball.store(n + 1, std::memory_order_release);
      while (ball.load(std::memory_order_acquire) != n + 2) {
      }
    }
    trips.push_back(static_cast<double>(rt::monotonic_ns() - begin) / kBatch);
  }
  static_cast<void>(other.ended_well());
  std::nth_element(trips.begin(), trips.begin() + static_cast<std::ptrdiff_t>(trips.size() / 2), trips.end());
  return trips[trips.size() / 2];
}

bool same_placement(double before_ns, double after_ns) noexcept {
  return std::max(before_ns, after_ns) < std::min(before_ns, after_ns) * 4 / 3;
}

}  // namespace chappe::bench
