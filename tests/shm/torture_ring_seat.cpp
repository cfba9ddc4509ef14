// How a victim dies by its order.
#include <ctime>

#include "rt/clock.hpp"
#include "torture_ring.hpp"

namespace chappe::shm::torture {
namespace {

constexpr std::int64_t kArming = 50'000;  // more than setting a timer takes
constexpr std::int64_t kLatency = 1'500;  // about what a timer is late

/// A timer of the kernel's kills this process about `delay_ns` after the return: between any two instructions, and inside library calls.
/// Should it come sooner, the victim still stands in the phase before.
void die_in(std::int64_t delay_ns) noexcept {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  timer_t timer{};
  const std::int64_t when = rt::monotonic_ns() + kArming + delay_ns;
  const itimerspec once{.it_interval = {}, .it_value = rt::to_timespec(when)};
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, TIMER_ABSTIME, &once, nullptr) != 0)
    kill(getpid(), SIGKILL);
  while (rt::monotonic_ns() < when + kLatency - delay_ns) {
  }
}

constexpr std::uint64_t target_of(std::uint64_t order) noexcept { return order >> 8 & 0xff; }
constexpr std::uint64_t delay_of(std::uint64_t order) noexcept { return order >> 16; }  // ns + 1; 0: at an instant

}  // namespace

bool Seat::is_last(std::uint64_t aimed) noexcept {
  const bool dies = (aimed & 0xff) == 0;
  return order.compare_exchange_strong(aimed, dies ? kFollows : aimed - 1, std::memory_order_acq_rel) && dies;
}

void Seat::begin(Phase p) noexcept {
  const std::uint64_t aimed = order.load(std::memory_order_relaxed);
  if (target_of(aimed) == static_cast<std::uint64_t>(p) + 1 && delay_of(aimed) != 0 && is_last(aimed))
    die_in(static_cast<std::int64_t>(delay_of(aimed) - 1));
  phase.store(static_cast<std::uint64_t>(p), std::memory_order_release);
}

void Seat::pass() noexcept {
  const std::uint64_t aimed = order.load(std::memory_order_relaxed);
  if (target_of(aimed) == phase.load(std::memory_order_relaxed) + 1 && delay_of(aimed) == 0 && is_last(aimed)) kill(getpid(), SIGKILL);
}

}  // namespace chappe::shm::torture
