// A doorbell between two processes: a POSIX semaphore that says "look again" and never how much. One role rings a bell, one sleeps on it,
// so its value stays in {0, 1}. What may pass is decided by cursors alone; a lost or surplus ring costs time at most, never data. A sleeper
// killed in sem_wait leaves a waiter count behind for ever: from then on a ring costs a system call. Stated, never repaired.
#pragma once
#include <semaphore.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "rt/clock.hpp"
#include "rt/counter.hpp"
#include "rt/fault.hpp"

namespace chappe::shm {

/// STEP bell: the cursor was stored before. Real time; a system call only if the other side sleeps.
/// This fence and the sleeper's order cursor against value; without them 1 in 5,000 messages sleeps through, on x86 too.
inline void ring_bell(sem_t& bell, rt::Counter& failed) noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC(bell)
  int value = 0;
  if (sem_getvalue(&bell, &value) == 0 && value > 0) return;
  if (sem_post(&bell) != 0) failed.add();
  CHAPPE_FAULT(bell_posted);
}

/// Rings on adopt and attach: a peer killed between sem_post's add and its wake leaves value 1 with the other side asleep, so the value is
/// taken first and posted whatever it was.
inline void ring_bell_anew(sem_t& bell, rt::Counter& failed) noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC(bell)
  sem_trywait(&bell);
  if (sem_post(&bell) != 0) failed.add();
}

/// Sleeps until rung or CLOCK_MONOTONIC reaches the deadline; the caller looks at its cursor again in either case.
/// True: rung. The fence after it is the sleeper's half; Arm needs it. A value that no ringer of ours leaves is somebody's damage: without
/// the pause one would not sleep again for up to 2^31 looks.
inline bool sleep_on_bell(sem_t& bell, std::int64_t deadline_ns) noexcept {
  const timespec deadline = rt::to_timespec(deadline_ns);
  int result = 0;
  do {
    result = sem_clockwait(&bell, CLOCK_MONOTONIC, &deadline);
  } while (result != 0 && errno == EINTR);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC(bell)
  int left = 0;
  if (result == 0 && sem_getvalue(&bell, &left) == 0 && left > 1) rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond);
  return result == 0;
}

}  // namespace chappe::shm
