// Clocks. Everything inside Chappe runs on CLOCK_MONOTONIC; wall time is an offset. Any thread; no system call beyond the vDSO.
#pragma once
#include <cerrno>
#include <cstdint>
#include <ctime>

namespace chappe::rt {

inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr std::int64_t kMillisecond = 1'000'000;

inline std::int64_t to_ns(const timespec& t) noexcept { return static_cast<std::int64_t>(t.tv_sec) * kSecond + t.tv_nsec; }
inline timespec to_timespec(std::int64_t ns) noexcept {
  return {.tv_sec = static_cast<time_t>(ns / kSecond), .tv_nsec = static_cast<long>(ns % kSecond)};
}
inline std::int64_t clock_ns(clockid_t id) noexcept {
  timespec t{};
  clock_gettime(id, &t);
  return to_ns(t);
}
inline std::int64_t monotonic_ns() noexcept { return clock_ns(CLOCK_MONOTONIC); }
inline std::int64_t realtime_ns() noexcept { return clock_ns(CLOCK_REALTIME); }

/// Sleeps until CLOCK_MONOTONIC reads `deadline_ns`. A signal does not shorten it.
inline void sleep_until(std::int64_t deadline_ns) noexcept {
  const timespec t = to_timespec(deadline_ns);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) == EINTR) {
  }
}

/// Looks each millisecond whether it is `done`; false: not before the deadline. For ordinary threads.
template <class Done>
bool wait_until(std::int64_t deadline_ns, Done done) {
  while (!done()) {
    const std::int64_t now = monotonic_ns();
    if (now >= deadline_ns) return false;
    sleep_until(now + kMillisecond);
  }
  return true;
}

}  // namespace chappe::rt
